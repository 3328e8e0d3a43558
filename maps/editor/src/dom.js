// Builds elements. Text is always set as text, so that no name from the data is ever read as markup.

/**
 * @typedef {import("./elements").Child} Child
 * @typedef {Record<string, unknown>} Properties
 */

/**
 * Makes an element. `on…` are listeners, `class`, `aria-…`, `data-…` and the like are attributes.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Properties} [properties]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (name === "value") /** @type {any} */ (element).value = value;
    else if (name === "style") element.style.cssText = String(value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

/** @param {Element} element @param {Child[]} children */
export function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child instanceof Node ? child : String(child));
  }
}

/** Puts children in the place of what an element holds.
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/**
 * Draws an element anew when it is asked to: once for many changes, with the focus where it was, and never while it
 * would lose what is being entered: under a pressed mouse, whose click would find nothing, while characters are composed
 * (as Chinese ones are), and in the middle of a number.
 *
 * @param {HTMLElement} element
 * @param {() => void} draw fills it
 * @returns {() => void} asks for a drawing
 */
export function redrawing(element, draw) {
  let asked = false;
  let pressed = false;
  let composing = false;
  /** The number that is being typed: it is taken when it is left. @type {EventTarget | null} */
  let typed = null;
  /** Who had the focus; kept while it cannot have it, being disabled. @type {HTMLElement | null} */
  let held = null;
  const now = () => {
    if (!asked || pressed || composing || (typed !== null && typed === document.activeElement)) return;
    asked = false;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    if (element.contains(focused)) held = focused;
    else if (focused !== document.body) held = null;
    const [from, to] = held instanceof HTMLInputElement ? [held.selectionStart, held.selectionEnd] : [null, null];
    draw();
    if (!held || held === document.activeElement) return;
    const again = held.isConnected ? held : namesake(held, element);
    if (!again) return;
    again.focus({ preventScroll: true });
    if (again !== held && again instanceof HTMLInputElement) {
      if (from !== null) again.setSelectionRange(from, to);
      // A number is selected as a whole, as when it was come to by Tab: what is typed takes its place.
      else if (again.type === "number") again.select();
    }
    held = again;
  };
  // The list of a select swallows the release of the mouse, and keeps its own.
  element.addEventListener("pointerdown", ({ target, button }) => { pressed = button === 0 && !(target instanceof HTMLSelectElement); });
  const release = () => setTimeout(() => { pressed = false; now(); });
  for (const kind of ["pointerup", "pointercancel"]) addEventListener(kind, release);
  // A scrollbar may swallow the release: a move without a button tells of it.
  addEventListener("pointermove", ({ buttons }) => { if (pressed && buttons === 0) release(); });
  // Who presses elsewhere takes the focus from whoever waits for it.
  addEventListener("pointerdown", () => { held = null; }, true);
  element.addEventListener("compositionstart", () => { composing = true; });
  element.addEventListener("compositionend", () => { composing = false; setTimeout(now); });
  element.addEventListener("input", ({ target }) => { if (target instanceof HTMLInputElement && target.type === "number") typed = target; });
  element.addEventListener("change", () => { typed = null; });
  element.addEventListener("focusout", () => setTimeout(now));
  return () => {
    asked = true;
    // Later: the focus may be on its way from one field to the next.
    setTimeout(now);
  };
}

/** Whoever has a name of any kind is known by it again. @param {Element} lost @param {Element} home */
function namesake(lost, home) {
  const name = [...lost.attributes].find((one) => one.name === "id" || one.name === "name" || one.name.startsWith("data-"));
  const values = lost instanceof HTMLInputElement && lost.type === "radio" ? `[value="${CSS.escape(lost.value)}"]` : "";
  const found = name && home.querySelector(`[${name.name}="${CSS.escape(name.value)}"]${values}`);
  return found instanceof HTMLElement ? found : null;
}

/** A line icon, drawn in the text's colour.
 * @param {string} path data of a 20 × 20 drawing
 */
export function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

export const ICONS = {
  search: "M8.500 3a5.500 5.500 0 1 1 0 11a5.500 5.500 0 0 1 0-11M12.500 12.500 17 17",
  fly: "M10 2v3M10 15v3M2 10h3M15 10h3M10 6a4 4 0 1 1 0 8a4 4 0 0 1 0-8",
  close: "M5 5l10 10M15 5 5 15",
  layers: "M10 3 3 7l7 4 7-4zM3.500 10.500 10 14l6.500-3.500M3.500 13.700 10 17.200l6.500-3.500",
  page: "M5 2.500h7l3.500 3.500v11.500H5zM12 2.500V6h3.500M7.500 10h5.500M7.500 13h5.500",
  home: "M3 10 10 3.500 17 10M5 9v7.500h10V9",
};
