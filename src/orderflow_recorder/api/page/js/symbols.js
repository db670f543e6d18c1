// The table of symbols: only the rows in sight are in the document, so that a whole venue stays smooth.

import { get } from "./api.js";
import { toPixels } from "./decimal.js";
import { atNextFrame, find, show, write } from "./dom.js";
import { count } from "./format.js";
import { fillRow, lagOf, makeRow, relativeSpread } from "./symbol_row.js";

const BEYOND = 6;
/** Figures change in place; rows change places this often at most, and never under the reader's hand. */
const SORT_MS = 15_000;
const UNKNOWN = { trade: null, bid: null, ask: null, day: null, trades_per_s: 0, updates_per_s: 0 };
const NEWEST_FIRST = new Set(["trades", "updates", "holes"]);

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
  #sortedAt = 0;
  #isRead = false;
  #sortedOf = -1;
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
    return this.#tick(0);
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
      const isHeld = this.#scroller.matches(":hover, :focus-within");
      const isDue = !isHeld && performance.now() - this.#sortedAt > SORT_MS;
      if (isDue || this.#ticks.size !== this.#sortedOf) this.#arrange();
      else this.#draw();
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
      this.#isRead = true;
    } catch {
      // Without tables the newest is all there is.
    }
    for (const [key, tick] of newest) if (!this.#live.has(key)) this.#ticks.set(key, tick);
  }

  /** Say whether nothing of a symbol is in the tables, nor came since; false where that cannot be told. */
  isUnknown(market, symbol) {
    return this.#isRead && !this.#ticks.has(`${market} ${symbol}`);
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
        return relativeSpread(tick);
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

  #tick(at) {
    return this.#ticks.get(this.#shown[at]) ?? null;
  }

  #arrange() {
    this.#sortedAt = performance.now();
    this.#sortedOf = this.#ticks.size;
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
    this.#shown = keyed.map(({ tick }) => `${tick.market} ${tick.symbol}`);
    this.#cursor = Math.max(0, this.#shown.indexOf(held));
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
      const tick = this.#tick(at);
      fillRow(row, tick, {
        at,
        decimals: this.decimalsOf(tick.market, tick.symbol).price,
        isChosen: this.selection.is(tick.market, tick.symbol),
        holes: this.#open.get(this.#shown[at]) ?? 0,
      });
      row.tabIndex = at === this.#cursor ? 0 : -1;
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
    const row = makeRow((place) => this.#choose(place));
    this.#body.append(row);
    return row;
  }

  #row(at) {
    return this.#body.querySelector(`[data-at="${at}"]`);
  }

  #choose(at) {
    const tick = this.#tick(at);
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
