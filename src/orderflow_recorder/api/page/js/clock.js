// The recorder's time, as far as it can be told from here: ages are measured by one clock, not by two.

let offset = 0;
let shortest = Number.POSITIVE_INFINITY;

/**
 * Learn from an answer that carries the server's time.
 * @param {number} time what it said, ms since the epoch
 * @param {number} asked when the request was sent, by this machine
 */
export function learn(time, asked) {
  if (!Number.isFinite(time)) return;
  const now = Date.now();
  const trip = now - asked;
  // The quickest answer is in the least doubt; older ones fade, so that a clock that is set right is followed.
  if (trip > shortest * 1.05 + 1) {
    shortest *= 1.02;
    return;
  }
  shortest = trip;
  offset = time - (asked + trip / 2);
}

/** Return the recorder's time, ms since the epoch. */
export const now = () => Date.now() + offset;
