// The candles of one symbol: what the tables have, and the newest seconds from the stream on top; all sums exact.

import { get } from "./api.js";
import { now } from "./clock.js";
import { add, larger, smaller } from "./decimal.js";
import { iso, milliseconds } from "./format.js";
import { secondsOf } from "./selection.js";

/** The tables are behind the stream by less than this: what ended before is read from them. */
const SETTLED_S = 5;
const MINUTE_S = 60;
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
    const from = this.#unsettled();
    const moment = now() / 1000;
    const minute = Math.max(from, floorTo(moment - SETTLED_S, MINUTE_S));
    const [stored, minutes, seconds] = await Promise.all([
      this.#read(this.interval, from - this.bars * this.seconds, from),
      this.#read("1m", from, minute),
      this.#read("1s", minute, Math.ceil(moment)),
    ]);
    this.#store(stored);
    for (const piece of [...minutes, ...seconds]) {
      const known = this.#pieces.get(timeOf(piece));
      if (!known?.live) this.#pieces.set(timeOf(piece), piece);
    }
    return this;
  }

  /** Read again what has settled meanwhile: it says whether a candle is complete, and has what was healed. */
  async settle(bars = 3) {
    const until = this.#unsettled();
    const oldest = Math.min(
      until - bars * this.seconds,
      ...[...this.#pieces.keys()].map((time) => floorTo(time, this.seconds)),
    );
    this.#store(await this.#read(this.interval, oldest, until));
    for (const time of this.#pieces.keys()) if (time < until) this.#pieces.delete(time);
  }

  /** Read bars before the first one; there may be none. */
  async older() {
    const first = this.first();
    if (first === null || this.exhausted) return false;
    const rows = await this.#read(this.interval, first - this.bars * this.seconds, first);
    this.#store(rows);
    this.exhausted = rows.length === 0;
    return rows.length > 0;
  }

  /** Take a candle of a second from the stream. */
  take(event) {
    this.#pieces.set(timeOf(event), { ...event, complete: true, live: true });
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
        return { ...candle, time, cvd };
      });
  }
}
