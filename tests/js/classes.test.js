import assert from "node:assert/strict";
import { test } from "node:test";
import { FILTERED, MISSING, OUTSIDE, outlined, positions, sentence, styleOf } from "../../static/src/js/map/classes.js";

const at = positions([7, 3, 12]);
const classes = [1, null, 5];
const none = new Set();

test("an area takes the class at its position, not at its ordinal", () => {
  assert.equal(styleOf(7, at, classes, none), 1);
  assert.equal(styleOf(12, at, classes, none), 5);
});

test("an area without a value is missing, never the lowest class", () => {
  assert.equal(styleOf(3, at, classes, none), MISSING);
});

test("an area that the values do not name is outside", () => {
  assert.equal(styleOf(0, at, classes, none), OUTSIDE);
});

test("a hidden class is filtered, and missing can be hidden too", () => {
  assert.equal(styleOf(12, at, classes, new Set([5])), FILTERED);
  assert.equal(styleOf(3, at, classes, new Set([MISSING])), FILTERED);
  assert.equal(styleOf(0, at, classes, new Set([MISSING])), OUTSIDE);
});

test("slivers and islets have no outline", () => {
  assert.equal(outlined(40, 2), false);
  assert.equal(outlined(12, 9), true);
});

test("the sentence says the value and its class, or why there is none", () => {
  assert.equal(
    sentence({ name: "Coulby Newham", text: "£31,400", label: "more than £30,000" }),
    "Coulby Newham: £31,400. Class: more than £30,000.",
  );
  assert.equal(sentence({ name: "Ayresome", text: "", missing: "suppressed" }), "Ayresome: no data, suppressed.");
  assert.equal(sentence({ name: "Ayresome", text: "" }), "Ayresome: no data.");
});
