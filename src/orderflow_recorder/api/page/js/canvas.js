// The chart itself: candles, delta and CVD in three panes of one time axis. Floats here are places on the screen.

import {
  ColorType,
  CrosshairMode,
  createChart,
  createTextWatermark,
  CandlestickSeries,
  HistogramSeries,
  LineSeries,
} from "../vendor/lightweight-charts/lightweight-charts.mjs";
import { toPixels } from "./decimal.js";
import { decimal } from "./format.js";

const MOST_BLANKS = 5000;
const INFINITE = 1;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function palette() {
  const names = ["text", "soft", "line", "panel", "buy", "sell", "missing", "missing-wash", "price"];
  return Object.fromEntries(names.map((name) => [name, colour(`--${name}`)]));
}

export class Canvas {
  #chart;
  #colours = palette();
  #blanks = [];

  /** @param {HTMLElement} holder where it is drawn */
  constructor(holder) {
    this.#chart = createChart(holder, { autoSize: true, layout: { attributionLogo: false } }); // the page's last line has the link
    const add = (kind, options, pane) => this.#chart.addSeries(kind, options, pane);
    const quiet = { priceLineVisible: false, lastValueVisible: false };
    this.holes = add(HistogramSeries, { ...quiet, priceScaleId: "holes", base: 0 }, 0);
    this.holes.priceScale().applyOptions({ visible: false, scaleMargins: { top: 0, bottom: 0 } });
    this.candles = add(CandlestickSeries, {}, 0);
    this.delta = add(HistogramSeries, { ...quiet, base: 0 }, 1);
    this.cvd = add(LineSeries, { ...quiet, lineWidth: 2, lastValueVisible: true }, 2);
    this.#chart.panes().forEach((pane, at) => pane.setStretchFactor([0.64, 0.17, 0.19][at]));
    this.titles = ["", "Delta", "CVD"].map((text, at) => text && this.#title(this.#chart.panes()[at], text));
    for (const one of [this.delta, this.cvd])
      one.priceScale().applyOptions({ scaleMargins: { top: 0.28, bottom: 0.1 } });
    this.restyle();
  }

  #title(pane, text) {
    return createTextWatermark(pane, { horzAlign: "left", vertAlign: "top", lines: [this.#titleLine(text)] });
  }

  #titleLine(text) {
    return { text, color: this.#colours.soft, fontSize: 11, fontFamily: getComputedStyle(document.body).fontFamily };
  }

  /** Take the colours of the page again. */
  restyle() {
    const is = (this.#colours = palette());
    this.#chart.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: is.panel },
        textColor: is.soft,
        fontFamily: getComputedStyle(document.body).fontFamily,
        fontSize: 11,
        panes: { separatorColor: is.line, separatorHoverColor: is.line, enableResize: false },
      },
      grid: { vertLines: { visible: false }, horzLines: { color: is.line } },
      crosshair: {
        mode: CrosshairMode.Normal,
        vertLine: { color: is.soft, labelBackgroundColor: is.text },
        horzLine: { color: is.soft, labelBackgroundColor: is.text },
      },
      rightPriceScale: { borderVisible: false, minimumWidth: 72 },
      timeScale: { borderColor: is.line, timeVisible: true, secondsVisible: true, rightOffset: 3, minBarSpacing: 1 },
      handleScroll: { vertTouchDrag: false },
      localization: { locale: "en-GB" },
    });
    this.candles.applyOptions({
      upColor: is.buy,
      downColor: is.sell,
      borderUpColor: is.buy,
      borderDownColor: is.sell,
      wickUpColor: is.buy,
      wickDownColor: is.sell,
      priceLineColor: is.soft,
    });
    this.cvd.applyOptions({ color: is.price });
    this.titles.forEach(
      (title, at) => title && title.applyOptions({ lines: [this.#titleLine(["", "Delta", "CVD"][at])] }),
    );
  }

  /** Set how many decimals prices have on the axis, and whether it shows seconds. */
  scale(decimals, seconds) {
    const formatter = (value) => decimal(value.toFixed(decimals), decimals);
    this.candles.applyOptions({ priceFormat: { type: "custom", minMove: 10 ** -decimals, formatter } });
    const volume = { type: "volume", precision: 2 };
    this.delta.applyOptions({ priceFormat: volume });
    this.cvd.applyOptions({ priceFormat: volume });
    this.#chart.applyOptions({ timeScale: { secondsVisible: seconds < 60, timeVisible: seconds < 86_400 } });
  }

  #candle(row) {
    const is = this.#colours;
    const [open, high, low, close] = [row.open, row.high, row.low, row.close].map(toPixels);
    const marked = row.complete ? {} : { color: is.panel, borderColor: is.missing, wickColor: is.missing };
    return { time: row.time, open, high, low, close, ...marked };
  }

  #bar(row) {
    const value = toPixels(row.delta);
    return { time: row.time, value, color: value < 0 ? this.#colours.sell : this.#colours.buy };
  }

  #wash(time, missing) {
    return missing ? { time, value: INFINITE, color: this.#colours["missing-wash"] } : { time };
  }

  /**
   * Draw everything anew.
   * @param {Array<object>} rows of `Candles.rows`
   * @param {number} seconds length of a candle
   * @param {(time: number) => boolean} isMissing whether a bucket without a candle lies in a hole
   * @returns {number} how many places there are, with those of buckets without a candle
   */
  draw(rows, seconds, isMissing) {
    const slots = [];
    let blanks = 0;
    rows.forEach((row, at) => {
      for (
        let time = rows[at - 1]?.time + seconds;
        time < row.time && blanks < MOST_BLANKS;
        time += seconds, blanks += 1
      ) {
        slots.push({ time, missing: isMissing(time) });
      }
      slots.push({ time: row.time, row, missing: !row.complete });
    });
    this.candles.setData(slots.map(({ time, row }) => (row ? this.#candle(row) : { time })));
    this.delta.setData(slots.map(({ time, row }) => (row ? this.#bar(row) : { time })));
    this.cvd.setData(slots.map(({ time, row }) => (row ? { time, value: toPixels(row.cvd) } : { time })));
    this.holes.setData(slots.map(({ time, missing }) => this.#wash(time, missing)));
    return slots.length;
  }

  /** Draw the last candle only. */
  update(row) {
    this.candles.update(this.#candle(row));
    this.delta.update(this.#bar(row));
    this.cvd.update({ time: row.time, value: toPixels(row.cvd) });
    this.holes.update(this.#wash(row.time, !row.complete));
  }

  /** Show so many of the newest candles. */
  showNewest(bars, total) {
    this.#chart.timeScale().setVisibleLogicalRange({ from: total - bars, to: total + 2 });
  }

  /** Zoom by a factor around the right edge: above 1 shows less. */
  zoom(factor) {
    const scale = this.#chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (range) scale.setVisibleLogicalRange({ from: range.to - (range.to - range.from) / factor, to: range.to });
  }

  /** Move the view by a part of its width; negative is back in time. */
  pan(part) {
    const scale = this.#chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (range)
      scale.setVisibleLogicalRange({
        from: range.from + part * (range.to - range.from),
        to: range.to + part * (range.to - range.from),
      });
  }

  latest() {
    this.#chart.timeScale().scrollToRealTime();
  }

  /** Put the cursor on a candle; null takes it away. */
  point(row) {
    if (row) this.#chart.setCrosshairPosition(toPixels(row.close), row.time, this.candles);
    else this.#chart.clearCrosshairPosition();
  }

  /** Call `told(time or null)` when the pointer moves over the chart. */
  onPoint(told) {
    this.#chart.subscribeCrosshairMove((event) => told(event.time ?? null));
  }

  /** Call `told` when the reader comes near the first candle. */
  onBegin(told) {
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange((range) => range && range.from < 5 && told());
  }
}
