// The search box: a combobox over addresses, zones, stations and subjects. Enter without a choice looks the
// address up.
import * as api from "../api.js";
import { fill, h, icon, ICONS } from "../dom.js";
import { t } from "../language.js";

/** Milliseconds of silence before what was typed is searched. */
const PAUSE_MS = 180;

/** @param {import("../state").Store} store @param {import("../actions").Actions} actions */
export function searchBox(store, actions) {
  /** @type {import("../contract").Found[]} */ let found = [];
  let chosen = -1;
  let timer = 0;
  /** @type {AbortController | null} */ let running = null;

  const list = h("ul", { id: "found", class: "found", role: "listbox", hidden: true });
  const input = h("input", {
    id: "search",
    type: "search",
    role: "combobox",
    "aria-expanded": "false",
    "aria-controls": "found",
    "aria-autocomplete": "list",
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => {
      clearTimeout(timer);
      timer = window.setTimeout(run, PAUSE_MS);
    },
    onkeydown: (/** @type {KeyboardEvent} */ event) => press(event),
    onfocus: () => found.length > 0 && open(),
    onblur: () => close(),
  });

  const open = () => {
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  };
  const close = () => {
    list.hidden = true;
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const say = (/** @type {string} */ text) => {
    fill(list, h("li", { class: "said", role: "presentation" }, text));
    open();
  };

  async function run() {
    const text = input.value.trim();
    const { version } = store.state;
    running?.abort();
    if (!text || !version) {
      found = [];
      close();
      return;
    }
    running = new AbortController();
    try {
      found = await api.search(text, version.version, running.signal);
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      found = [];
      if (error instanceof api.Problem) say(`${error.message} ${error.remedy}`);
      return;
    }
    chosen = -1;
    if (found.length === 0) say(t("search.none", text));
    else draw();
  }

  function draw() {
    fill(
      list,
      found.map((one, index) =>
        h(
          "li",
          {
            id: `found-${index}`,
            role: "option",
            "aria-selected": String(index === chosen),
            // The list closes when the box loses the focus: a press must not take it away.
            onmousedown: (/** @type {Event} */ event) => event.preventDefault(),
            onclick: () => take(index),
          },
          h("span", { class: `tag ${one.type}` }, t(`search.${one.type}`)),
          h("span", { class: "what" }, one.title, one.subtitle && h("small", {}, one.subtitle)),
        ),
      ),
    );
    open();
  }

  /** @param {number} index */
  function take(index) {
    const one = found[index];
    input.value = one.title;
    close();
    actions.showFound(one);
  }

  /** @param {KeyboardEvent} event */
  function press(event) {
    if (event.isComposing) return;
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && found.length > 0) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      chosen = (chosen + step + found.length + (chosen < 0 && step < 0 ? 1 : 0)) % found.length;
      draw();
      input.setAttribute("aria-activedescendant", `found-${chosen}`);
      document.getElementById(`found-${chosen}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      clearTimeout(timer);
      running?.abort();
      const text = input.value.trim();
      if (chosen >= 0) take(chosen);
      else if (text) {
        const exact = found.findIndex((one) => one.title === text || one.code === text);
        if (exact >= 0) take(exact);
        else {
          close();
          actions.lookupAddress(text);
        }
      }
    } else if (event.key === "Escape") {
      event.stopPropagation();
      if (list.hidden) input.value = "";
      close();
    }
  }

  const words = () => {
    for (const part of [input, list]) part.setAttribute("aria-label", t("search"));
    input.placeholder = t("search.placeholder");
  };
  store.on(["language"], words);
  words();
  return h("div", { class: "search", role: "search" }, icon(ICONS.search), input, list);
}
