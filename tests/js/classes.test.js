import assert from "node:assert/strict";
import { test } from "node:test";
import { FILTERED, MISSING, OUTSIDE, outlined, sentence, styleOf } from "../../static/src/js/map/classes.js";
import { Listed } from "../../static/src/js/map/listed.js";
import { Whole } from "../../static/src/js/map/whole.js";

const listed = new Listed({ ordinals: [7, 3, 12], classes: [1, null, 5], codes: ["A", "B", "C"], names: [], texts: [], missing: [] });
const none = new Set();

test("an area takes the class at its position, not at its ordinal", () => {
  assert.equal(listed.classOf(7), 1);
  assert.equal(listed.classOf(12), 5);
});

test("an area without a value is missing, never the lowest class", () => {
  assert.equal(listed.classOf(3), MISSING);
});

test("an area that the values do not name is outside", () => {
  assert.equal(listed.classOf(0), OUTSIDE);
  assert.equal(listed.has(0), false);
});

test("a hidden class is filtered, and missing can be hidden too", () => {
  assert.equal(styleOf(5, none), 5);
  assert.equal(styleOf(5, new Set([5])), FILTERED);
  assert.equal(styleOf(MISSING, new Set([MISSING])), FILTERED);
  assert.equal(styleOf(OUTSIDE, new Set([MISSING])), OUTSIDE);
});

test("a row of the table leads to its area, by code or by ordinal", () => {
  assert.equal(listed.ordinalOf({ dataset: { code: "C" } }), 12);
  assert.equal(listed.ordinalOf({ dataset: { code: "Z" } }), null);
  const whole = new Whole({ classes: "1-0", block: 2 }, null);
  assert.equal(whole.ordinalOf({ dataset: { ordinal: "2" } }), 2);
  assert.equal(whole.ordinalOf({ dataset: {} }), null);
});

test("of a whole level a digit is a class, a minus lies beyond the scope, and so does what is not there", () => {
  const whole = new Whole({ classes: "15-0", block: 256 }, null);
  assert.deepEqual([0, 1, 2, 3, 4].map((o) => whole.classOf(o)), [1, 5, OUTSIDE, MISSING, OUTSIDE]);
  assert.deepEqual([0, 1, 2, 3, 4].map((o) => whole.has(o)), [true, true, false, true, false]);
});

test("names of a whole level arrive by the block, once, and a block that failed is asked for again", async () => {
  const asked = [];
  let broken = true;
  const get = async (url) => {
    asked.push(url);
    if (broken) throw new Error("no");
    return { codes: ["A", "B"], names: ["Ashby 1", "Ashby 2"], known_as: ["Ashby", ""], texts: ["1%", ""], missing: ["", "not available"] };
  };
  const whole = new Whole({ classes: "1234", block: 2, details: "/d?period=x" }, get);
  assert.equal(whole.about(2), null);
  await assert.rejects(whole.whenKnown(2));
  broken = false;
  assert.equal((await whole.whenKnown(2)).name, "Ashby 1, in Ashby");
  assert.deepEqual(whole.about(3), { code: "B", name: "Ashby 2", text: "", missing: "not available" });
  await whole.whenKnown(3);
  assert.deepEqual(asked, ["/d?period=x&block=1", "/d?period=x&block=1"]);
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
