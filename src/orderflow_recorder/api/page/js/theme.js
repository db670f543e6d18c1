// Light or dark: as the system has it, unless the reader chose.

import { find, write } from "./dom.js";

const KEY = "theme";
const dark = matchMedia("(prefers-color-scheme: dark)");
const chosen = () => localStorage.getItem(KEY);
const current = () => chosen() ?? (dark.matches ? "dark" : "light");

/** Set the theme up; call `changed` whenever it is another. */
export function setUp(changed) {
  const button = find("#theme");
  const apply = () => {
    document.documentElement.dataset.theme = current();
    const other = current() === "dark" ? "light" : "dark";
    write(button, other === "dark" ? "Dark" : "Light");
    button.setAttribute("aria-label", `Switch to the ${other} theme`);
    changed();
  };
  button.addEventListener("click", () => {
    const next = current() === "dark" ? "light" : "dark";
    // What the system has anyway is no choice: then the page follows it again.
    if (next === (dark.matches ? "dark" : "light")) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
    apply();
  });
  dark.addEventListener("change", apply);
  apply();
}
