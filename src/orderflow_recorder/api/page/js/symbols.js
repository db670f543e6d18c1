// The table of symbols: only the rows in sight are in the document, so that a whole venue stays smooth.

import { get } from "./api.js";
import { now } from "./clock.js";
import { subtract, toPixels } from "./decimal.js";
import { atNextFrame, find, h, show, write } from "./dom.js";
import { MARKETS, count, decimal, duration, milliseconds, rate } from "./format.js";

const BEYOND = 6;
const SHORT = { spot: "Spot", usdm: "Fut." };
const UNKNOWN = { trade: null, bid: null, ask: null, day: null, trades_per_s: 0, updates_per_s: 0 };
const NEWEST_FIRST = new Set(["trades", "updates", "holes"]);

const lagOf = (tick) =>
  tick.trade ? milliseconds(tick.trade.receive_time) - milliseconds(tick.trade.trade_time) : Number.NaN;
const spreadOf = (tick) => (tick.bid && tick.ask ? subtract(tick.ask.price, tick.bid.price) : null);
const relative = (tick) => (tick.bid && tick.ask ? toPixels(spreadOf(tick)) / toPixels(tick.ask.price) : Number.NaN);

export class SymbolTable {
  #panel = find("#symbols-panel");
  #scroller = find("#symbols-scroll");
  #body = find("#symbols-rows");
  #ticks = new Map();
  #open = new Map();
  #live = new Set();
  #shown = [];
  #sort = { by: "trades", down: true };
  #cursor = 0;
  #busy = false;
  #draw = atNextFrame(() => this.#render());

  /**
   * @param {Selection} selection
   * @param {(market: string, symbol: string) => {price: number, quantity: number}} decimalsOf
   */
  constructor(selection, decimalsOf) {
    this.selection = selection;
    this.decimalsOf = decimalsOf;
    this.#scroller.addEventListener("scroll", this.#draw, { passive: true });
    new ResizeObserver(this.#draw).observe(this.#scroller);
    find("#symbols-filter").addEventListener("input", () => this.#arrange());
    find("#symbols-market").addEventListener("change", () => this.#arrange());
    this.#scroller.addEventListener("keydown", (event) => this.#key(event));
    for (const button of document.querySelectorAll("#symbols-head button")) {
      button.addEventListener("click", () => this.#sortBy(button.dataset.by));
    }
  }

  /** Return the first symbol there is, by the order shown. */
  first() {
    return this.#shown[0] ?? null;
  }

  /** Read all ticks again. */
  async poll() {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const ticks = await get("ticks");
      for (const tick of ticks.rows) {
        this.#ticks.set(`${tick.market} ${tick.symbol}`, tick);
        this.#live.add(`${tick.market} ${tick.symbol}`);
      }
      this.#arrange();
    } catch (error) {
      if (!this.#ticks.size) show(this.#panel, "error", `No symbols: ${error.message}`, () => this.poll());
    } finally {
      this.#busy = false;
    }
  }

  /** Know the symbols that are in the tables: one of which nothing came yet is there as well. */
  async readRecorded() {
    const newest = new Map();
    try {
      for (const { market, symbol, last_time } of (await get("coverage")).rows) {
        const key = `${market} ${symbol}`;
        if (!newest.has(key) || last_time > newest.get(key).updated_at)
          newest.set(key, { market, symbol, updated_at: last_time, ...UNKNOWN });
      }
    } catch {
      // Without tables the newest is all there is.
    }
    for (const [key, tick] of newest)
      if (!this.#ticks.get(key)?.trade) this.#ticks.set(key, { ...tick, ...this.#ticks.get(key) });
  }

  /** Say whether anything of a symbol is in the tables, or came since. */
  knows(market, symbol) {
    return this.#ticks.has(`${market} ${symbol}`);
  }

  /** Say whether anything of a symbol came to the live store: only then there is something to ask it for. */
  isLive(market, symbol) {
    return this.#live.has(`${market} ${symbol}`);
  }

  /** Return the names of all symbols. */
  names() {
    return [...new Set([...this.#ticks.values()].map((tick) => tick.symbol))];
  }

  /** Know how many holes of each symbol are not healed, by "market symbol". */
  setHoles(open) {
    this.#open = open;
    this.#draw();
  }

  /** Draw ages again, and which symbol is chosen. */
  tick() {
    this.#draw();
  }

  #sortBy(by) {
    const down = this.#sort.by === by ? !this.#sort.down : NEWEST_FIRST.has(by);
    this.#sort = { by, down };
    this.#arrange();
  }

  #value(tick, by) {
    switch (by) {
      case "symbol":
        return `${tick.symbol} ${tick.market}`;
      case "last":
        return tick.trade ? toPixels(tick.trade.price) : Number.NaN;
      case "spread":
        return relative(tick);
      case "trades":
        return tick.trades_per_s;
      case "updates":
        return tick.updates_per_s;
      case "lag":
        return lagOf(tick);
      default:
        return this.#open.get(`${tick.market} ${tick.symbol}`) ?? 0;
    }
  }

  #arrange() {
    const text = find("#symbols-filter").value.trim().toUpperCase();
    const market = find("#symbols-market").value;
    const { by, down } = this.#sort;
    const keyed = [...this.#ticks.values()]
      .filter((tick) => (!market || tick.market === market) && tick.symbol.includes(text))
      .map((tick) => ({ tick, value: this.#value(tick, by) }));
    const unknown = ({ value }) => Number.isNaN(value);
    keyed.sort((a, b) => {
      // What is not known stands at the end, whichever way the table is sorted.
      if (unknown(a) !== unknown(b)) return unknown(a) ? 1 : -1;
      const order = typeof a.value === "string" ? a.value.localeCompare(b.value) : a.value - b.value;
      return (
        (down ? -order : order) ||
        a.tick.symbol.localeCompare(b.tick.symbol) ||
        a.tick.market.localeCompare(b.tick.market)
      );
    });
    const held = this.#shown[this.#cursor];
    this.#shown = keyed.map(({ tick }) => tick);
    const at = held ? this.#shown.findIndex((tick) => tick.market === held.market && tick.symbol === held.symbol) : 0;
    this.#cursor = Math.max(0, at);
    for (const button of document.querySelectorAll("#symbols-head button")) {
      const state = button.dataset.by === by ? (down ? "descending" : "ascending") : "none";
      button.parentElement.setAttribute("aria-sort", state);
    }
    const all = this.#ticks.size;
    write(
      find("#symbols-count"),
      text || market ? `${count(this.#shown.length)} of ${count(all)}` : all ? count(all) : "",
    );
    if (this.#shown.length) show(this.#panel, "ready");
    else
      show(
        this.#panel,
        "empty",
        all
          ? "No symbol fits this filter."
          : "Nothing was recorded yet. Symbols appear here with their first trade or book.",
      );
    this.#draw();
  }

  /** Return how high the part of the list in sight is: the header stays on top of it. */
  #seen() {
    return this.#scroller.clientHeight - find("#symbols-head").offsetHeight;
  }

  #rowHeight() {
    return Number.parseFloat(getComputedStyle(this.#scroller).getPropertyValue("--row")) || 34;
  }

  #render() {
    const height = this.#rowHeight();
    const focused = this.#body.contains(document.activeElement);
    const first = Math.max(0, Math.floor(this.#scroller.scrollTop / height) - BEYOND);
    const last = Math.min(this.#shown.length, Math.ceil((this.#scroller.scrollTop + this.#seen()) / height) + BEYOND);
    this.#body.style.height = `${this.#shown.length * height}px`;
    find("#symbols-grid").setAttribute("aria-rowcount", String(this.#shown.length + 1));
    const rows = [];
    for (let at = first; at < last; at += 1) {
      const row = this.#reuse(at - first);
      this.#fill(row, this.#shown[at], at);
      row.style.transform = `translateY(${at * height}px)`;
      rows.push(row);
    }
    while (this.#body.childElementCount > rows.length) this.#body.lastElementChild.remove();
    if (focused) this.#row(this.#cursor)?.focus({ preventScroll: true });
    else if (!this.#body.querySelector('[tabindex="0"]') && rows[0]) rows[0].tabIndex = 0;
  }

  #reuse(at) {
    const known = this.#body.children[at];
    if (known) return known;
    const cells = ["symbol", "last", "spread", "trades", "updates", "lag", "holes"].map((name) =>
      h(`div.${name}`, { role: name === "symbol" ? "rowheader" : "gridcell" }),
    );
    cells[0].append(h("span.ticker"), h("span.market"));
    const row = h(
      "div.row",
      { role: "row", onclick: (event) => this.#choose(Number(event.currentTarget.dataset.at)) },
      ...cells,
    );
    this.#body.append(row);
    return row;
  }

  #fill(row, tick, at) {
    const decimals = this.decimalsOf(tick.market, tick.symbol).price;
    const chosen = this.selection.is(tick.market, tick.symbol);
    const [symbol, last, spread, trades, updates, lag, holes] = row.children;
    row.dataset.at = at;
    row.dataset.key = `${tick.market} ${tick.symbol}`;
    row.setAttribute("aria-rowindex", String(at + 2));
    row.setAttribute("aria-selected", String(chosen));
    row.tabIndex = at === this.#cursor ? 0 : -1;
    write(symbol.firstChild, tick.symbol);
    write(symbol.lastChild, SHORT[tick.market] ?? tick.market);
    symbol.title = `${tick.symbol} ${MARKETS[tick.market]}`;
    write(last, tick.trade ? decimal(tick.trade.price, decimals) : "–");
    write(spread, decimal(spreadOf(tick), decimals));
    write(trades, rate(tick.trades_per_s));
    write(updates, rate(tick.updates_per_s));
    const age = now() - milliseconds(tick.updated_at);
    const silent = age > 60_000;
    write(lag, duration(silent ? age : lagOf(tick)));
    lag.title = silent ? "Silent for so long" : "";
    lag.toggleAttribute("data-silent", silent);
    const open = this.#open.get(row.dataset.key) ?? 0;
    write(holes, open ? count(open) : "0");
    holes.toggleAttribute("data-some", open > 0);
  }

  #row(at) {
    return this.#body.querySelector(`[data-at="${at}"]`);
  }

  #choose(at) {
    const tick = this.#shown[at];
    if (!tick) return;
    this.#cursor = at;
    this.selection.choose({ market: tick.market, symbol: tick.symbol });
    this.#draw();
  }

  #key(event) {
    if (!this.#body.contains(event.target)) return;
    const page = Math.max(1, Math.floor(this.#seen() / this.#rowHeight()) - 1);
    const moves = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -this.#shown.length,
      End: this.#shown.length,
    };
    if (event.key === "Enter" || event.key === " ") this.#choose(this.#cursor);
    else if (event.key in moves) {
      this.#cursor = Math.min(this.#shown.length - 1, Math.max(0, this.#cursor + moves[event.key]));
      const top = this.#cursor * this.#rowHeight();
      const seen = this.#scroller;
      if (top < seen.scrollTop) seen.scrollTop = top;
      else if (top + this.#rowHeight() > seen.scrollTop + this.#seen())
        seen.scrollTop = top + this.#rowHeight() - this.#seen();
      this.#render();
    } else return;
    event.preventDefault();
  }
}
