// What the ledger's words mean, and how a gap is told; shared by the strip, the list and the details.

import { h } from "./dom.js";
import { count, dayAndTime, duration, milliseconds } from "./format.js";

export const STATUSES = {
  open: "missing; the venue may still serve it",
  healed: "fetched later: its ids are rows now",
  unrecoverable: "missing; no source has it",
};

export const CAUSES = {
  disconnect: "The socket was lost.",
  stall: "The socket was open but silent, and was replaced.",
  restart: "The recorder did not run, or had ended without a word.",
  venue_skipped: "Nothing happened on our side: the venue did not send it.",
  unparsable_frame: "A frame came that could not be read; it is kept raw in the journal.",
  disk_full: "The disk was full.",
  rotation: "Lost while one socket replaced another.",
  window: "Outside of the recording window, as wanted.",
  host_asleep: "The machine was suspended, or so busy that the recorder stood still.",
  journal_lost: "Parts of the journal were gone before they were loaded.",
};

/** Which status a person must see first. */
export const GRAVITY = { unrecoverable: 2, open: 1, healed: 0 };

/** Write a word of the ledger for people. */
export const plain = (word) => (word ?? "").replaceAll("_", " ");

/** Return from when to when a gap is, ms; by what revealed it where its neighbours are not known. */
export function spanOf(gap) {
  const from = milliseconds(gap.from_time ?? gap.opened_at);
  const to = milliseconds(gap.to_time ?? gap.opened_at);
  return [Math.min(from, to), Math.max(from, to)];
}

export const lengthOf = (gap) => {
  const [from, to] = spanOf(gap);
  return to - from;
};

/** Return how many ids are missing; null for a stream without ids. */
export const missingOf = (gap) =>
  gap.first_missing_id === null || gap.last_missing_id === null ? null : gap.last_missing_id - gap.first_missing_id + 1;

/** Write how many ids are missing. */
export function missingText(gap) {
  const missing = missingOf(gap);
  return missing === null ? "no ids" : `${count(missing)} ${missing === 1 ? "id" : "ids"}`;
}

/** Write what filled a gap. */
export function healerText(gap) {
  const [kind, name] = (gap.healed_by ?? "").split(":");
  const words = { rest: "the venue's REST", archive: "the venue's archive", instance: `recorder ${name}` };
  return words[kind] ?? gap.healed_by ?? "–";
}

/** Return the mark of a status: colour and word, so that neither is needed alone. */
export const badge = (status) => h("span.badge", { "data-status": status }, status);

/** Write a gap in one sentence, for labels. */
export function sentence(gap) {
  const when = dayAndTime(gap.from_time ?? gap.opened_at);
  return `${gap.stream}: ${missingText(gap)} from ${when} UTC, ${duration(lengthOf(gap))}, ${plain(gap.cause)}, ${gap.status}`;
}
