// What the page is made of, and who is told what.

import { Refusal, get, onAnswer } from "./api.js";
import { ChartPanel } from "./chart.js";
import { CoverageStrip } from "./coverage.js";
import * as detail from "./detail.js";
import { find, write } from "./dom.js";
import { MARKETS, decimal, decimalsOf as stepDecimals, iso, signed } from "./format.js";
import { Header } from "./health.js";
import { Ladder } from "./ladder.js";
import { Ledger } from "./ledger.js";
import { awayText, missedText, notice } from "./notices.js";
import { now } from "./clock.js";
import * as pause from "./pause.js";
import { Selection } from "./selection.js";
import { Stream } from "./stream.js";
import { SymbolTable } from "./symbols.js";
import { Tape } from "./tape.js";
import * as theme from "./theme.js";

const EVERY = { ticks: 2_000, status: 3_000, settle: 15_000, strip: 30_000, ledger: 60_000 };
const TAPE_ROWS = 40;
const LIVE_CHANNELS = ["trades", "tops", "candles"];

const steps = new Map();
const decimalsOf = (market, symbol) => steps.get(`${market} ${symbol}`) ?? { price: 0, quantity: 0 };

const selection = new Selection();
const stream = new Stream();
const header = new Header(stream);
const symbols = new SymbolTable(selection, decimalsOf);
const chart = new ChartPanel(selection, (market, symbol) => decimalsOf(market, symbol).price);
const ladder = new Ladder(decimalsOf);
const tape = new Tape(decimalsOf);
const coverage = new CoverageStrip(selection, (holes) => chart.setHoles(holes));
const ledger = new Ledger(selection);
let subscribed = null;

/** Do something again and again while somebody looks, and at once when they look again. */
function repeat(does, milliseconds) {
  setInterval(() => pause.isStill() || does(), milliseconds);
  document.addEventListener("visibilitychange", () => pause.isStill() || does());
}

function follow() {
  const { market, symbol } = selection;
  for (const channel of LIVE_CHANNELS) {
    if (subscribed) stream.unsubscribe(channel, ...subscribed);
    stream.subscribe(channel, market, symbol);
  }
  subscribed = [market, symbol];
}

async function readSteps() {
  try {
    let after = null;
    do {
      const page = await get("instruments", { after });
      for (const one of page.rows) {
        steps.set(`${one.market} ${one.symbol}`, {
          price: stepDecimals(one.tick_size),
          quantity: stepDecimals(one.step_size),
        });
      }
      after = page.next;
    } while (after);
  } catch {
    // Without them prices are written with the digits they need.
  }
}

/** Read the newest of the chosen symbol: day, book, a few trades. */
async function readTick() {
  const { market, symbol } = selection;
  if (!symbols.isLive(market, symbol)) {
    writeDay(null);
    ladder.none("No book yet: nothing of this symbol comes in at the moment.");
    tape.none("No trades yet: nothing of this symbol comes in at the moment.");
    return;
  }
  try {
    const tick = await get(`ticks/${market}/${symbol}`);
    if (!selection.is(market, symbol)) return;
    writeDay(tick.day);
    if (tick.book) ladder.take({ market, symbol, ...tick.book });
    else ladder.none("No book yet: it comes with the next snapshot.");
    await readTape(tick);
  } catch (error) {
    if (!(error instanceof Refusal) || !selection.is(market, symbol)) return;
    writeDay(null);
    ladder.fail(`No book: ${error.message}`, readTick);
    tape.none(`No trades: ${error.message}`);
  }
}

async function readTape(tick) {
  const { market, symbol } = tick;
  if (!tick.trade) return tape.none("No trade of this symbol yet.");
  // About as many as the tape shows: asked for by time, as the API reads forwards.
  const seconds = Math.min(3600, Math.max(1, TAPE_ROWS / Math.max(tick.trades_per_s, 0.01)));
  const span = { start: iso(now() - seconds * 1000), limit: 1000, stream: tick.trade.stream };
  const found = await get("trades", { market, symbol, ...span });
  if (!selection.is(market, symbol)) return undefined;
  const side = (trade) => trade.side ?? (trade.buyer_is_maker ? "sell" : "buy");
  const id = (trade) => trade.trade_id ?? trade.agg_trade_id;
  const named = (trade) => ({
    market,
    symbol,
    stream: tick.trade.stream,
    ...trade,
    trade_id: id(trade),
    side: side(trade),
  });
  for (const trade of [...found.rows, tick.trade]) tape.take(named(trade));
  return undefined;
}

function writeDay(day) {
  const decimals = decimalsOf(selection.market, selection.symbol).price;
  const facts = {
    "#day-change": day && signed(day.change, decimals),
    "#day-high": day && decimal(day.high, decimals),
    "#day-low": day && decimal(day.low, decimals),
    "#day-volume": day && decimal(day.volume),
  };
  for (const [selector, text] of Object.entries(facts)) write(find(selector), text || "–");
}

function showSymbol() {
  const { market, symbol } = selection;
  const name = symbol ? `${symbol} ${MARKETS[market]}` : "No symbol yet";
  document.title = symbol ? `${symbol} ${MARKETS[market]} · orderflow recorder` : "orderflow recorder";
  for (const title of document.querySelectorAll("[data-chosen]")) write(title, name);
  if (!symbol) return;
  follow();
  ladder.clear();
  tape.clear();
  symbols.tick();
  if (symbols.isUnknown(market, symbol)) chart.none("Nothing of this symbol is recorded.");
  else chart.load();
  coverage.load();
  readTick();
}

/** Read everything of the chosen symbol and the ledger again. */
function readAgain() {
  symbols.poll();
  header.poll();
  ledger.load();
  countHoles();
  readSteps();
  if (!selection.symbol) return;
  chart.load();
  coverage.load();
  readTick();
}

async function countHoles() {
  try {
    const open = new Map();
    for (const status of ["open", "unrecoverable"]) {
      const page = await get("gaps", { status, start: iso(now() - 86_400_000), limit: 5000 });
      for (const gap of page.rows)
        open.set(`${gap.market} ${gap.symbol}`, (open.get(`${gap.market} ${gap.symbol}`) ?? 0) + 1);
    }
    symbols.setHoles(open);
  } catch {
    // The ledger's own panel says so.
  }
}

/** What changes seldom, or failed before. */
function readLedger() {
  countHoles();
  ledger.mend();
  symbols.readRecorded();
  if (!steps.size) readSteps();
}

// Gaps come in swarms: a lost socket makes one of every stream.
let counting = null;
const countHolesSoon = () => {
  clearTimeout(counting);
  counting = setTimeout(countHoles, 1000);
};

async function begin() {
  detail.setUp();
  pause.setUp(look);
  theme.setUp(() => chart.restyle());
  find("[data-skip]").addEventListener("click", (event) => {
    event.preventDefault(); // the address keeps what is chosen
    find("#chart-panel").focus();
  });
  find("#retry").addEventListener("click", () => stream.hurry());
  selection.onChange((_, what) => (what === "symbol" ? showSymbol() : chart.load()));
  listen();
  stream.subscribe("gaps", "*", "*");
  await Promise.all([readSteps(), header.poll(), symbols.readRecorded()]);
  await symbols.poll();
  ledger.setSymbols(symbols.names());
  ledger.load();
  countHoles();
  if (!selection.symbol) chooseFirst();
  else showSymbol();
  repeat(look, EVERY.ticks);
  setInterval(() => document.hidden || header.poll(), EVERY.status);
  repeat(() => chart.settle(), EVERY.settle);
  repeat(() => selection.symbol && coverage.load(), EVERY.strip);
  repeat(readLedger, EVERY.ledger);
}

/** Read all ticks; take up what there was nothing of before. */
async function look() {
  const { market, symbol } = selection;
  const wasLive = symbols.isLive(market, symbol);
  await symbols.poll();
  if (!symbol) chooseFirst();
  else if (!wasLive && symbols.isLive(market, symbol)) showSymbol();
}

function chooseFirst() {
  const first = symbols.first();
  if (first) selection.choose({ market: first.market, symbol: first.symbol });
  else showSymbol();
}

function listen() {
  stream.on("trade", (trade) => selection.is(trade.market, trade.symbol) && tape.take(trade));
  stream.on("top", (top) => selection.is(top.market, top.symbol) && ladder.take(top));
  stream.on("candle", (candle) => chart.take(candle));
  stream.on("gap", (gap) => {
    ledger.take(gap);
    coverage.take(gap);
    countHolesSoon();
  });
  stream.on("missed", (missed) => {
    notice(missedText(missed), `missed ${missed.channel}`);
    if (missed.channel === "trades") tape.skip(`${missed.count} trades not shown`);
    if (missed.channel === "candles") chart.load();
    if (missed.channel === "gaps") ledger.load();
  });
  stream.on("error", (error) => notice(`The server refuses: ${error.reason}`, "error"));
  stream.on("back", (away) => {
    notice(awayText(away), "back");
    tape.skip("the connection was lost here");
    readAgain();
  });
  onAnswer((answered) => {
    find("#signed-out").hidden = answered !== "key" && stream.state !== "stopped";
    if (answered === "key") stream.stop();
    else if (answered) stream.resume();
  });
}

begin();
