// One row of the table of symbols: made once, filled again and again.

import { now } from "./clock.js";
import { subtract, toPixels } from "./decimal.js";
import { h, write } from "./dom.js";
import { MARKETS, count, decimal, duration, milliseconds, rate } from "./format.js";

const SHORT = { spot: "Spot", usdm: "Fut." };
const COLUMNS = ["symbol", "last", "spread", "trades", "updates", "lag", "holes"];
/** After this long without a record a symbol is silent, ms. */
const SILENT_MS = 60_000;

/** Return how long the newest trade took from the venue's clock to our socket, ms; NaN without one. */
export function lagOf(tick) {
  return tick.trade ? milliseconds(tick.trade.receive_time) - milliseconds(tick.trade.trade_time) : Number.NaN;
}

const spreadOf = (tick) => (tick.bid && tick.ask ? subtract(tick.ask.price, tick.bid.price) : null);

/** Return the spread as a part of the price; NaN without one. */
export function relativeSpread(tick) {
  return tick.bid && tick.ask ? toPixels(spreadOf(tick)) / toPixels(tick.ask.price) : Number.NaN;
}

/** Return an empty row; `choose(at)` is called with its place when it is clicked. */
export function makeRow(choose) {
  const cells = COLUMNS.map((name) => h(`div.${name}`, { role: name === "symbol" ? "rowheader" : "gridcell" }));
  cells[0].append(h("span.ticker"), h("span.market"));
  return h("div.row", { role: "row", onclick: (event) => choose(Number(event.currentTarget.dataset.at)) }, ...cells);
}

/**
 * Write the newest of a symbol into a row.
 * @param {HTMLElement} row of `makeRow`
 * @param {object} tick of the API
 * @param {{at: number, decimals: number, isChosen: boolean, holes: number}} shown its place, decimals of prices,
 *   whether it is the chosen one, how many holes are not healed
 */
export function fillRow(row, tick, { at, decimals, isChosen, holes }) {
  const [symbol, last, spread, trades, updates, lag, open] = row.children;
  row.dataset.at = at;
  row.dataset.key = `${tick.market} ${tick.symbol}`;
  row.setAttribute("aria-rowindex", String(at + 2));
  row.setAttribute("aria-selected", String(isChosen));
  write(symbol.firstChild, tick.symbol);
  write(symbol.lastChild, SHORT[tick.market] ?? tick.market);
  symbol.title = `${tick.symbol} ${MARKETS[tick.market]}`;
  write(last, tick.trade ? decimal(tick.trade.price, decimals) : "–");
  write(spread, decimal(spreadOf(tick), decimals));
  write(trades, rate(tick.trades_per_s));
  write(updates, rate(tick.updates_per_s));
  const age = now() - milliseconds(tick.updated_at);
  const isSilent = age > SILENT_MS;
  write(lag, duration(isSilent ? age : lagOf(tick)));
  lag.title = isSilent ? "Silent for so long" : "";
  lag.toggleAttribute("data-silent", isSilent);
  write(open, count(holes));
  open.toggleAttribute("data-some", holes > 0);
}
