// The candles of one symbol: what the tables have, and the newest seconds from the stream on top; all sums exact.

import { get } from "./api.js";
import { now } from "./clock.js";
import { add, larger, smaller } from "./decimal.js";
import { iso, milliseconds } from "./format.js";
import { secondsOf } from "./selection.js";

/** The tables are behind the stream by less than this: what ended before is read from them. */
const SETTLED_S = 5;
const DAY_S = 86_400;
/** What an unfinished candle is made of: as few parts as can be. */
const PARTS = [
  ["1h", 3600],
  ["1m", 60],
];
/** Seconds from the stream that are kept at most, until the tables are asked: nobody may look for days. */
const MOST_SECONDS = 600;
const SUMS = ["volume", "buy_volume", "sell_volume", "delta"];

const floorTo = (seconds, step) => Math.floor(seconds / step) * step;
const timeOf = (candle) => milliseconds(candle.bucket) / 1000;

/** Return one candle made of several that follow one another. */
function merge(parts) {
  const whole = { ...parts[0] };
  for (const part of parts.slice(1)) {
    whole.high = larger(whole.high, part.high);
    whole.low = smaller(whole.low, part.low);
    whole.close = part.close;
    for (const name of SUMS) whole[name] = add(whole[name], part[name]);
    whole.trade_count += part.trade_count;
    whole.complete = whole.complete && part.complete;
  }
  return whole;
}

export class Candles {
  #stored = new Map();
  #pieces = new Map();
  #settled = 0;
  #signal = null;

  /**
   * @param {string} market
   * @param {string} symbol
   * @param {string} interval e.g. "5m"
   * @param {number} bars how many to read at once
   * @param {AbortSignal} signal ends the requests
   */
  constructor(market, symbol, interval, bars, signal) {
    this.market = market;
    this.symbol = symbol;
    this.interval = interval;
    this.seconds = secondsOf(interval);
    this.bars = bars;
    this.#signal = signal;
    this.exhausted = false;
  }

  async #read(resolution, start, end) {
    if (start >= end) return [];
    const span = { start: iso(start * 1000), end: iso(end * 1000) };
    const path = { market: this.market, symbol: this.symbol, resolution, ...span };
    const rows = [];
    let after = null;
    do {
      const page = await get("candles", { ...path, after }, this.#signal);
      rows.push(...page.rows);
      after = page.next;
    } while (after);
    return rows;
  }

  #store(rows) {
    for (const row of rows) this.#stored.set(timeOf(row), row);
  }

  /** Return the begin of the bucket that is not settled in the tables yet. */
  #unsettled() {
    return floorTo(now() / 1000 - SETTLED_S, this.seconds);
  }

  /** Read the newest bars, and what the unfinished one is made of so far. */
  async load() {
    const until = this.#unsettled();
    const [stored, seconds] = await Promise.all([
      this.#read(this.interval, until - this.bars * this.seconds, until),
      this.#readParts(until),
    ]);
    this.#store(stored);
    for (const piece of await this.#read("1s", seconds, Math.ceil(now() / 1000))) {
      // A second during which the line was cut is live, and wrong.
      const isSettled = timeOf(piece) < now() / 1000 - SETTLED_S;
      if (isSettled || !this.#pieces.get(timeOf(piece))?.live) this.#pieces.set(timeOf(piece), piece);
    }
    this.#settled = until;
    return this;
  }

  /**
   * Read the parts of the unfinished bar that are settled, in place of the seconds they are made of.
   * @returns {Promise<number>} from when on there are seconds only
   */
  async #readParts(until) {
    const parts = [];
    let begin = until;
    for (const [resolution, step] of PARTS.filter(([, step]) => step < this.seconds)) {
      const end = Math.max(begin, floorTo(now() / 1000 - SETTLED_S, step));
      parts.push(this.#read(resolution, begin, end));
      begin = end;
    }
    const rows = (await Promise.all(parts)).flat();
    for (const time of this.#pieces.keys()) if (time < begin) this.#pieces.delete(time);
    for (const row of rows) this.#pieces.set(timeOf(row), row);
    return begin;
  }

  /** Read again what has settled meanwhile: it says whether a candle is complete, and has what was healed. */
  async settle(bars = 3) {
    const until = this.#unsettled();
    const longest = until - this.bars * this.seconds;
    // Nobody looked for so long that the newest bars do not follow those that are here.
    const isAnew = this.#settled < longest;
    const rows = await this.#read(this.interval, isAnew ? longest : this.#settled - bars * this.seconds, until);
    await this.#readParts(until);
    if (isAnew) this.#stored.clear();
    this.#store(rows);
    this.#settled = until;
  }

  /** Read bars before the first one; there may be none. */
  async older() {
    const first = this.first();
    if (first === null || this.exhausted) return false;
    // Where nothing was traded for long, further back once more.
    for (const many of this.seconds < DAY_S ? [1, 8] : [1]) {
      const rows = await this.#read(this.interval, first - many * this.bars * this.seconds, first);
      this.#store(rows);
      if (rows.length) return true;
    }
    this.exhausted = true;
    return false;
  }

  /** Take a candle of a second from the stream. */
  take(event) {
    this.#pieces.set(timeOf(event), { ...event, complete: true, live: true });
    if (this.#pieces.size > MOST_SECONDS) this.#pieces.delete(this.#pieces.keys().next().value);
  }

  /** Return the begin of the first candle, s since the epoch; null if there is none. */
  first() {
    const times = [...this.#stored.keys()];
    return times.length ? Math.min(...times) : null;
  }

  /**
   * Return all candles in order, each with its `time` (s) and the sum of deltas from the first one on (`cvd`).
   * @returns {Array<object>}
   */
  rows() {
    const buckets = new Map();
    for (const time of [...this.#pieces.keys()].sort((a, b) => a - b)) {
      const bucket = floorTo(time, this.seconds);
      const parts = buckets.get(bucket) ?? buckets.set(bucket, []).get(bucket);
      parts.push(this.#pieces.get(time));
    }
    const found = new Map(this.#stored);
    for (const [bucket, parts] of buckets) found.set(bucket, { ...merge(parts), growing: true });
    let cvd = "0";
    return [...found.entries()]
      .sort(([a], [b]) => a - b)
      .map(([time, candle]) => {
        cvd = add(cvd, candle.delta);
        return { ...candle, bucket: iso(time * 1000), time, cvd };
      });
  }
}
