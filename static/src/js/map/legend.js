// The legend on the page: a histogram whose bars are the switches of the map.
import { all, bars, pressedState, toggled } from "./filter.js";
import { MISSING } from "./classes.js";

export class Legend {
  constructor(root, changed) {
    this.root = root;
    this.changed = changed;
    this.hidden = all;
    if (!root) return;
    for (const item of root.querySelectorAll("[data-class]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "legend-switch";
      button.append(...item.childNodes);
      button.addEventListener("click", () => this.toggle(Number(item.dataset.class)));
      item.append(button);
    }
    const hint = root.querySelector("[data-legend-hint]");
    if (hint) hint.hidden = false;
    this.draw();
  }

  get everything() {
    return [...this.root.querySelectorAll("[data-class]:not([hidden])")].map((i) => Number(i.dataset.class));
  }

  toggle(n) {
    this.hidden = toggled(this.hidden, n, this.everything);
    this.draw();
    this.changed(this.hidden);
  }

  // Takes the legend of other values (see the values file).
  set({ title, classes, missing, basis }) {
    if (!this.root) return;
    const text = (name, words) => {
      const place = this.root.querySelector(`[data-legend-${name}]`);
      if (place) place.textContent = words ?? "";
    };
    text("title", title);
    text("basis", basis);
    const heights = bars(classes.map((c) => c.count));
    for (const item of this.root.querySelectorAll("[data-class]")) {
      const n = Number(item.dataset.class);
      const entry = n === MISSING ? missing : classes.find((c) => c.n === n);
      item.hidden = !entry || (n === MISSING && !entry.count);
      if (!entry) continue;
      item.querySelector("[data-label]").textContent = entry.label;
      item.querySelector("[data-count]").textContent = entry.count.toLocaleString("en-GB");
      item.querySelector("rect")?.setAttribute("height", heights[classes.indexOf(entry)] ?? 0);
    }
    this.hidden = all;
    this.draw();
  }

  draw() {
    for (const item of this.root?.querySelectorAll("[data-class]") ?? []) {
      const n = Number(item.dataset.class);
      item.querySelector("button").setAttribute("aria-pressed", String(pressedState(this.hidden, n)));
      item.classList.toggle("is-off", this.hidden.has(n));
    }
  }
}
