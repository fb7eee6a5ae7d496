// Colours come from the style sheet, so that dark mode changes map and legend together.

export function palette(element) {
  const style = getComputedStyle(element);
  const value = (name) => style.getPropertyValue(name).trim();
  return {
    classes: [1, 2, 3, 4, 5].map((n) => value(`--class-${n}`)),
    hairline: value("--map-hairline"),
    outside: value("--map-outside"),
    filtered: value("--map-filtered"),
    missing: value("--map-missing"),
    hatch: value("--map-hatch"),
    ink: value("--ink"),
    halo: value("--paper"),
    greyText: value("--quiet"),
  };
}

// A pattern of slanted lines for areas without a value, drawn HATCH times too large so that it
// is sharp on any screen; whoever uses it scales it down.
export const HATCH = 3;

export function hatch(context, colours) {
  const size = 6 * HATCH;
  const cell = document.createElement("canvas");
  cell.width = cell.height = size;
  const c = cell.getContext("2d");
  c.fillStyle = colours.missing;
  c.fillRect(0, 0, size, size);
  c.strokeStyle = colours.hatch;
  c.lineWidth = HATCH;
  for (const shift of [-size, 0, size]) {
    c.beginPath();
    c.moveTo(shift, size);
    c.lineTo(shift + size, 0);
    c.stroke();
  }
  return context.createPattern(cell, "repeat");
}
