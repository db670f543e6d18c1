// The live book: ten levels a side, bars for how much lies up to each of them.

import { add, subtract, toPixels } from "./decimal.js";
import { find, h, show, write } from "./dom.js";
import { decimal, timeOfDay } from "./format.js";
import { isStill } from "./pause.js";

const LEVELS = 10;
const DRAW_MS = 200;

const levelOf = (level) => (Array.isArray(level) ? { price: level[0], quantity: level[1] } : level);

export class Ladder {
  #panel = find("#book-panel");
  #rows = { ask: [], bid: [] };
  #top = null;
  #dirty = false;

  /** @param {(market: string, symbol: string) => {price: number, quantity: number}} decimalsOf */
  constructor(decimalsOf) {
    this.decimalsOf = decimalsOf;
    for (const side of ["ask", "bid"]) {
      const body = find(`#book-${side}s`);
      for (let at = 0; at < LEVELS; at += 1) {
        const cells = [h("th", { scope: "row" }), h("td"), h("td")];
        const row = h("tr", {}, ...cells);
        body.append(row);
        this.#rows[side].push({ row, cells });
      }
    }
    // Best prices are in the middle: asks are written from the last row up.
    this.#rows.ask.reverse();
    setInterval(() => this.#dirty && !isStill() && this.#draw(), DRAW_MS);
  }

  /** Begin with another symbol. */
  clear() {
    this.#top = null;
    show(this.#panel, "loading", "Reading the book …");
  }

  /** Take a book: of the stream, or of a tick. */
  take(top) {
    if (this.#top && top.last_update_id !== null && top.last_update_id < this.#top.last_update_id) return undefined;
    if (top.last_update_id === null) return this.#lost();
    this.#top = top;
    this.#dirty = true;
    return undefined;
  }

  #lost() {
    this.#top = null;
    this.#dirty = false;
    this.none("The book has a hole: it is whole again with the next snapshot.");
  }

  /** Say that there is no book. */
  none(text) {
    if (!this.#top) show(this.#panel, "empty", text);
  }

  fail(text, retry) {
    if (!this.#top) show(this.#panel, "error", text, retry);
  }

  #draw() {
    this.#dirty = false;
    const top = this.#top;
    if (!top) return;
    show(this.#panel, "ready");
    const decimals = this.decimalsOf(top.market, top.symbol);
    const sides = { ask: top.asks.slice(0, LEVELS).map(levelOf), bid: top.bids.slice(0, LEVELS).map(levelOf) };
    const sums = Object.fromEntries(
      Object.entries(sides).map(([side, levels]) => {
        let sum = "0";
        return [side, levels.map((level) => (sum = add(sum, level.quantity)))];
      }),
    );
    const deepest = Math.max(...["ask", "bid"].map((side) => toPixels(sums[side].at(-1) ?? "0")), Number.MIN_VALUE);
    for (const side of ["ask", "bid"]) {
      this.#rows[side].forEach(({ row, cells }, at) => {
        const level = sides[side][at];
        write(cells[0], level ? decimal(level.price, decimals.price) : "\u00a0");
        write(cells[1], level ? decimal(level.quantity, decimals.quantity) : "");
        write(cells[2], level ? decimal(sums[side][at], decimals.quantity) : "");
        row.style.setProperty("--depth", `${level ? (100 * toPixels(sums[side][at])) / deepest : 0}%`);
      });
    }
    const spread = sides.ask[0] && sides.bid[0] ? subtract(sides.ask[0].price, sides.bid[0].price) : null;
    write(find("#book-spread"), spread === null ? "one side is empty" : decimal(spread, decimals.price));
    write(find("#book-time"), timeOfDay(top.receive_time));
  }
}
