// Standing still on demand: who reads a row does not want it to move.

import { announce, find, write } from "./dom.js";

let isPaused = false;

/** Say whether nothing is to be drawn: nobody sees it, or the reader wants to read. */
export const isStill = () => document.hidden || isPaused;

/** Set the button up; call `resumed` when things move again. */
export function setUp(resumed) {
  const button = find("#pause");
  button.addEventListener("click", () => {
    isPaused = !isPaused;
    button.setAttribute("aria-pressed", String(isPaused));
    write(button, isPaused ? "Go on" : "Pause");
    document.body.toggleAttribute("data-paused", isPaused);
    announce(isPaused ? "Figures stand still." : "Figures move again.");
    if (!isPaused) resumed();
  });
}
