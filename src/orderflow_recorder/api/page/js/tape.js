// The tape: trades as they come, newest first, and a line wherever some are not shown.

import { find, h, show } from "./dom.js";
import { decimal, timeOfDay } from "./format.js";
import { isStill } from "./pause.js";

const LONGEST = 60;
const DRAW_MS = 200;

const WORDS = { buy: "bought", sell: "sold" };

export class Tape {
  #panel = find("#tape-panel");
  #body = find("#tape-rows");
  #waiting = [];
  #stream = null;
  #newest = -1;

  /** @param {(market: string, symbol: string) => {price: number, quantity: number}} decimalsOf */
  constructor(decimalsOf) {
    this.decimalsOf = decimalsOf;
    setInterval(() => this.#waiting.length && !isStill() && this.#draw(), DRAW_MS);
  }

  /** Begin with another symbol. */
  clear() {
    this.#waiting = [];
    this.#stream = null;
    this.#newest = -1;
    this.#body.replaceChildren();
    show(this.#panel, "loading", "Waiting for trades …");
  }

  /** Say that there is none yet. */
  none(text) {
    if (!this.#body.childElementCount) show(this.#panel, "empty", text);
  }

  /** Take a trade. Where raw trades and aggregates are both recorded, one of the two is enough: raw trades. */
  take(trade) {
    if (this.#stream === "trade" && trade.stream !== "trade") return;
    if (this.#stream !== null && this.#stream !== trade.stream) this.clear();
    this.#stream = trade.stream;
    if (trade.trade_id <= this.#newest) return;
    this.#newest = trade.trade_id;
    this.#waiting.push(trade);
    // While nobody looks: of a flood only the newest rows are left anyway.
    if (this.#waiting.length > 2 * LONGEST) this.#waiting.splice(0, LONGEST);
  }

  /** Mark that something is not shown. */
  skip(text) {
    if (this.#newest >= 0) this.#waiting.push({ skipped: text });
  }

  #row(trade) {
    if (trade.skipped) return h("tr.skipped", {}, h("td", { colspan: "3" }, trade.skipped));
    const decimals = this.decimalsOf(trade.market, trade.symbol);
    const arrow = h("span.side", { role: "img", "aria-label": WORDS[trade.side] }, trade.side === "buy" ? "↑" : "↓");
    return h(
      "tr",
      { "data-side": trade.side, title: `${this.#stream} ${trade.trade_id}` },
      h("td", {}, timeOfDay(trade.trade_time)),
      h("td", {}, arrow, decimal(trade.price, decimals.price)),
      h("td", {}, decimal(trade.quantity, decimals.quantity)),
    );
  }

  #draw() {
    // Of a flood only the newest rows would be left: the others are not made at all.
    const rows = this.#waiting.slice(-LONGEST).map((trade) => this.#row(trade));
    this.#waiting = [];
    this.#body.prepend(...rows.reverse());
    while (this.#body.childElementCount > LONGEST) this.#body.lastElementChild.remove();
    show(this.#panel, "ready");
  }
}
