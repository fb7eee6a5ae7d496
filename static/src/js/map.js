// The map of a page: tiles, values, legend, table and address kept in step.
import { Map as LeafletMap, control, tileLayer } from "leaflet/dist/leaflet-src.esm.js";
import { areaUrl, shown, withShown } from "./address.js";
import { AreaLayer } from "./map/layer.js";
import { Legend } from "./map/legend.js";
import { sentence, styleOf } from "./map/classes.js";
import { nothing, Listed } from "./map/listed.js";
import { Whole } from "./map/whole.js";
import { palette } from "./map/palette.js";
import { picture } from "./map/picture.js";
import { isDirection, nearest, neighbour } from "./map/picking.js";
import { AreaTable } from "./map/table.js";

export function start(panel) {
  const config = JSON.parse(document.getElementById("map-config").textContent);
  const find = (name) => panel.querySelector(`[data-map-${name}]`);
  const box = find("canvas");
  const readout = find("readout");
  const tip = find("tip");
  const wholePicture = find("frame");
  const coarse = matchMedia("(pointer: coarse)").matches;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

  let areas = nothing;
  let current = null;
  let asked = "";

  panel.classList.add("has-map");
  const map = new LeafletMap(box, {
    attributionControl: false,
    zoomControl: false,
    zoomSnap: 0.1,
    minZoom: 3,
    maxZoom: 16,
    keyboard: false,
    scrollWheelZoom: false,
    // One finger scrolls the page; two move the map.
    dragging: !coarse,
    fadeAnimation: !still,
    zoomAnimation: !still,
    inertia: !still,
  });
  control.zoom({ position: "topright", zoomInTitle: "Zoom in", zoomOutTitle: "Zoom out" }).addTo(map);
  control.scale({ imperial: true, metric: true, maxWidth: 90, position: "bottomleft" }).addTo(map);
  const fit = () => map.fitBounds(config.bounds, { padding: [12, 12], animate: false });
  fit();
  map.setMinZoom(map.getZoom() - 2);
  if (config.basemap) tileLayer(config.basemap.url, { opacity: 0.6 }).addTo(map);

  const legend = new Legend(panel.querySelector("[data-legend]"), () => layer.repaint());
  const table = new AreaTable(panel.querySelector("[data-area-table]") ?? document.querySelector("[data-map-rows]"), {
    over: (row) => choose(areas.ordinalOf(row), { pan: true }),
    out: () => choose(null),
  });
  const layer = new AreaLayer({
    tiles: config.tiles,
    outline: config.outline,
    within: config.bounds,
    colours: palette(panel),
    style: (ordinal) => styleOf(areas.classOf(ordinal), legend.hidden),
    pane: "overlayPane",
  });
  layer.addTo(map);

  const classLabel = (ordinal) => areas.values.legend?.classes.find(({ n }) => n === areas.classOf(ordinal))?.label;

  // Rings an area, says what it is, and keeps the table in step. `point` puts the tip at the
  // pointer, otherwise it stands over the middle of the area.
  function choose(ordinal, { point = null, pan = false, say = false, finger = false } = {}) {
    if (ordinal !== null && !areas.has(ordinal)) ordinal = null;
    if (ordinal !== current) {
      current = ordinal;
      layer.light(ordinal);
      table.light(ordinal, areas);
    }
    if (ordinal === null) {
      tip.hidden = true;
      box.classList.remove("is-over");
      return;
    }
    const about = areas.about(ordinal);
    if (about === null) {
      // Said again as soon as it is known, if the reader is still there.
      areas.whenKnown(ordinal).then(
        () => ordinal === current && choose(ordinal, { point, pan, say, finger }),
        () => ordinal === current && (tip.hidden = true),
      );
      tip.hidden = true;
      return;
    }
    if (say) readout.textContent = `${sentence({ ...about, label: classLabel(ordinal) })} Enter opens its page.`;
    box.classList.toggle("is-over", point !== null);
    const centre = point ? null : layer.centres((o) => o === ordinal).get(ordinal);
    if (!point && !centre) {
      tip.hidden = true;
      return;
    }
    let spot = point ?? map.latLngToContainerPoint(layer.latLng(centre));
    if (pan && !within(spot)) {
      map.panTo(layer.latLng(centre), { animate: !still });
      spot = map.getSize().divideBy(2);
    }
    tip.querySelector("[data-tip-name]").textContent = about.name;
    tip.querySelector("[data-tip-text]").textContent =
      about.text || `no data${about.missing ? `: ${about.missing}` : ""}`;
    tip.querySelector("[data-tip-hint]").hidden = !finger;
    tip.hidden = false;
    const size = map.getSize();
    const left = Math.max(4, Math.min(size.x - tip.offsetWidth - 4, spot.x - tip.offsetWidth / 2));
    const above = spot.y - tip.offsetHeight - 14;
    tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(above > 4 ? above : spot.y + 22)}px)`;
  }
  const within = ({ x, y }) => x > 0 && y > 0 && x < map.getSize().x && y < map.getSize().y;

  async function json(url) {
    const reply = await fetch(url);
    if (!reply.ok) throw new Error(`the server answered ${reply.status}`);
    return reply.json();
  }

  // What went wrong, by what it concerns; an empty sentence takes it back.
  const problems = { outlines: "", figures: "" };
  function problem(of, words) {
    problems[of] = words;
    find("problem").textContent = Object.values(problems).join(" ").trim();
    find("problem").hidden = !find("problem").textContent;
  }
  // Nothing in sight at the start is a fault; later it is the sea.
  let arrived = false;
  layer.on("load", () => {
    const { drawn, filled } = layer.tally();
    arrived ||= filled > 0;
    problem("outlines", arrived || drawn === 0 ? "" : "The outlines for the map did not arrive. The legend and the table hold the same figures.");
  });

  async function load(url) {
    asked = url;
    panel.setAttribute("aria-busy", "true");
    try {
      const fresh = await json(url);
      if (asked !== url) return null;
      areas = typeof fresh.classes === "string" ? new Whole(fresh, json) : new Listed(fresh);
      if (fresh.legend) legend.set(fresh.legend);
      layer.repaint();
      areas.fill(table);
      problem("figures", "");
      return fresh;
    } catch (error) {
      if (asked !== url) return null;
      problem("figures", `The figures for the map did not arrive (${error.message}). The table has those the page came with.`);
      return null;
    } finally {
      if (asked === url) panel.removeAttribute("aria-busy");
    }
  }

  // Swaps the figure on the map for that of a figure line.
  async function show(id, url) {
    const fresh = await load(url);
    if (!fresh) return;
    choose(null);
    find("label").textContent = fresh.label;
    find("period").textContent = [fresh.period, fresh.unit].filter(Boolean).join(", ");
    const heading = document.querySelector("[data-map-sentence]");
    if (heading && fresh.sentence) heading.textContent = fresh.sentence;
    box.setAttribute("aria-label", label());
    for (const line of document.querySelectorAll("article[data-values]")) {
      const on = line.id === id;
      line.classList.toggle("is-shown", on);
      line.querySelector("[data-show]")?.setAttribute("aria-current", String(on));
    }
    for (const link of document.querySelectorAll("[data-choices] a"))
      if (shown(link.href) === id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    // Another size of area keeps the figure.
    for (const link of document.querySelectorAll("[data-levels] a")) link.href = withShown(link.href, id);
    history.replaceState(history.state, "", withShown(location.href, id));
    readout.textContent = `The map now shows ${fresh.label}, ${fresh.period}.`;
  }
  const label = () =>
    `Map of ${find("label").textContent.trim()}. Arrow keys move between areas, Enter opens one, plus and minus zoom.`;

  const pointed = (event) => {
    choose(layer.at(event.latlng), { point: event.containerPoint });
  };
  const open = async (ordinal) => {
    if (ordinal === null || !areas.has(ordinal)) return;
    try {
      location.assign(areaUrl((await areas.whenKnown(ordinal)).code));
    } catch {
      problem("figures", "That area's page could not be found. Try again in a moment.");
    }
  };
  map.on("mousemove", pointed);
  map.on("mouseout zoomstart movestart", () => choose(null));
  // A finger first asks what an area is; a second tap on it opens its page.
  let tapped = null;
  map.on("click", (event) => {
    const ordinal = layer.at(event.latlng);
    const { pointerType } = event.originalEvent;
    const finger = pointerType ? pointerType === "touch" : coarse;
    if (!finger || (ordinal !== null && ordinal === tapped)) return open(ordinal);
    tapped = ordinal;
    choose(ordinal, { point: event.containerPoint, say: true, finger });
  });
  box.addEventListener("keydown", (event) => {
    if (event.target !== box || event.metaKey || event.ctrlKey || event.altKey) return;
    if (isDirection(event.key)) {
      const centres = layer.centres((o) => areas.has(o) && !legend.hidden.has(areas.classOf(o)));
      const middle = map.project(map.getCenter(), layer._tileZoom);
      const next = current === null ? nearest(centres, middle.x, middle.y) : neighbour(centres, current, event.key);
      if (next !== null) choose(next, { pan: true, say: true });
    } else if (event.key === "Enter") open(current);
    else if (event.key === "+" || event.key === "=") map.zoomIn();
    else if (event.key === "-") map.zoomOut();
    else if (event.key === "0") fit();
    else if (event.key === "Escape" && current !== null) choose(null);
    else return;
    event.preventDefault();
  });
  box.addEventListener("focusin", () => map.scrollWheelZoom.enable());
  box.addEventListener("focusout", () => {
    map.scrollWheelZoom.disable();
    choose(null);
  });
  map.on("mousedown", () => box.focus({ preventScroll: true }));

  const full = find("full");
  if (document.fullscreenEnabled) {
    full.hidden = false;
    full.addEventListener("click", () =>
      document.fullscreenElement ? document.exitFullscreen() : wholePicture.requestFullscreen(),
    );
    document.addEventListener("fullscreenchange", () => {
      full.textContent = document.fullscreenElement ? "Leave full screen" : "Full screen";
      map.invalidateSize({ animate: false });
      fit();
    });
  }
  const asAt = () =>
    `Levelup, as at ${new Date().toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" })},`;
  const save = find("picture");
  save.hidden = false;
  save.addEventListener("click", async () => {
    const blob = await picture({
      layer,
      container: box,
      title: [document.querySelector("[data-place]")?.dataset.place, `${areas.values.label}, ${areas.values.period}${areas.values.unit ? ` (${areas.values.unit})` : ""}`]
        .filter(Boolean)
        .join(": "),
      legend: areas.values.legend,
      source: [areas.values.source, config.attribution, config.basemap?.attribution, asAt(), location.origin + location.pathname + location.search]
        .filter(Boolean)
        .join(" "),
      colours: layer.options.colours,
    });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${document.title} ${areas.values.label}.png`.replace(/[^\w.-]+/g, "-");
    link.click();
    setTimeout(URL.revokeObjectURL, 10_000, link.href);
  });

  for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)", "print"])
    matchMedia(query).addEventListener("change", () => layer.repaint({ colours: palette(panel) }));
  // On paper the map keeps the size it was drawn for; there is no time to draw another.
  addEventListener("beforeprint", () => {
    box.style.width = `${box.clientWidth}px`;
    box.style.height = `${box.clientHeight}px`;
  });
  addEventListener("afterprint", () => {
    box.style.width = box.style.height = "";
  });
  let width = box.clientWidth;
  new ResizeObserver(() => {
    if (box.clientWidth === width) return map.invalidateSize({ animate: false, pan: false });
    width = box.clientWidth;
    map.invalidateSize({ animate: false });
    fit();
  }).observe(box);

  box.setAttribute("aria-label", label());
  panel.querySelector("details[data-map-table]")?.removeAttribute("open");
  load(config.values);
  return { show, map };
}

