// The live side: one WebSocket that comes back by itself, and says for how long it was away.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const PING_MS = 5_000;
const SILENCE_MS = 15_000;

const nameOf = (channel, market, symbol) => `${channel} ${market} ${symbol}`;

/** What the recorder pushes: subscriptions are kept over reconnects. */
export class Stream {
  #socket = null;
  #wanted = new Map();
  #listeners = new Map();
  #attempt = 0;
  #retry = null;
  #heart = null;
  #heardAt = 0;
  #lostAt = null;
  #nextId = 1;

  /** "connecting", "live", "waiting", "stopped". */
  state = "connecting";
  /** When the next attempt is made, ms since the epoch; only while waiting. */
  retryAt = 0;

  constructor() {
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
    this.#open();
  }

  /**
   * Listen to events of a type, or to "state" (this stream changed) and "back" (milliseconds it was away).
   * @returns {() => void} what ends it
   */
  on(type, told) {
    const all = this.#listeners.get(type) ?? this.#listeners.set(type, new Set()).get(type);
    all.add(told);
    return () => all.delete(told);
  }

  /** Begin to receive a channel of a symbol; "*" for all. */
  subscribe(channel, market, symbol) {
    const wanted = { channel, market, symbol };
    this.#wanted.set(nameOf(channel, market, symbol), wanted);
    this.#send({ op: "subscribe", ...wanted });
  }

  /** End it. */
  unsubscribe(channel, market, symbol) {
    if (this.#wanted.delete(nameOf(channel, market, symbol)))
      this.#send({ op: "unsubscribe", channel, market, symbol });
  }

  /** Try at once, if it waits. */
  hurry() {
    if (this.state !== "waiting") return;
    this.#attempt = 0;
    this.#open();
  }

  /** Give up until `resume`: the server wants a key first. */
  stop() {
    this.#become("stopped");
    clearTimeout(this.#retry);
    this.#drop();
  }

  /** Begin again after `stop`. */
  resume() {
    if (this.state === "stopped") this.#open();
  }

  #send(message) {
    if (this.state === "live") this.#socket.send(JSON.stringify({ ...message, id: this.#nextId++ }));
  }

  #open() {
    clearTimeout(this.#retry);
    this.#drop();
    this.#become("connecting");
    const url = new URL("api/v1/stream", document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#heardAt = Date.now();
    this.#heart = setInterval(() => this.#beat(), PING_MS);
    socket.addEventListener("open", () => this.#opened());
    socket.addEventListener("message", (message) => this.#take(message.data));
    socket.addEventListener("close", () => this.#lost(socket));
  }

  #opened() {
    this.#attempt = 0;
    this.#heardAt = Date.now();
    this.#become("live");
    for (const wanted of this.#wanted.values()) this.#send({ op: "subscribe", ...wanted });
    if (this.#lostAt !== null) this.#tell("back", Date.now() - this.#lostAt);
    this.#lostAt = null;
  }

  #take(text) {
    this.#heardAt = Date.now();
    for (const event of JSON.parse(text)) this.#tell(event.type, event);
  }

  // A line that is cut without a word looks open for minutes: so it is asked.
  #beat() {
    if (Date.now() - this.#heardAt > SILENCE_MS) this.#lost(this.#socket);
    else this.#send({ op: "ping" });
  }

  #lost(socket) {
    if (socket !== this.#socket) return;
    if (this.state === "live") this.#lostAt = Date.now();
    this.#drop();
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#attempt);
    this.#attempt += 1;
    const wait = longest * (0.5 + Math.random() / 2);
    this.retryAt = Date.now() + wait;
    this.#become("waiting");
    this.#retry = setTimeout(() => this.#open(), wait);
  }

  #drop() {
    clearInterval(this.#heart);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #become(state) {
    this.state = state;
    this.#tell("state", state);
  }

  #tell(type, event) {
    for (const told of this.#listeners.get(type) ?? []) told(event);
  }
}
