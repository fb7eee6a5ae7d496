import assert from "node:assert/strict";
import { test } from "node:test";
import { all, bars, pressedState, toggled } from "../../static/src/js/map/filter.js";

const everything = [1, 2, 3, 4, 5, 0];
const shown = (hidden) => everything.filter((n) => !hidden.has(n));

test("the first class chosen is shown alone", () => {
  assert.deepEqual(shown(toggled(all, 4, everything)), [4]);
});

test("more classes are added and taken away", () => {
  const two = toggled(toggled(all, 4, everything), 5, everything);
  assert.deepEqual(shown(two), [4, 5]);
  assert.deepEqual(shown(toggled(two, 4, everything)), [5]);
});

test("taking the last away, or choosing all, shows everything", () => {
  assert.equal(toggled(toggled(all, 4, everything), 4, everything), all);
  assert.equal(everything.reduce((hidden, n) => toggled(hidden, n, everything), all), all);
});

test("a switch is pressed only while the legend filters", () => {
  assert.equal(pressedState(all, 4), false);
  const hidden = toggled(all, 4, everything);
  assert.equal(pressedState(hidden, 4), true);
  assert.equal(pressedState(hidden, 5), false);
});

test("bars are in per cent of the tallest, and nothing is divided by nothing", () => {
  assert.deepEqual(bars([5, 10, 0]), [50, 100, 0]);
  assert.deepEqual(bars([0, 0]), [0, 0]);
  assert.deepEqual(bars([]), []);
});
