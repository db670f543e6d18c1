// The details of one hole, or of a few that lie so close that they are one mark.

import { find, h, write } from "./dom.js";
import { dayAndTime, duration } from "./format.js";
import { CAUSES, STATUSES, badge, healerText, lengthOf, missingText, plain } from "./gaps.js";
import { MARKETS } from "./format.js";

const MOST = 50;

function facts(gap) {
  const ids =
    gap.first_missing_id === null ? "a stream without ids" : `${gap.first_missing_id} – ${gap.last_missing_id}`;
  const all = [
    ["Missing", missingText(gap)],
    ["Ids", ids],
    ["Since", `${dayAndTime(gap.from_time, 26)} UTC`],
    ["Until", `${dayAndTime(gap.to_time, 26)} UTC`],
    ["Length", duration(lengthOf(gap))],
    ["Cause", `${plain(gap.cause)}: ${CAUSES[gap.cause] ?? ""}`],
    ["Status", `${gap.status}: ${STATUSES[gap.status] ?? ""}`],
    ["Seen", `${dayAndTime(gap.opened_at, 26)} UTC, by ${gap.instance}`],
  ];
  if (gap.healed_at) all.push(["Healed", `${dayAndTime(gap.healed_at, 26)} UTC, by ${healerText(gap)}`]);
  if (gap.reason) all.push(["Reason", gap.reason]);
  return all;
}

function card(gap) {
  return h(
    "article",
    {},
    h("h3", {}, `${MARKETS[gap.market]} ${gap.symbol} · ${gap.stream}`, badge(gap.status)),
    h("dl.facts", {}, ...facts(gap).map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text)))),
  );
}

/** Show gaps in a dialog; closing it gives the focus back. */
export function showGaps(gaps) {
  const dialog = find("#gap-detail");
  write(find("#gap-detail-title"), gaps.length === 1 ? `Gap ${gaps[0].gap_id}` : `${gaps.length} gaps close together`);
  const cards = gaps.slice(0, MOST).map(card);
  if (gaps.length > MOST) cards.push(h("p", {}, `The first ${MOST}; the ledger below has all.`));
  find("#gap-detail-body").replaceChildren(...cards);
  if (!dialog.open) dialog.showModal();
  find("#gap-detail-body").scrollTop = 0;
}

/** Let a click outside of the dialog close it. */
export function setUp() {
  const dialog = find("#gap-detail");
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  find("#gap-detail-close").addEventListener("click", () => dialog.close());
}
