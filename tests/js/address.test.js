import assert from "node:assert/strict";
import { test } from "node:test";
import { areaUrl, shown, withShown } from "../../static/src/js/address.js";

test("the figure shown is put into the address, and the rest is kept", () => {
  assert.equal(
    withShown("https://example.org/areas/E06000002/?level=ward&show=income#inside", "pay"),
    "/areas/E06000002/?level=ward&show=pay#inside",
  );
});

test("nothing shown leaves no trace", () => {
  assert.equal(withShown("https://example.org/areas/E06000002/?show=income", ""), "/areas/E06000002/");
});

test("what is written can be read", () => {
  assert.equal(shown("https://example.org" + withShown("https://example.org/", "net income")), "net income");
  assert.equal(shown("https://example.org/"), "");
});

test("an area's page is at its code", () => {
  assert.equal(areaUrl("E06000002"), "/areas/E06000002/");
});
