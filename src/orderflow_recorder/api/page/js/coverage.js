// The strip of the last day: what of each stream is there, and its holes to click.

import { get, wasAborted } from "./api.js";
import { now } from "./clock.js";
import { find, h, show } from "./dom.js";
import { iso, milliseconds } from "./format.js";
import { GRAVITY, sentence, spanOf } from "./gaps.js";
import { showGaps } from "./detail.js";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** A stream that is younger than this is still going on. */
const FRESH_MS = 120_000;
const NARROWEST = 4;
const FINGER = 26;
const MOST_GAPS = 2000;

/** Put holes that would touch on the screen into one mark. */
function cluster(gaps, place, apart) {
  const marks = [];
  for (const gap of [...gaps].sort((a, b) => spanOf(a)[0] - spanOf(b)[0])) {
    const [from, to] = spanOf(gap).map(place);
    const right = Math.max(to, from + NARROWEST);
    const last = marks.at(-1);
    if (last && from - last.right < apart - NARROWEST) {
      last.gaps.push(gap);
      last.right = Math.max(last.right, right);
    } else marks.push({ left: from, right, gaps: [gap] });
  }
  return marks;
}

/** Place an element within another, in parts of its width: it stays right when the window changes. */
function put(element, left, width, whole) {
  element.style.left = `${(100 * left) / whole}%`;
  element.style.width = `${(100 * Math.max(width, NARROWEST)) / whole}%`;
}

const worst = (gaps) => gaps.reduce((a, b) => (GRAVITY[b.status] > GRAVITY[a.status] ? b : a)).status;

function label(gaps) {
  return gaps.length === 1
    ? sentence(gaps[0])
    : `${gaps.length} gaps close together, worst: ${worst(gaps)}; first: ${sentence(gaps[0])}`;
}

export class CoverageStrip {
  #panel = find("#coverage-panel");
  #rows = find("#coverage-rows");
  #streams = [];
  #gaps = new Map();
  #ending = null;

  /**
   * @param {Selection} selection
   * @param {(holes: Array<[number, number]>) => void} tellHoles gets the holes of trades, s
   */
  constructor(selection, tellHoles) {
    this.selection = selection;
    this.tellHoles = tellHoles;
    this.#rows.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#draw()).observe(this.#rows);
  }

  /** Read the chosen symbol anew. */
  async load() {
    this.#ending?.abort();
    this.#ending = new AbortController();
    const { market, symbol } = this.selection;
    const wanted = `${market} ${symbol}`;
    if (this.#panel.dataset.of !== wanted) {
      this.#panel.dataset.of = wanted;
      this.#streams = [];
      this.#gaps.clear();
      this.#rows.replaceChildren();
      show(this.#panel, "loading", "Reading the ledger …");
    }
    try {
      const signal = this.#ending.signal;
      const since = iso(now() - DAY_MS);
      const [coverage, gaps] = await Promise.all([
        get("coverage", { market, symbol }, signal),
        get("gaps", { market, symbol, start: since, limit: MOST_GAPS }, signal),
      ]);
      this.#streams = coverage.rows;
      this.#gaps = new Map(gaps.rows.map((gap) => [gap.gap_id, gap]));
      if (!this.#streams.length) show(this.#panel, "empty", "Nothing of this symbol is recorded yet.");
      this.#draw();
    } catch (error) {
      if (!wasAborted(error) && !this.#streams.length)
        show(this.#panel, "error", `No ledger: ${error.message}`, () => this.load());
    }
  }

  /** Take a gap of the stream: new, or changed. */
  take(gap) {
    if (!this.selection.is(gap.market, gap.symbol)) return;
    this.#gaps.set(gap.gap_id, gap);
    this.#draw();
  }

  #draw() {
    if (!this.#streams.length) return;
    show(this.#panel, "ready");
    const until = now();
    const focused = document.activeElement?.dataset?.mark;
    const rows = this.#streams.map((stream) => this.#row(stream, until));
    this.#rows.replaceChildren(this.#axis(until), ...rows);
    if (focused) find(`[data-mark="${CSS.escape(focused)}"]`, this.#rows)?.focus();
    const trades = [...this.#gaps.values()].filter(
      (gap) => ["trade", "aggTrade"].includes(gap.stream) && gap.status !== "healed",
    );
    this.tellHoles(trades.map((gap) => spanOf(gap).map((ms) => ms / 1000)));
  }

  #axis(until) {
    const axis = h("div.axis", { "aria-hidden": "true" });
    const step = this.#rows.clientWidth < 600 ? 6 : 3;
    for (
      let time = Math.ceil((until - DAY_MS) / (step * HOUR_MS)) * step * HOUR_MS;
      time < until;
      time += step * HOUR_MS
    ) {
      const tick = h("span", {}, new Date(time).toISOString().slice(11, 16));
      tick.style.left = `${(100 * (time - until + DAY_MS)) / DAY_MS}%`;
      axis.append(tick);
    }
    return h("div.strip", {}, h("span.name"), axis);
  }

  #row(stream, until) {
    const percent = (time) => (100 * Math.min(Math.max(time - until + DAY_MS, 0), DAY_MS)) / DAY_MS;
    const first = milliseconds(stream.first_time);
    const last = milliseconds(stream.last_time);
    const ends = until - last < FRESH_MS ? until : last;
    const gaps = [...this.#gaps.values()].filter(
      (gap) => gap.stream === stream.stream && spanOf(gap)[1] > until - DAY_MS,
    );
    const track = h("div.track", {
      role: "group",
      "aria-label": `${stream.stream}: ${this.#summary(gaps, ends, until)}`,
    });
    const covered = h("div.covered");
    covered.style.left = `${percent(first)}%`;
    covered.style.width = `${percent(ends) - percent(first)}%`;
    track.append(covered, ...this.#marks(gaps, stream, until));
    const share = h("span.share", { "aria-hidden": "true" }, this.#summary(gaps, ends, until));
    return h("div.strip", {}, h("span.name", {}, stream.stream), track, share);
  }

  #marks(gaps, stream, until) {
    const width = find(".axis", this.#rows)?.clientWidth || this.#rows.clientWidth || 1;
    const place = (time) => (width * Math.min(Math.max(time - until + DAY_MS, 0), DAY_MS)) / DAY_MS;
    const apart = matchMedia("(pointer: coarse)").matches ? FINGER : 2 * NARROWEST;
    return cluster(gaps, place, apart).map((mark, at) => {
      const left = Math.min(mark.left, width - NARROWEST);
      const button = h("button.hole", {
        type: "button",
        "data-status": worst(mark.gaps),
        "data-mark": `${stream.stream} ${mark.gaps[0].gap_id}`,
        "aria-label": label(mark.gaps),
        title: label(mark.gaps),
        tabIndex: at === 0 ? 0 : -1,
        onclick: () => showGaps(mark.gaps),
      });
      put(button, left, mark.right - left, width);
      // What is pressed may be several holes: each is drawn where it is, the worst on top.
      for (const gap of [...mark.gaps].sort((a, b) => GRAVITY[a.status] - GRAVITY[b.status])) {
        const [from, to] = spanOf(gap).map(place);
        const bar = h("i", { "data-status": gap.status });
        put(bar, Math.min(from, width - NARROWEST) - left, Math.max(to - from, NARROWEST), mark.right - left);
        button.append(bar);
      }
      return button;
    });
  }

  #summary(gaps, last, until) {
    if (last < until - DAY_MS) return "nothing in the last day";
    const missing = gaps.filter((gap) => gap.status !== "healed");
    const healed = gaps.length - missing.length;
    const holes = missing.length ? `${missing.length} ${missing.length === 1 ? "hole" : "holes"}` : "no hole";
    return `${holes}${healed ? `, ${healed} healed` : ""}`;
  }

  // One stop of the tab key a stream; arrows go from hole to hole.
  #key(event) {
    const hole = event.target.closest(".hole");
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!hole || !step) return;
    const all = [...hole.parentElement.querySelectorAll(".hole")];
    const next = all[all.indexOf(hole) + step];
    if (!next) return;
    hole.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
    event.preventDefault();
  }
}
