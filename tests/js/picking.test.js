import assert from "node:assert/strict";
import { test } from "node:test";
import { inside, isDirection, nearest, neighbour, pick } from "../../static/src/js/map/picking.js";

const ring = (x, y, size) => [
  { x, y },
  { x: x + size, y },
  { x: x + size, y: y + size },
  { x, y: y + size },
  { x, y },
];
const feature = (o, x, y, size, holes = []) => ({
  props: { o },
  bbox: { minX: x, minY: y, maxX: x + size, maxY: y + size },
  geom: [ring(x, y, size), ...holes],
});

test("a hole is outside whichever way its ring turns", () => {
  const hole = ring(4, 4, 2);
  assert.equal(inside(5, 5, [ring(0, 0, 10), hole]), false);
  assert.equal(inside(5, 5, [ring(0, 0, 10), [...hole].reverse()]), false);
  assert.equal(inside(1, 1, [ring(0, 0, 10), hole]), true);
});

test("two islands are both inside", () => {
  const rings = [ring(0, 0, 2), ring(10, 0, 2)];
  assert.equal(inside(1, 1, rings), true);
  assert.equal(inside(11, 1, rings), true);
  assert.equal(inside(5, 1, rings), false);
});

test("an area inside the hole of another is picked, and the sea is nothing", () => {
  const features = [feature(1, 0, 0, 10, [ring(4, 4, 2)]), feature(2, 4, 4, 2)];
  assert.equal(pick(5, 5, features).props.o, 2);
  assert.equal(pick(1, 1, features).props.o, 1);
  assert.equal(pick(20, 20, features), null);
});

test("where outlines overlap the smaller area is picked", () => {
  assert.equal(pick(5, 5, [feature(1, 0, 0, 10), feature(2, 4, 4, 2)]).props.o, 2);
});

const centres = new Map([
  ["middle", { x: 0, y: 0 }],
  ["east", { x: 10, y: 1 }],
  ["far east", { x: 30, y: 0 }],
  ["north", { x: 1, y: -10 }],
]);

test("an arrow key goes to the nearest area that way; screens count downwards", () => {
  assert.equal(neighbour(centres, "middle", "ArrowRight"), "east");
  assert.equal(neighbour(centres, "middle", "ArrowUp"), "north");
  assert.equal(neighbour(centres, "east", "ArrowRight"), "far east");
});

test("where nothing lies that way nothing is chosen", () => {
  assert.equal(neighbour(centres, "middle", "ArrowLeft"), null);
  assert.equal(neighbour(centres, "unknown", "ArrowLeft"), null);
});

test("only arrow keys are directions", () => {
  assert.equal(isDirection("ArrowLeft"), true);
  assert.equal(isDirection("Enter"), false);
});

test("the first arrow key starts from the area nearest the middle", () => {
  assert.equal(nearest(centres, 9, 0), "east");
  assert.equal(nearest(new Map(), 9, 0), null);
});
