// The ledger: every gap of every stream, newest first, by status, cause and symbol.

import { get, wasAborted } from "./api.js";
import { atNextFrame, find, h, show, write } from "./dom.js";
import { MARKETS, count, dayAndTime, duration } from "./format.js";
import { CAUSES, STATUSES, badge, lengthOf, missingOf, plain } from "./gaps.js";
import { showGaps } from "./detail.js";

const SHOWN = 100;
const PAGE = 1000;
/** How much is looked through for one answer: what fits may be rare. */
const MOST_PAGES = 10;
/** So many may come by themselves before the list begins anew with the newest. */
const MOST_MORE = 300;
const TYPING_MS = 250;

export class Ledger {
  #panel = find("#ledger-panel");
  #body = find("#ledger-rows");
  #gaps = new Map();
  #next = null;
  #loaded = 0;
  #ending = null;
  #typing = null;
  #symbols = new Set();
  #later = atNextFrame(() => this.#draw());

  /** @param {Selection} selection whose symbol one filter follows */
  constructor(selection) {
    this.selection = selection;
    for (const [id, words] of Object.entries({ status: STATUSES, cause: CAUSES })) {
      const select = find(`#ledger-${id}`);
      select.append(...Object.keys(words).map((word) => h("option", { value: word }, plain(word))));
      select.addEventListener("change", () => this.load());
    }
    find("#ledger-market").addEventListener("change", () => this.load());
    find("#ledger-symbol").addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.load(), TYPING_MS);
    });
    find("#ledger-more").addEventListener("click", () => this.#read(true));
    find("#ledger-clear").addEventListener("click", () => this.#clear());
  }

  /** Know which symbols there are: one that is typed in full is asked for, a part of one is looked for. */
  setSymbols(symbols) {
    this.#symbols = new Set(symbols);
    find("#ledger-symbols").replaceChildren(
      ...[...this.#symbols].sort().map((symbol) => h("option", { value: symbol })),
    );
  }

  #filter() {
    const value = (id) => find(`#ledger-${id}`).value.trim();
    return {
      status: value("status"),
      cause: value("cause"),
      market: value("market"),
      symbol: value("symbol").toUpperCase(),
    };
  }

  #fits(gap, { status, cause, market, symbol }) {
    const same = (wanted, found) => !wanted || wanted === found;
    return (
      same(status, gap.status) && same(cause, gap.cause) && same(market, gap.market) && gap.symbol.includes(symbol)
    );
  }

  #clear() {
    for (const id of ["status", "cause", "market", "symbol"]) find(`#ledger-${id}`).value = "";
    this.load();
  }

  /** Try again, if the last time failed. */
  mend() {
    if (this.#panel.dataset.state === "error") this.load();
  }

  /** Read the newest anew. */
  load() {
    this.#next = null;
    return this.#read(false);
  }

  async #read(more) {
    this.#ending?.abort();
    this.#ending = new AbortController();
    const { signal } = this.#ending;
    const filter = this.#filter();
    if (!this.#gaps.size) show(this.#panel, "loading", "Reading the ledger …");
    find("#ledger-clear").hidden = !Object.values(filter).some(Boolean);
    try {
      const found = await this.#search(filter, more ? this.#next : null, signal);
      if (!more) this.#gaps.clear();
      for (const gap of found) this.#gaps.set(gap.gap_id, gap);
      this.#loaded = this.#gaps.size;
      this.#draw();
    } catch (error) {
      if (wasAborted(error)) return;
      this.#gaps.clear();
      this.#body.replaceChildren();
      show(this.#panel, "error", `No ledger: ${error.message}`, () => this.load());
    }
  }

  /** Read on until some fit, or there are no more. */
  async #search(filter, after, signal) {
    const { status, market, cause } = filter;
    const symbol = this.#symbols.has(filter.symbol) ? filter.symbol : null;
    const limit = cause || (filter.symbol && !symbol) ? PAGE : SHOWN;
    const found = [];
    for (let pages = 0; pages < MOST_PAGES; pages += 1) {
      const page = await get("gaps", { status, market, symbol, limit, after }, signal);
      found.push(...page.rows.filter((gap) => this.#fits(gap, filter)));
      after = page.next;
      if (!after || found.length >= SHOWN) break;
    }
    this.#next = after;
    return found;
  }

  /** Take a gap of the stream: new, or changed. */
  take(gap) {
    if (!this.#fits(gap, this.#filter())) this.#gaps.delete(gap.gap_id);
    else this.#gaps.set(gap.gap_id, gap);
    if (this.#gaps.size > this.#loaded + MOST_MORE) this.load();
    else this.#later();
  }

  #draw() {
    const filtered = Object.values(this.#filter()).some(Boolean);
    const rows = [...this.#gaps.values()].sort((a, b) => b.gap_id - a.gap_id);
    const focused = document.activeElement?.dataset?.gap;
    this.#body.replaceChildren(...rows.map((gap) => this.#row(gap)));
    if (focused) find(`[data-gap="${focused}"]`, this.#body)?.focus();
    find("#ledger-more").hidden = !this.#next;
    write(find("#ledger-count"), rows.length ? `${count(rows.length)}${this.#next ? " newest" : ""}` : "");
    if (rows.length) show(this.#panel, "ready");
    else
      show(
        this.#panel,
        "empty",
        filtered ? "No gap fits this filter." : "The ledger is empty: every id from the first to the newest is a row.",
      );
  }

  #row(gap) {
    const missing = missingOf(gap);
    const name = `${MARKETS[gap.market]} ${gap.symbol}`;
    const open = h(
      "button.link",
      {
        type: "button",
        "data-gap": gap.gap_id,
        "aria-label": `Details of gap ${gap.gap_id}, ${name} ${gap.stream}`,
        onclick: () => showGaps([gap]),
      },
      name,
    );
    const cells = [
      [dayAndTime(gap.from_time ?? gap.opened_at), "since"],
      [gap.stream, "stream"],
      [missing === null ? "–" : count(missing), "number missing"],
      [duration(lengthOf(gap)), "number length"],
      [plain(gap.cause), "cause"],
    ].map(([text, name]) => h("td", { className: name }, text));
    return h("tr", {}, h("th", { scope: "row" }, open), ...cells, h("td.status", {}, badge(gap.status)));
  }
}
