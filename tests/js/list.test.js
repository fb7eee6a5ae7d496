import assert from "node:assert/strict";
import { test } from "node:test";
import { answers } from "../../static/src/js/list.js";

test("every word of a question must be somewhere, in any order and any capitals", () => {
  assert.equal(answers("mean income of taxpayers hmrc", "Income MEAN"), true);
  assert.equal(answers("mean income of taxpayers hmrc", "income crime"), false);
  assert.equal(answers("mean income", ""), true);
  assert.equal(answers("mean income", "  inc "), true);
});
