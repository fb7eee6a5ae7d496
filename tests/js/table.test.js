import assert from "node:assert/strict";
import { test } from "node:test";
import { figure, ordered } from "../../static/src/js/table.js";

test("figures are read as they are written", () => {
  assert.equal(figure("£31,400"), 31400);
  assert.equal(figure("−2.5%"), -2.5);
  assert.equal(figure("0"), 0);
  assert.equal(figure("no data: suppressed"), null);
});

test("rows without a figure stay last in both directions", () => {
  const rows = ["£2", "no data", "£10", "£1"];
  assert.deepEqual(ordered(rows, figure, false), ["£1", "£2", "£10", "no data"]);
  assert.deepEqual(ordered(rows, figure, true), ["£10", "£2", "£1", "no data"]);
});

test("names sort as people sort them, and equals keep their order", () => {
  const name = ({ n }) => n;
  const rows = [{ n: "Area 10" }, { n: "Area 2" }, { n: "área 2", second: true }];
  assert.equal(ordered(rows, name, false).at(-1).n, "Area 10");
  const same = [{ n: "a", i: 0 }, { n: "a", i: 1 }];
  assert.deepEqual(ordered(same, name, true).map(({ i }) => i), [0, 1]);
});
