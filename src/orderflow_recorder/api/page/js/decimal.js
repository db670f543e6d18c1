// Exact arithmetic on the decimal texts of the API: no price or quantity passes through a float on its way to the reader.

/**
 * Split a decimal text into its digits and how many of them stand behind the point.
 * @param {string} text e.g. "-12.50"
 * @returns {{digits: bigint, scale: number}}
 */
function parse(text) {
  const [whole, fraction = ""] = text.split(".");
  return { digits: BigInt(whole + fraction), scale: fraction.length };
}

function write(digits, scale) {
  const negative = digits < 0n;
  const text = (negative ? -digits : digits).toString().padStart(scale + 1, "0");
  const point = text.length - scale;
  return (negative ? "-" : "") + text.slice(0, point) + (scale ? "." + text.slice(point) : "");
}

function combine(left, right, operation) {
  const a = parse(left);
  const b = parse(right);
  const scale = Math.max(a.scale, b.scale);
  const align = (one) => one.digits * 10n ** BigInt(scale - one.scale);
  return { result: operation(align(a), align(b)), scale };
}

/** Return the sum of two decimal texts. */
export function add(left, right) {
  const { result, scale } = combine(left, right, (a, b) => a + b);
  return write(result, scale);
}

/** Return the difference of two decimal texts. */
export function subtract(left, right) {
  const { result, scale } = combine(left, right, (a, b) => a - b);
  return write(result, scale);
}

/** Return a number below, equal to or above zero, as sort() wants it. */
export function compare(left, right) {
  const { result } = combine(left, right, (a, b) => a - b);
  return result < 0n ? -1 : result > 0n ? 1 : 0;
}

export const larger = (left, right) => (compare(left, right) >= 0 ? left : right);
export const smaller = (left, right) => (compare(left, right) <= 0 ? left : right);

/** Return a float of it: for places on the screen and for sorting, never to be shown. */
export const toPixels = (text) => Number(text);
