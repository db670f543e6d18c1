// What the reader looks at, kept in the address: a link or a reload shows the same.

export const INTERVALS = ["1s", "5s", "1m", "5m", "15m", "1h", "1d"];
const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Return the seconds of an interval such as "5m". */
export const secondsOf = (interval) => Number.parseInt(interval, 10) * SECONDS[interval.at(-1)];

/** Return what the address says: `#/spot/BTCUSDT/1m`; null where it says nothing. */
function read() {
  const [, market, symbol, interval] = decodeURIComponent(location.hash).split("/");
  return {
    market: ["spot", "usdm"].includes(market) ? market : null,
    symbol: /^\w{2,40}$/.test(symbol ?? "") ? symbol.toUpperCase() : null,
    interval: INTERVALS.includes(interval) ? interval : "1m",
  };
}

/** The chosen market, symbol and interval, and who wants to know when they change. */
export class Selection {
  #told = [];

  constructor() {
    Object.assign(this, read());
    addEventListener("hashchange", () => read().symbol && this.#set(read()));
  }

  /** Call `told(selection, what)` after a change; `what` is "symbol" or "interval". */
  onChange(told) {
    this.#told.push(told);
  }

  /** Choose; what is left out stays. */
  choose(parts) {
    const { market, symbol, interval } = {
      market: this.market,
      symbol: this.symbol,
      interval: this.interval,
      ...parts,
    };
    history.replaceState(null, "", `#/${market}/${symbol}/${interval}`);
    this.#set({ market, symbol, interval });
  }

  is(market, symbol) {
    return this.market === market && this.symbol === symbol;
  }

  #set(next) {
    const symbolChanged = next.market !== this.market || next.symbol !== this.symbol;
    const intervalChanged = next.interval !== this.interval;
    Object.assign(this, next);
    if (symbolChanged || intervalChanged)
      for (const told of this.#told) told(this, symbolChanged ? "symbol" : "interval");
  }
}
