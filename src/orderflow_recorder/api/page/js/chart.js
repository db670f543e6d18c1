// The chart panel: which candles, what the cursor is on, keys and buttons.

import { wasAborted } from "./api.js";
import { Candles } from "./candles.js";
import { Canvas } from "./canvas.js";
import { announce, find, h, show, write } from "./dom.js";
import { count, dayAndTime, decimal, signed } from "./format.js";
import { isStill } from "./pause.js";
import { INTERVALS } from "./selection.js";

const BARS = 300;
const SHOWN = { wide: 120, narrow: 60 };
const DRAW_MS = 250;
const NOTHING = "No trades recorded in this period. They appear here as they come.";
const NAMES = { open: "O", high: "H", low: "L", close: "C", volume: "Volume", delta: "Delta", cvd: "CVD" };

export class ChartPanel {
  #panel = find("#chart-panel");
  #canvas = new Canvas(find("#chart"));
  #values = {};
  #candles = null;
  #rows = [];
  #cursor = null;
  #ending = null;
  #reading = null;
  #holes = [];
  #dirty = false;
  #readingOlder = false;
  #placed = false;
  #slots = 0;

  /**
   * @param {Selection} selection
   * @param {(market: string, symbol: string) => number} decimalsOf how many decimals prices of a symbol have
   */
  constructor(selection, decimalsOf) {
    this.selection = selection;
    this.decimalsOf = decimalsOf;
    this.#build();
    this.#canvas.onPoint((time) =>
      this.#point(time === null ? null : (this.#rows.find((row) => row.time === time) ?? null), false),
    );
    this.#canvas.onBegin(() => this.#older());
    setInterval(() => this.#redraw(), DRAW_MS);
  }

  #build() {
    const radios = INTERVALS.map((interval) =>
      h(
        "label",
        {},
        h("input", {
          type: "radio",
          name: "interval",
          value: interval,
          onchange: () => this.selection.choose({ interval }),
        }),
        h("span", {}, interval),
      ),
    );
    find("#intervals").append(...radios);
    const list = find("#chart-values");
    for (const [name, label] of Object.entries(NAMES)) {
      this.#values[name] = h("dd", {}, "–");
      list.append(h("div", {}, h("dt", {}, label), this.#values[name]));
    }
    const act = {
      "zoom-in": () => this.#canvas.zoom(1.5),
      "zoom-out": () => this.#canvas.zoom(1 / 1.5),
      latest: () => this.#canvas.latest(),
    };
    for (const [name, does] of Object.entries(act)) find(`#chart-${name}`).addEventListener("click", does);
    find("#chart").addEventListener("keydown", (event) => this.#key(event));
    find("#chart").addEventListener("blur", () => this.#point(null, false));
  }

  /** Read and show the chosen symbol and interval anew; what is shown stays until that is there. */
  async load() {
    this.#reading?.ending.abort();
    const { market, symbol, interval } = this.selection;
    find(`#intervals input[value="${interval}"]`).checked = true;
    const now = this.#candles;
    const isSame = now?.market === market && now.symbol === symbol && now.interval === interval;
    if (!isSame) {
      this.#drop();
      show(this.#panel, "loading", "Reading candles …");
    }
    const ending = new AbortController();
    const candles = new Candles(market, symbol, interval, BARS, ending.signal);
    this.#reading = { candles, ending };
    try {
      await candles.load();
    } catch (error) {
      if (wasAborted(error)) return;
      this.#reading = null;
      if (isSame) return;
      if (error.status === 404) show(this.#panel, "empty", NOTHING);
      else show(this.#panel, "error", `No candles: ${error.message}`, () => this.load());
      return;
    }
    this.#ending?.abort();
    this.#ending = ending;
    this.#reading = null;
    this.#candles = candles;
    this.#canvas.scale(this.decimalsOf(market, symbol), candles.seconds);
    this.#draw();
    if (!isSame) this.#canvas.showNewest(innerWidth < 720 ? SHOWN.narrow : SHOWN.wide, this.#slots);
    this.#placed = true;
  }

  #drop() {
    this.#ending?.abort();
    this.#candles = null;
    this.#rows = [];
    this.#placed = false;
  }

  /** Show that there is nothing. */
  none(text) {
    this.#reading?.ending.abort();
    this.#reading = null;
    this.#drop();
    find(`#intervals input[value="${this.selection.interval}"]`).checked = true;
    show(this.#panel, "empty", text);
  }

  /** Ask the tables about the candles that were unfinished. */
  async settle(bars) {
    if (!this.#candles) return this.#mend();
    const candles = this.#candles;
    try {
      await candles.settle(bars);
      if (candles === this.#candles) this.#draw();
    } catch {
      // The header says that the server is away; the next round asks again.
    }
  }

  #mend() {
    const { state } = this.#panel.dataset;
    return state === "error" || (state === "empty" && this.#dirty) ? this.load() : undefined;
  }

  /** Take a candle of a second from the stream. */
  take(event) {
    if (!this.selection.is(event.market, event.symbol)) return;
    this.#reading?.candles.take(event);
    this.#candles?.take(event);
    this.#dirty = true;
  }

  /** Know the holes of the chosen symbol: times without a candle that lie in one are marked. */
  setHoles(holes) {
    this.#holes = holes;
    this.#draw();
  }

  restyle() {
    this.#canvas.restyle();
    this.#draw();
  }

  #isMissing(time) {
    const until = time + (this.#candles?.seconds ?? 0);
    return this.#holes.some(([from, to]) => from < until && to > time);
  }

  #draw() {
    if (!this.#candles) return;
    this.#rows = this.#candles.rows();
    this.#slots = this.#canvas.draw(this.#rows, this.#candles.seconds, (time) => this.#isMissing(time));
    this.#tell();
  }

  #redraw() {
    if (!this.#dirty || !this.#candles || isStill()) return;
    this.#dirty = false;
    const before = this.#rows.at(-1)?.time;
    this.#rows = this.#candles.rows();
    const last = this.#rows.at(-1);
    if (last && before === last.time) this.#canvas.update(last);
    else this.#draw();
    this.#tell();
  }

  #tell() {
    if (this.#rows.length) show(this.#panel, "ready");
    else show(this.#panel, "empty", NOTHING);
    const shown = this.#cursor ? this.#rows.find((row) => row.time === this.#cursor) : this.#rows.at(-1);
    this.#write(shown ?? this.#rows.at(-1));
  }

  #write(row) {
    const decimals = this.decimalsOf(this.selection.market, this.selection.symbol);
    for (const [name, element] of Object.entries(this.#values)) {
      const text = row?.[name];
      const isPrice = ["open", "high", "low", "close"].includes(name);
      write(element, ["delta", "cvd"].includes(name) ? signed(text) : decimal(text, isPrice ? decimals : 0));
      if (name === "delta" || name === "cvd") element.dataset.sign = text?.startsWith("-") ? "sell" : "buy";
    }
    write(find("#chart-time"), row ? `${dayAndTime(row.bucket)} UTC` : "");
    find("#chart-incomplete").hidden = !row || row.complete;
  }

  #point(row, spoken) {
    this.#cursor = row?.time ?? null;
    this.#write(row ?? this.#rows.at(-1));
    if (!row || !spoken) return;
    const decimals = this.decimalsOf(this.selection.market, this.selection.symbol);
    const say = (name) => decimal(row[name], decimals);
    announce(
      `${dayAndTime(row.bucket)}: open ${say("open")}, high ${say("high")}, low ${say("low")}, close ${say("close")}, ` +
        `delta ${decimal(row.delta)}, ${count(row.trade_count)} trades${row.complete ? "" : ", incomplete"}`,
    );
  }

  #key(event) {
    const at = this.#cursor === null ? this.#rows.length : this.#rows.findIndex((row) => row.time === this.#cursor);
    const last = this.#rows.length - 1;
    const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last };
    if (event.key in moves && last >= 0) {
      const row = this.#rows[Math.min(last, Math.max(0, moves[event.key]))];
      this.#canvas.point(row);
      this.#point(row, true);
    } else if (event.key === "PageUp") this.#canvas.pan(-0.8);
    else if (event.key === "PageDown") this.#canvas.pan(0.8);
    else if (event.key === "+" || event.key === "=") this.#canvas.zoom(1.5);
    else if (event.key === "-") this.#canvas.zoom(1 / 1.5);
    else if (event.key === "Escape") {
      this.#canvas.point(null);
      this.#point(null, false);
    } else return;
    event.preventDefault();
  }

  async #older() {
    if (!this.#candles || !this.#placed || this.#readingOlder || !this.#rows.length) return;
    this.#readingOlder = true;
    try {
      if (await this.#candles.older()) this.#draw();
    } catch {
      // Scrolling back again asks again.
    } finally {
      this.#readingOlder = false;
    }
  }
}
