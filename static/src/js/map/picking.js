// Which area is under a point, and which lies next in a direction: plain geometry.

// Inside by the even-odd rule over all rings, so holes and islands need no orientation.
export function inside(x, y, rings) {
  let within = false;
  for (const ring of rings) {
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      const a = ring[i];
      const b = ring[j];
      if (a.y > y !== b.y > y && x < ((b.x - a.x) * (y - a.y)) / (b.y - a.y) + a.x) within = !within;
    }
  }
  return within;
}

// The feature that holds the point; among several, the smallest.
export function pick(x, y, features) {
  let found = null;
  let size = Infinity;
  for (const feature of features) {
    const { minX, minY, maxX, maxY } = feature.bbox;
    if (x < minX || x > maxX || y < minY || y > maxY) continue;
    const area = (maxX - minX) * (maxY - minY);
    if (area < size && inside(x, y, feature.geom)) {
      found = feature;
      size = area;
    }
  }
  return found;
}

const DIRECTIONS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export function isDirection(key) {
  return key in DIRECTIONS;
}

// The nearest centre in the direction of an arrow key, weighing sideways distance double, or
// null. `centres` maps an id to { x, y }, y downwards.
export function neighbour(centres, from, key) {
  const [dx, dy] = DIRECTIONS[key];
  const start = centres.get(from);
  if (!start) return null;
  let best = null;
  let least = Infinity;
  for (const [id, { x, y }] of centres) {
    if (id === from) continue;
    const along = (x - start.x) * dx + (y - start.y) * dy;
    const across = Math.abs((x - start.x) * dy) + Math.abs((y - start.y) * dx);
    if (along <= 0 || across > along * 2.5) continue;
    const cost = along + across * 2;
    if (cost < least) {
      least = cost;
      best = id;
    }
  }
  return best;
}

export function nearest(centres, x, y) {
  let best = null;
  let least = Infinity;
  for (const [id, c] of centres) {
    const d = (c.x - x) ** 2 + (c.y - y) ** 2;
    if (d < least) [best, least] = [id, d];
  }
  return best;
}
