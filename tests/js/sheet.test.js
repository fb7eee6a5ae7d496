import assert from "node:assert/strict";
import { test } from "node:test";
import { nextSort, sortedAddress } from "../../static/src/js/sheet.js";

test("figures begin with the highest, names with the first, and turn round", () => {
  assert.equal(nextSort("name", "pay"), "-pay");
  assert.equal(nextSort("-pay", "pay"), "pay");
  assert.equal(nextSort("pay", "pay"), "-pay");
  assert.equal(nextSort("-pay", "name"), "name");
  assert.equal(nextSort("name", "name"), "-name");
  assert.equal(nextSort("-name", "name"), "name");
});

test("an address says how it is sorted, and keeps the rest as it was", () => {
  assert.equal(sortedAddress("/x/?level=ward&show=a,b", "-a"), "/x/?level=ward&show=a,b&sort=-a");
  assert.equal(sortedAddress("/x/?sort=-a&show=a,b", "b"), "/x/?show=a,b&sort=b");
  assert.equal(sortedAddress("/x/?sort=-a", "name"), "/x/");
  assert.equal(sortedAddress("/x.csv", "-a"), "/x.csv?sort=-a");
});
