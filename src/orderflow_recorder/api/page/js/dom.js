// Elements without templates: attributes are set, text is text, and nothing is ever parsed as HTML.

/**
 * Make an element.
 * @param {string} tag e.g. "button" or "button.quiet"
 * @param {object} properties set on it; on… are listeners, aria and data and role are attributes
 * @param {...(Node | string | null)} children
 */
export function h(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (/^(aria-|data-|role$|for$|scope$|colspan$|datetime$)/.test(key)) element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const find = (selector, within = document) => within.querySelector(selector);

/** Set the text of an element, only if it changed: the screen reader and the layout are left alone otherwise. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Show in which state a panel is: it has its content, or says why not.
 * @param {HTMLElement} panel a section with a .notice in it
 * @param {"loading" | "ready" | "empty" | "error"} state
 * @param {string} text for people; not for "ready"
 * @param {(() => void) | null} retry what the button beside it does
 */
export function show(panel, state, text = "", retry = null) {
  panel.dataset.state = state;
  panel.setAttribute("aria-busy", String(state === "loading"));
  const notice = find(".notice", panel);
  const wanted = state + text + Boolean(retry);
  if (notice.dataset.shown === wanted) return;
  notice.dataset.shown = wanted;
  notice.hidden = state === "ready";
  notice.replaceChildren(h("p", {}, text));
  if (retry) notice.append(h("button", { type: "button", onclick: retry }, "Try again"));
}

/** Run a function at the next frame at the latest, once however often it was asked for. */
export function atNextFrame(draw) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
}

const announcer = () => find("#announcer");

/** Say something once to readers of the screen. */
export function announce(text) {
  announcer().textContent = text;
}
