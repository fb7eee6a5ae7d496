import assert from "node:assert/strict";
import { test } from "node:test";
import { announcement, answered, closed, dismissed, pressed, typed } from "../../static/src/js/combobox.js";

const results = [
  { name: "Middlesbrough", url: "/areas/E06000002/" },
  { name: "Middleton", url: "/areas/E05000707/" },
];
const open = answered(typed(closed, "midd"), "midd", { results });

test("suggestions open the list with nothing chosen", () => {
  assert.equal(open.open, true);
  assert.equal(open.active, -1);
  assert.equal(announcement(open), "2 places found.");
});

test("an answer to an earlier question is dropped", () => {
  const later = typed(open, "middle");
  assert.equal(answered(later, "midd", { results: [] }), later);
});

test("arrow keys go round through the reader's own words", () => {
  const seen = [];
  let state = open;
  for (let i = 0; i < 4; i++) {
    state = pressed(state, "ArrowDown").state;
    seen.push(state.active);
  }
  assert.deepEqual(seen, [0, 1, -1, 0]);
  assert.equal(pressed(open, "ArrowUp").state.active, 1);
});

test("Enter on a suggestion goes there; otherwise the form is sent", () => {
  const chosen = pressed(open, "ArrowDown").state;
  assert.deepEqual(pressed(chosen, "Enter").effect, { go: "/areas/E06000002/" });
  const plain = pressed(open, "Enter");
  assert.equal(plain.handled, false);
  assert.equal(plain.effect, null);
});

test("Escape closes the list first and clears the words second", () => {
  const first = pressed(open, "Escape");
  assert.equal(first.state.open, false);
  assert.equal(first.state.query, "midd");
  const second = pressed(first.state, "Escape");
  assert.deepEqual(second.effect, { clear: true });
  assert.equal(second.state.query, "");
  assert.equal(pressed(second.state, "Escape").handled, false);
});

test("no suggestions leave the arrow keys to the browser", () => {
  assert.equal(pressed(closed, "ArrowDown").handled, false);
});

test("a message is said when there is nothing to choose", () => {
  const state = answered(typed(closed, "zz"), "zz", { results: [], message: "No place is called “zz”." });
  assert.equal(announcement(state), "No place is called “zz”.");
  assert.equal(announcement(dismissed(state)), "");
});

test("an empty box has no suggestions", () => {
  assert.deepEqual(typed(open, "  ").options, []);
  assert.equal(typed(open, "  ").open, false);
});

test("a single place is said in the singular", () => {
  assert.equal(announcement(answered(typed(closed, "a"), "a", { results: results.slice(1) })), "1 place found.");
});

test("Home and End go to the first and last suggestion once one is reached", () => {
  const chosen = pressed(open, "ArrowDown").state;
  assert.equal(pressed(chosen, "End").state.active, 1);
  assert.equal(pressed(pressed(chosen, "End").state, "Home").state.active, 0);
  assert.equal(pressed(open, "Home").handled, false);
  assert.equal(pressed(closed, "End").handled, false);
});

test("names that are only like the question are said to be so before they are counted", () => {
  const state = answered(typed(closed, "midl"), "midl", { results, message: "No place is called “midl”." });
  assert.equal(announcement(state), "No place is called “midl”. 2 places found.");
});
