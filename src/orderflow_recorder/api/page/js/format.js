// How values are written: texts of the API keep every digit; only durations, rates and sizes are rounded.

const NARROW = "\u2009";

/** Return how many decimals a step such as "0.01000000" needs. */
export function decimalsOf(step) {
  if (!step) return 0;
  const fraction = (step.split(".")[1] ?? "").replace(/0+$/, "");
  return fraction.length;
}

/**
 * Write a decimal text with at least so many decimals; only zeros are ever taken away.
 * @param {string | null | undefined} text of the API
 * @param {number} decimals wanted, if no digit is lost by it
 */
export function decimal(text, decimals = 0) {
  if (text === null || text === undefined) return "–";
  let [whole, fraction = ""] = text.split(".");
  fraction = fraction.replace(/0+$/, "").padEnd(decimals, "0");
  whole = whole.replace("-", "\u2212").replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction ? `${whole}.${fraction}` : whole;
}

/** The same with a sign in front of what is above zero. */
export function signed(text, decimals = 0) {
  const written = decimal(text, decimals);
  return text && /[1-9]/.test(text) && !text.startsWith("-") ? `+${written}` : written;
}

const COUNT = new Intl.NumberFormat("en-US");

/** Write a whole number of things. */
export const count = (number) => (Number.isFinite(number) ? COUNT.format(number) : "–");

/** Write a rate: two digits are enough to see it move. */
export function rate(number) {
  if (!Number.isFinite(number)) return "–";
  if (number === 0) return "0";
  if (number < 0.05) return "<0.1";
  if (number < 10) return number.toFixed(1);
  return number < 10_000 ? COUNT.format(Math.round(number)) : `${(number / 1000).toFixed(0)}${NARROW}k`;
}

/** Write a number of bytes. */
export function bytes(number) {
  if (!Number.isFinite(number)) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  for (; number >= 1000 && at < units.length - 1; at += 1) number /= 1000;
  return `${number < 10 && at ? number.toFixed(1) : Math.round(number)}${NARROW}${units[at]}`;
}

/** Write a duration, in the two units that matter. */
export function duration(milliseconds) {
  if (!Number.isFinite(milliseconds)) return "–";
  const ms = Math.max(0, milliseconds);
  if (ms < 1000) return `${Math.round(ms)}${NARROW}ms`;
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)}${NARROW}s`;
  const parts = [
    ["d", 86_400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ];
  let left = Math.round(seconds);
  const written = [];
  for (const [unit, size] of parts) {
    const whole = Math.floor(left / size);
    left -= whole * size;
    if (whole || written.length) written.push([whole, unit]);
  }
  return written
    .slice(0, 2)
    .filter(([whole]) => whole)
    .map(([whole, unit]) => `${whole}${NARROW}${unit}`)
    .join(" ");
}

/** Return the milliseconds of an ISO time of the API, with its microseconds as a fraction; NaN for none. */
export function milliseconds(iso) {
  if (!iso) return Number.NaN;
  const micros = /\.\d{3}(\d{3})Z$/.exec(iso);
  return Date.parse(iso) + (micros ? Number(micros[1]) / 1000 : 0);
}

/** Write the time of day of an ISO time, digits as they came: "12:34:56.789". */
export const timeOfDay = (iso, digits = 12) => (iso ? iso.slice(11, 11 + digits).replace("Z", "") : "–");

/** Write day and time of an ISO time: "2026-11-27 12:34:56". */
export const dayAndTime = (iso, digits = 19) => (iso ? iso.slice(0, digits).replace("T", " ").replace("Z", "") : "–");

/** Write milliseconds since the epoch as the API writes times. */
export const iso = (ms) => new Date(ms).toISOString().replace("Z", "000Z");

export const MARKETS = { spot: "Spot", usdm: "Futures" };
