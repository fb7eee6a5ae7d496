// What the search box shows and does, apart from the page: a pure state machine.
//
// State: { query, options, active, open, message }. `active` is the index of the option that
// the arrow keys have reached, or -1 while the reader's own words are in the box.

export const closed = Object.freeze({ query: "", options: [], active: -1, open: false, message: "" });

export function typed(state, query) {
  const blank = query.trim() === "";
  return { ...state, query, active: -1, open: blank ? false : state.open, options: blank ? [] : state.options };
}

// Suggestions that answer an earlier question are dropped.
export function answered(state, query, { results = [], message = "" }) {
  if (query !== state.query) return state;
  return { ...state, options: results, message, active: -1, open: results.length > 0 || message !== "" };
}

export function dismissed(state) {
  return { ...state, open: false, active: -1 };
}

// Returns { state, effect, handled }. `effect` is null, { go: url } or { clear: true };
// `handled` says whether the browser's own answer to the key must be stopped.
export function pressed(state, key) {
  const { options, active, open } = state;
  const last = options.length - 1;
  const at = (index) => ({ state: { ...state, open: true, active: index }, effect: null, handled: true });
  switch (key) {
    case "ArrowDown":
      if (last < 0) return { state, effect: null, handled: false };
      return at(!open || active === last ? (open ? -1 : 0) : active + 1);
    case "ArrowUp":
      if (last < 0) return { state, effect: null, handled: false };
      return at(!open || active === -1 ? last : active - 1);
    case "Enter":
      if (open && active >= 0) return { state: dismissed(state), effect: { go: options[active].url }, handled: true };
      return { state: dismissed(state), effect: null, handled: false };
    case "Escape":
      if (open) return { state: dismissed(state), effect: null, handled: true };
      if (state.query) return { state: typed(state, ""), effect: { clear: true }, handled: true };
      return { state, effect: null, handled: false };
    // With a suggestion reached, the first and the last; else the reader's own words.
    case "Home":
    case "End":
      if (!open || active < 0) return { state, effect: null, handled: false };
      return at(key === "Home" ? 0 : last);
    case "Tab":
      return { state: dismissed(state), effect: null, handled: false };
    default:
      return { state, effect: null, handled: false };
  }
}

// What a screen reader is told when the list changes.
export function announcement({ open, options, message }) {
  if (!open) return "";
  if (options.length === 0) return message;
  const found = options.length === 1 ? "1 place found." : `${options.length} places found.`;
  return message ? `${message} ${found}` : found;
}
