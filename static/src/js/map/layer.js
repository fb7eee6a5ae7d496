// Vector tiles of areas, painted by class on canvas. protomaps-leaflet fetches and decodes the
// tiles; painting and picking are ours, so that a new figure repaints without refetching.
import { DomUtil, GridLayer } from "leaflet/dist/leaflet-src.esm.js";
import { TileCache, ZxySource } from "protomaps-leaflet/tilecache";
import { View } from "protomaps-leaflet/view";
import { FILTERED, MISSING, OUTSIDE, outlined } from "./classes.js";
import { HATCH, hatch } from "./palette.js";
import { pick } from "./picking.js";

// A data tile serves one tile of the screen, or with `wider` 1 four of them.
const view = ({ url, maxDataZoom }, wider = 0) =>
  new View(new TileCache(new ZxySource(url, false), 256 << wider), maxDataZoom, wider);

// Paths are made once per area, in the tile's own units, and kept with it: a million calls to
// lineTo are what a repaint would otherwise cost.
const path = (rings) => {
  const made = new Path2D();
  for (const ring of rings) {
    made.moveTo(ring[0].x, ring[0].y);
    for (let i = 1; i < ring.length; i++) made.lineTo(ring[i].x, ring[i].y);
    made.closePath();
  }
  return made;
};

const roomy = (ring, k) => {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const { x, y } of ring) {
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < top) top = y;
    if (y > bottom) bottom = y;
  }
  return outlined((right - left) * k, (bottom - top) * k);
};

// Options: tiles, outline (or null), `within` (the bounds of what is shown), colours, style(ordinal) → class.
// With an outline, what lies around is drawn from the outline's own wide areas, and small areas
// are fetched only within them: a county is not the price of a town.
export const AreaLayer = GridLayer.extend({
  options: { updateWhenZooming: false, keepBuffer: 1 },

  initialize(options) {
    GridLayer.prototype.initialize.call(this, options);
    this._view = view(options.tiles);
    this._outlineView = options.outline ? view(options.outline, 1) : null;
    this._indexes = new WeakMap();
    this._lit = null;
    this._scale = Math.min(3, (window.devicePixelRatio || 1) * 1.25);
  },

  createTile(coords, done) {
    const tile = DomUtil.create("div", "leaflet-tile");
    tile.base = DomUtil.create("canvas", "map-tile", tile);
    tile.over = DomUtil.create("canvas", "map-tile", tile);
    for (const canvas of [tile.base, tile.over]) canvas.width = canvas.height = Math.round(256 * this._scale);
    const none = () => null;
    const near = !this._outlineView || this._tileCoordsToBounds(coords).intersects(this.options.within);
    Promise.all([
      near ? this._view.getDisplayTile(coords).catch(none) : null,
      this._outlineView ? this._outlineView.getDisplayTile(coords).catch(none) : null,
    ]).then(([areas, outline]) => {
      Object.assign(tile, { coords, areas, outline });
      this._paint(tile);
      this._light(tile);
      done(null, tile);
    });
    return tile;
  },

  // What is in sight at once, what waits beyond the edges afterwards.
  repaint({ colours } = {}) {
    if (colours) {
      this.options.colours = colours;
      this._hatch = null;
    }
    const paint = (tile) => {
      this._paint(tile);
      if (colours) this._light(tile);
    };
    const frame = this._map.getContainer().getBoundingClientRect();
    const waiting = this._drawn().filter((tile) => {
      const box = tile.getBoundingClientRect();
      const seen = box.right > frame.left && box.left < frame.right && box.bottom > frame.top && box.top < frame.bottom;
      if (seen) paint(tile);
      return !seen;
    });
    clearTimeout(this._later);
    const next = () => {
      const tile = waiting.pop();
      if (!tile) return;
      if (tile.isConnected) paint(tile);
      this._later = setTimeout(next);
    };
    this._later = setTimeout(next, 50);
  },

  // Rings an area (or none) without repainting what lies beneath.
  light(ordinal) {
    if (ordinal === this._lit) return;
    this._lit = ordinal;
    for (const tile of this._drawn()) this._light(tile);
  },

  // The ordinal of the area at a place, or null.
  at(latlng) {
    const zoom = this._tileZoom;
    if (zoom === undefined) return null;
    const point = this._map.project(latlng, zoom);
    const tile = this._tiles[`${Math.floor(point.x / 256)}:${Math.floor(point.y / 256)}:${zoom}`]?.el;
    if (!tile?.areas) return null;
    const { origin, scale, data } = tile.areas;
    const features = data.get(this.options.tiles.layer) ?? [];
    return pick((point.x - origin.x) / scale, (point.y - origin.y) / scale, features)?.props.o ?? null;
  },

  // How many tiles are drawn, and how many of them have an outline.
  tally() {
    const tiles = this._drawn();
    return {
      drawn: tiles.length,
      filled: tiles.filter((tile) => tile.areas?.data.get(this.options.tiles.layer)?.length).length,
    };
  },

  // Middles of the areas in sight, in pixels of the present zoom: Map(ordinal → { x, y }).
  centres(wanted) {
    const boxes = new Map();
    for (const tile of this._drawn()) {
      if (!tile.areas) continue;
      const { origin, scale, data } = tile.areas;
      for (const { props, bbox } of data.get(this.options.tiles.layer) ?? []) {
        if (!wanted(props.o)) continue;
        const box = boxes.get(props.o) ?? [Infinity, Infinity, -Infinity, -Infinity];
        boxes.set(props.o, [
          Math.min(box[0], bbox.minX * scale + origin.x),
          Math.min(box[1], bbox.minY * scale + origin.y),
          Math.max(box[2], bbox.maxX * scale + origin.x),
          Math.max(box[3], bbox.maxY * scale + origin.y),
        ]);
      }
    }
    return new Map([...boxes].map(([o, b]) => [o, { x: (b[0] + b[2]) / 2, y: (b[1] + b[3]) / 2 }]));
  },

  latLng({ x, y }) {
    return this._map.unproject([x, y], this._tileZoom);
  },

  // The finished tiles of the present zoom, for a picture: [{ tile, position }].
  pictures() {
    const level = this._levels[this._tileZoom];
    return level ? this._drawn().map((tile) => ({ tile, position: DomUtil.getPosition(tile), level: level.el })) : [];
  },

  _drawn() {
    return Object.values(this._tiles ?? {})
      .map(({ el }) => el)
      .filter((tile) => tile.coords && tile.coords.z === this._tileZoom);
  },

  _begin(canvas) {
    const context = canvas.getContext("2d");
    context.setTransform(this._scale, 0, 0, this._scale, 0, 0);
    context.clearRect(0, 0, 256, 256);
    context.lineJoin = "round";
    return context;
  },

  _paint(tile) {
    const context = this._begin(tile.base);
    this._surround(context, tile);
    if (!tile.areas) return;
    const { colours, style } = this.options;
    const { origin, scale, data } = tile.areas;
    const dx = origin.x - tile.coords.x * 256;
    const dy = origin.y - tile.coords.y * 256;
    const classes = [OUTSIDE, FILTERED, MISSING, 1, 2, 3, 4, 5];
    const groups = new Map(classes.map((n) => [n, []]));
    const dots = new Map(classes.map((n) => [n, []]));
    const large = [];
    for (const feature of data.get(this.options.tiles.layer) ?? []) {
      const n = style(feature.props.o);
      if (n === OUTSIDE && this._outlineView) continue;
      const { minX, minY, maxX, maxY } = feature.bbox;
      if (maxX * scale + dx < -2 || minX * scale + dx > 258) continue;
      if (maxY * scale + dy < -2 || minY * scale + dy > 258) continue;
      const [width, height] = [(maxX - minX) * scale, (maxY - minY) * scale];
      (Math.max(width, height) < 2 ? dots : groups).get(n).push(feature);
      if (outlined(width, height)) large.push(feature);
    }
    this._hatch ??= hatch(context, colours);
    // The pattern keeps its size on the screen whatever the tile's scale.
    this._hatch.setTransform(new DOMMatrix([1, 0, 0, 1, -dx / scale, -dy / scale]).scale(1 / (scale * HATCH)));
    const fills = { [OUTSIDE]: colours.outside, [FILTERED]: colours.filtered, [MISSING]: this._hatch };
    const fill = (n) => fills[n] ?? colours.classes[n - 1];
    context.save();
    context.translate(dx, dy);
    context.scale(scale, scale);
    // Each area is filled by itself: one path of ten thousand areas takes seconds. The hairline of
    // its own colour closes the seams that antialiasing leaves.
    context.lineWidth = 0.6 / scale;
    for (const [n, features] of groups) {
      context.fillStyle = context.strokeStyle = fill(n);
      for (const feature of features) {
        context.fill((feature.path ??= path(feature.geom)));
        context.stroke(feature.path);
      }
    }
    // Areas smaller than two pixels are dots, beneath the others.
    const least = 1 / scale;
    for (const [n, features] of dots) {
      context.fillStyle = fill(n);
      for (const { bbox: { minX, minY, maxX, maxY } } of features)
        context.fillRect(minX, minY, Math.max(least, maxX - minX), Math.max(least, maxY - minY));
    }
    context.globalCompositeOperation = "source-over";
    context.strokeStyle = colours.hairline;
    context.lineWidth = 0.5 / scale;
    for (const feature of large) context.stroke(path(feature.geom.filter((ring) => roomy(ring, scale))));
    context.restore();
  },

  // The wide areas around the one whose inside is shown, faintly, beneath everything.
  _surround(context, tile) {
    if (!tile.outline) return;
    const { colours, outline } = this.options;
    const { origin, scale, data } = tile.outline;
    context.save();
    context.translate(origin.x - tile.coords.x * 256, origin.y - tile.coords.y * 256);
    context.scale(scale, scale);
    context.fillStyle = colours.outside;
    context.strokeStyle = colours.hairline;
    context.lineWidth = 1 / scale;
    for (const feature of data.get(outline.layer) ?? []) {
      if (feature.props.o === outline.ordinal) continue;
      context.fill((feature.path ??= path(feature.geom)));
      context.stroke(feature.path);
    }
    context.restore();
  },

  _light(tile) {
    const context = this._begin(tile.over);
    const { colours, outline } = this.options;
    const ring = (prepared, layer, ordinal, width) => {
      const features = prepared && this._indexOf(prepared.data, layer).get(ordinal);
      if (!features) return;
      context.save();
      context.translate(prepared.origin.x - tile.coords.x * 256, prepared.origin.y - tile.coords.y * 256);
      context.scale(prepared.scale, prepared.scale);
      for (const [colour, thick] of [[colours.halo, width + 2], [colours.ink, width]]) {
        context.strokeStyle = colour;
        context.lineWidth = thick / prepared.scale;
        for (const feature of features) context.stroke((feature.path ??= path(feature.geom)));
      }
      context.restore();
    };
    if (outline) ring(tile.outline, outline.layer, outline.ordinal, 1.6);
    if (this._lit !== null) ring(tile.areas, this.options.tiles.layer, this._lit, 2.4);
  },

  _indexOf(data, layer) {
    let index = this._indexes.get(data);
    if (!index) {
      index = Map.groupBy
        ? Map.groupBy(data.get(layer) ?? [], (f) => f.props.o)
        : (data.get(layer) ?? []).reduce((m, f) => m.set(f.props.o, [...(m.get(f.props.o) ?? []), f]), new Map());
      this._indexes.set(data, index);
    }
    return index;
  },
});
