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

// A pattern of slanted lines for areas without a value; `scale` is device pixels per CSS pixel.
export function hatch(context, colours, scale) {
  const size = 6 * scale;
  const cell = document.createElement("canvas");
  cell.width = cell.height = Math.round(size);
  const c = cell.getContext("2d");
  c.fillStyle = colours.missing;
  c.fillRect(0, 0, size, size);
  c.strokeStyle = colours.hatch;
  c.lineWidth = scale;
  for (const shift of [-size, 0, size]) {
    c.beginPath();
    c.moveTo(shift, size);
    c.lineTo(shift + size, 0);
    c.stroke();
  }
  const pattern = context.createPattern(cell, "repeat");
  pattern.setTransform(new DOMMatrix().scale(1 / scale));
  return pattern;
}
