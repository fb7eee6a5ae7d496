// The table beside the map: filled, sorted and lit in step with it.
import { figure, ordered } from "../table.js";

export class AreaTable {
  constructor(table, { over, out }) {
    this.table = table;
    if (!table) return;
    this.body = table.tBodies[0];
    this.lit = null;
    this.body.addEventListener("pointerover", (event) => {
      const row = event.target.closest("tr");
      if (row) over(row);
    });
    this.body.addEventListener("pointerleave", out);
    this.body.addEventListener("focusin", (event) => over(event.target.closest("tr")));
    this.body.addEventListener("focusout", out);
    for (const head of table.querySelectorAll("th[data-sort]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sorter";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => this.sort(head));
    }
  }

  sort(head) {
    const figures = head.dataset.sort === "value";
    const now = head.getAttribute("aria-sort");
    const descending = now ? now === "ascending" : figures;
    for (const other of this.table.querySelectorAll("th[data-sort]")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const key = (row) => {
      const text = row.querySelector(figures ? "[data-text]" : "[data-name]").textContent.trim();
      return figures ? figure(text) : text;
    };
    this.body.append(...ordered([...this.body.rows], key, descending));
  }

  // Lights the row of an area, where the table has it; `areas` says which row is whose.
  light(ordinal, areas) {
    if (!this.table) return;
    this.lit?.classList.remove("is-lit");
    this.byOrdinal = areas === this.of ? this.byOrdinal : new Map([...this.body.rows].map((row) => [areas.ordinalOf(row), row]));
    this.of = areas;
    this.lit = ordinal === null ? null : (this.byOrdinal.get(ordinal) ?? null);
    this.lit?.classList.add("is-lit");
  }

  rows() {
    this.byCode ??= new Map([...(this.body?.rows ?? [])].map((row) => [row.dataset.code, row]));
    return this.byCode;
  }

  // Puts other values into the rows; areas keep their links.
  fill(values) {
    if (!this.table) return;
    const unit = this.table.querySelector("[data-unit]");
    if (unit) unit.textContent = [values.label, values.unit].filter(Boolean).join(", ");
    values.codes.forEach((code, i) => {
      const row = this.rows().get(code);
      if (!row) return;
      const cell = row.querySelector("[data-text]");
      cell.textContent = values.texts[i] || `no data${values.missing[i] ? `: ${values.missing[i]}` : ""}`;
      cell.classList.toggle("is-missing", !values.texts[i]);
      row.querySelector("[data-swatch]").setAttribute("class", `swatch swatch-${values.classes[i] ?? "missing"}`);
    });
    const sorted = this.table.querySelector("th[aria-sort]");
    if (sorted) {
      const wanted = sorted.getAttribute("aria-sort");
      sorted.setAttribute("aria-sort", wanted === "ascending" ? "descending" : "ascending");
      this.sort(sorted);
    }
  }
}
