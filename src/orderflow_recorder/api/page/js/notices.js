// What the reader must know once: that something was missed, and what was done about it.

import { announce, find, h } from "./dom.js";
import { count, duration, iso, timeOfDay, MARKETS } from "./format.js";
import { now } from "./clock.js";

const MOST = 4;

/** Show a line until it is put away. */
export function notice(text, key = text) {
  const list = find("#notices");
  list.querySelector(`[data-key="${CSS.escape(key)}"]`)?.remove();
  const line = h("li", { "data-key": key }, h("span", {}, `${timeOfDay(iso(now()), 8)} · ${text}`));
  line.append(
    h("button.quiet", { type: "button", "aria-label": "Put this message away", onclick: () => line.remove() }, "×"),
  );
  list.prepend(line);
  while (list.childElementCount > MOST) list.lastElementChild.remove();
  announce(text);
}

/** Put a line away by its key. */
export const withdraw = (key) =>
  find("#notices")
    .querySelector(`[data-key="${CSS.escape(key)}"]`)
    ?.remove();

/** Write a `missed` event for people. */
export function missedText(event) {
  const ids =
    event.first_id === null || event.first_id === undefined ? "" : `, ids ${event.first_id} to ${event.last_id}`;
  const of = event.symbol === "*" ? "" : ` of ${MARKETS[event.market] ?? ""} ${event.symbol}`;
  return `This browser was too slow: ${count(event.count)} ${event.channel}${of} were not shown${ids}.`;
}

/** Write how long the page was away. */
export const awayText = (milliseconds) =>
  `Connected again after ${duration(milliseconds)}: what came meanwhile was read from the tables.`;
