import assert from "node:assert/strict";
import { test } from "node:test";

import { partOf } from "../../static/src/js/lines.js";

test("a theme is fetched from the address of its page, at the level of the map beside it", () => {
  const page = "https://levelup.example/areas/E06000001/?theme=health&with=neighbours#health";
  assert.equal(partOf(page), "/areas/E06000001/?theme=health&with=neighbours&part=theme");
  assert.equal(
    partOf(page, "ward-2025"),
    "/areas/E06000001/?theme=health&with=neighbours&part=theme&inside=ward-2025",
  );
});

test("a level that the link names already gives way to that of the map", () => {
  const page = "https://levelup.example/areas/E06000001/?show=pay&inside=lsoa-2011";
  assert.equal(
    partOf(page, "ward-2025"),
    "/areas/E06000001/?show=pay&inside=ward-2025&part=theme",
  );
});
