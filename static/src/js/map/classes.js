// Which style each area takes: pure decisions over ordinals and classes.

export const MISSING = 0;
export const OUTSIDE = -1;
export const FILTERED = -2;

// Values as the server sends them → a lookup from ordinal to position in their lists.
export function positions(ordinals) {
  return new Map(ordinals.map((ordinal, position) => [ordinal, position]));
}

// What an area of a class is drawn as: FILTERED when its class is switched off. `hidden` holds
// classes; MISSING may be one.
export function styleOf(n, hidden) {
  return hidden.has(n) ? FILTERED : n;
}

// Areas, and islands, are outlined only where they are drawn large enough to bear it (pixels).
export function outlined(width, height) {
  return Math.min(width, height) >= 7;
}

// The sentence read out for an area: "Coulby Newham: £31,400. Class: £29,000 to £33,100."
export function sentence({ name, text, missing, label }) {
  if (!text) return `${name}: no data${missing ? `, ${missing}` : ""}.`;
  return `${name}: ${text}.${label ? ` Class: ${label}.` : ""}`;
}
