// Every area of a level: a digit each for its class. Names and figures come a block at a time,
// when the reader first points at one of the block.
import { MISSING, OUTSIDE } from "./classes.js";

const ZERO = "0".charCodeAt(0);

export class Whole {
  // `get` fetches JSON, or throws.
  constructor(values, get) {
    this.values = values;
    this.get = get;
    this.blocks = new Map();
    this.known = new Map();
  }

  // Areas beyond the indicator's scope are written as a minus.
  classOf(ordinal) {
    const n = this.values.classes.charCodeAt(ordinal) - ZERO;
    return n >= MISSING && n <= 5 ? n : OUTSIDE;
  }

  has(ordinal) {
    return this.classOf(ordinal) !== OUTSIDE;
  }

  // What is known of an area by now, or null.
  about(ordinal) {
    const block = this.known.get(Math.floor(ordinal / this.values.block));
    if (!block) return null;
    const i = ordinal % this.values.block;
    return {
      code: block.codes[i],
      name: [block.names[i], block.known_as[i] && `in ${block.known_as[i]}`].filter(Boolean).join(", "),
      text: block.texts[i],
      missing: block.missing[i],
    };
  }

  // What there is to know, once it has arrived. A block that fails is asked for again next time.
  async whenKnown(ordinal) {
    const n = Math.floor(ordinal / this.values.block);
    if (!this.blocks.has(n)) this.blocks.set(n, this.get(`${this.values.details}&block=${n}`));
    try {
      this.known.set(n, await this.blocks.get(n));
    } catch (error) {
      this.blocks.delete(n);
      throw error;
    }
    return this.about(ordinal);
  }

  ordinalOf(row) {
    return row.dataset.ordinal === undefined ? null : Number(row.dataset.ordinal);
  }

  fill() {}
}
