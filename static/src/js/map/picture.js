// The map as a picture to keep: title, map, legend and source on one canvas.

import { hatch } from "./palette.js";

const WIDTH = 1600;

export async function picture({ layer, container, title, legend, source, colours }) {
  await document.fonts.ready;
  const frame = container.getBoundingClientRect();
  const k = (WIDTH - 120) / frame.width;
  const family = getComputedStyle(container).fontFamily;
  const mapHeight = frame.height * k;
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  const context = canvas.getContext("2d");
  context.font = `600 44px ${family}`;
  const titleLines = wrap(context, title, WIDTH - 120);
  context.font = `24px ${family}`;
  const sourceLines = wrap(context, source, WIDTH - 120);
  const top = 60 + titleLines.length * 54 + 20;
  canvas.height = top + mapHeight + 150 + sourceLines.length * 34 + 30;

  context.fillStyle = colours.halo;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.textBaseline = "top";
  context.fillStyle = colours.ink;
  context.font = `600 44px ${family}`;
  titleLines.forEach((line, i) => context.fillText(line, 60, 60 + i * 54));

  context.save();
  context.beginPath();
  context.rect(60, top, frame.width * k, mapHeight);
  context.clip();
  for (const { tile } of layer.pictures()) {
    const box = tile.getBoundingClientRect();
    for (const part of [tile.base, tile.over])
      context.drawImage(part, 60 + (box.left - frame.left) * k, top + (box.top - frame.top) * k, box.width * k, box.height * k);
  }
  context.restore();

  const entries = (legend?.classes ?? []).map(({ n, label }) => ({ fill: colours.classes[n - 1], label }));
  if (legend?.missing?.count) entries.push({ fill: hatch(context, colours), label: legend.missing.label });
  const step = (WIDTH - 120) / Math.max(entries.length, 1);
  entries.forEach(({ fill, label }, i) => {
    context.fillStyle = fill;
    context.fillRect(60 + i * step, top + mapHeight + 40, step - 8, 28);
    context.lineWidth = 1;
    context.strokeStyle = colours.greyText;
    context.strokeRect(60 + i * step, top + mapHeight + 40, step - 8, 28);
    context.fillStyle = colours.ink;
    context.font = `24px ${family}`;
    context.fillText(label, 60 + i * step, top + mapHeight + 80, step - 12);
  });
  context.fillStyle = colours.greyText;
  context.font = `24px ${family}`;
  sourceLines.forEach((line, i) => context.fillText(line, 60, top + mapHeight + 140 + i * 34));
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function wrap(context, text, width) {
  const lines = [""];
  for (const word of text.trim().split(/\s+/)) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (lines.at(-1) && context.measureText(longer).width > width) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}
