// A button that opens a list of commands: by mouse, or by arrow keys, Enter and Escape.
import { fill, h } from "../dom.js";

/**
 * @typedef {object} Command
 * @property {string} id
 * @property {string} label
 * @property {string} [key] that does the same
 * @property {string} [href] a file to fetch instead of something to do
 * @property {() => void} [act]
 */

/**
 * @param {string} id
 * @param {import("../dom").Child} face
 * @param {() => (Command | null | false)[]} commands read when it is opened; nothing draws a line
 * @param {string} [title]
 */
export function menu(id, face, commands, title) {
  const list = h("div", { class: "menu-list", role: "menu", id: `${id}-list`, hidden: true });
  const button = h(
    "button",
    {
      type: "button",
      class: "button",
      id,
      title,
      "aria-haspopup": "menu",
      "aria-expanded": "false",
      onclick: () => (list.hidden ? open() : close(true)),
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key !== "ArrowDown" || !list.hidden) return;
        event.preventDefault();
        open();
      },
    },
    face,
  );
  const box = h("div", { class: "menu" }, button, list);
  const close = (/** @type {boolean} */ back) => {
    if (list.hidden) return;
    list.hidden = true;
    button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside, true);
    if (back) button.focus();
  };
  const outside = (/** @type {Event} */ event) => {
    if (!box.contains(/** @type {Node} */ (event.target))) close(false);
  };
  const open = () => {
    fill(
      list,
      commands().map((one) => {
        if (one === null || one === false) return one === null && h("hr", {});
        const { label, key, href, act } = one;
        const words = [h("span", {}, label), key && h("kbd", {}, key)];
        return href
          ? h("a", { role: "menuitem", tabindex: -1, id: one.id, href, download: true, onclick: () => close(true) }, words)
          : h(
              "button",
              {
                type: "button",
                role: "menuitem",
                tabindex: -1,
                id: one.id,
                onclick: () => {
                  close(true);
                  act?.();
                },
              },
              words,
            );
      }),
    );
    list.hidden = false;
    button.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", outside, true);
    items()[0]?.focus();
  };
  const items = () => /** @type {HTMLElement[]} */ ([...list.querySelectorAll("[role=menuitem]")]);
  list.addEventListener("keydown", (event) => {
    const all = items();
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    // Keys of the page mean nothing while a menu is open.
    event.stopPropagation();
    if (next !== undefined) {
      event.preventDefault();
      all[(next + all.length) % all.length]?.focus();
    } else if (event.key === "Escape") close(true);
    else if (event.key === "Tab") close(false);
  });
  return box;
}
