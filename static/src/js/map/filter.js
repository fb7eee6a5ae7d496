// The legend as a filter: which classes are hidden. Sets are never changed, only replaced.

export const all = Object.freeze(new Set());

// Pressing a class first shows it alone; pressing more adds or removes them; hiding the last
// shows everything again.
export function toggled(hidden, n, everything) {
  const shown = everything.filter((c) => !hidden.has(c));
  let next;
  if (hidden.size === 0) next = [n];
  else if (hidden.has(n)) next = [...shown, n];
  else next = shown.filter((c) => c !== n);
  if (next.length === 0 || next.length === everything.length) return all;
  return new Set(everything.filter((c) => !next.includes(c)));
}

export function pressedState(hidden, n) {
  return hidden.size > 0 && !hidden.has(n);
}

// Heights of the legend's bars in per cent of the tallest.
export function bars(counts) {
  const top = Math.max(0, ...counts);
  return counts.map((count) => (top ? Math.round((count / top) * 100) : 0));
}
