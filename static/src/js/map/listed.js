// The areas inside a place, as the server lists them: every name and figure is at hand.
import { MISSING, OUTSIDE, positions } from "./classes.js";

export class Listed {
  constructor(values) {
    this.values = values;
    this.at = positions(values.ordinals);
  }

  has(ordinal) {
    return this.at.has(ordinal);
  }

  // The class 1–5, MISSING without a value, OUTSIDE when it is not among them.
  classOf(ordinal) {
    const position = this.at.get(ordinal);
    return position === undefined ? OUTSIDE : (this.values.classes[position] ?? MISSING);
  }

  about(ordinal) {
    const i = this.at.get(ordinal);
    return {
      code: this.values.codes[i],
      name: this.values.names[i],
      text: this.values.texts[i],
      missing: this.values.missing[i],
    };
  }

  async whenKnown(ordinal) {
    return this.about(ordinal);
  }

  ordinalOf(row) {
    return this.values.ordinals[this.values.codes.indexOf(row.dataset.code)] ?? null;
  }

  fill(table) {
    table.fill(this.values);
  }
}

export const nothing = new Listed({ ordinals: [], codes: [], names: [], texts: [], classes: [], missing: [] });
