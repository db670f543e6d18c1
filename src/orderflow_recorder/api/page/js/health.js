// The header: is this page connected, is the recorder well, and the few figures that say so.

import { get } from "./api.js";
import { learn, now } from "./clock.js";
import { announce, find, h, write } from "./dom.js";
import { bytes, count, duration, milliseconds, rate } from "./format.js";

/** The API writes times as text; a plain number is ns. */
const moment = (value) => (typeof value === "number" ? value / 1e6 : milliseconds(value));

const FACTS = [
  ["Frames", (status) => (status.collector ? `${rate(status.collector.frames_per_s)}/s` : "–")],
  ["Rows", (status) => (status.loader ? `${rate(status.loader.rows_per_s)}/s` : "–")],
  ["Streams", (status) => count(status.collector?.streams)],
  [
    "Books",
    (status) =>
      status.collector ? `${count(status.collector.books_synced)} of ${count(status.collector.books_wanted)}` : "–",
  ],
  ["Tables behind", (status) => (status.loader?.figures ? bytes(status.loader.figures.lag_bytes) : "–")],
  ["Journal", (status) => bytes(status.journal?.bytes)],
  ["Recording for", (status) => (status.collector ? duration(now() - moment(status.collector.started_at)) : "–")],
];

const LINKS = {
  connecting: "Connecting …",
  live: "Live",
  stopped: "Signed out",
};

export class Header {
  #values = {};
  #spoken = "";
  #problems = null;

  /** @param {Stream} stream whose state is shown */
  constructor(stream) {
    this.stream = stream;
    const list = find("#facts");
    for (const [name] of FACTS) {
      this.#values[name] = h("dd", {}, "–");
      list.append(h("div", {}, h("dt", {}, name), this.#values[name]));
    }
    stream.on("state", () => this.tick());
    setInterval(() => this.tick(), 1000);
    this.tick();
  }

  /** Read how the recorder is. */
  async poll() {
    const asked = Date.now();
    try {
      const status = await get("status");
      learn(moment(status.time), asked);
      for (const [name, text] of FACTS) write(this.#values[name], text(status));
      write(find("#instance"), status.instance ?? "");
      this.#tellProblems([...(status.problems ?? [])]);
    } catch (error) {
      this.#tellProblems(null, error.message);
    }
  }

  #tellProblems(problems, why = "") {
    const chip = find("#health");
    find("#facts").toggleAttribute("data-old", problems === null);
    chip.dataset.health = problems === null ? "unknown" : problems.length ? "bad" : "good";
    const text =
      problems === null
        ? "Recorder: not known"
        : problems.length
          ? `${problems.length} ${problems.length === 1 ? "problem" : "problems"}`
          : "Recording well";
    write(find("#health-text"), text);
    const lines = problems ?? [why];
    const shown = lines.join("\n");
    find("#problems").hidden = !shown;
    if (this.#problems === shown) return;
    this.#problems = shown;
    find("#problems-list").replaceChildren(...lines.map((line) => h("li", {}, line)));
  }

  /** Say how the connection is, each second. */
  tick() {
    const { state, retryAt } = this.stream;
    const chip = find("#link");
    const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
    const text = state === "waiting" ? `Disconnected · again in ${seconds} s` : LINKS[state];
    chip.dataset.link = state;
    write(find("#link-text"), text);
    find("#retry").hidden = state !== "waiting";
    document.body.toggleAttribute("data-stale", state === "waiting" || state === "stopped");
    const spoken = state === "waiting" ? "Disconnected. Trying again." : LINKS[state];
    if (spoken !== this.#spoken && state !== "connecting") announce(spoken);
    if (state !== "connecting") this.#spoken = spoken;
  }
}
