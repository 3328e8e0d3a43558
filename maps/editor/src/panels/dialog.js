// Questions over the page: a few fields, or only yes and no. Escape and the close button mean no.
import { fill, h } from "../dom.js";
import { t } from "../language.js";
import { flowTable } from "./plan.js";

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {string} [value]
 * @property {boolean} [required]
 * @property {boolean} [long] a box of several lines
 * @property {number} [most] characters
 * @property {string} [pattern]
 */

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} lead
 * @property {Field[]} fields
 * @property {string} ok
 * @property {{ moves: import("../contract").Move[], level: string }} [ledger] who moves, shown with the question
 */

/** Makes the place where questions are asked, and the function that asks one.
 * @param {import("../state").Store} store
 */
export function questions(store) {
  const dialog = h("dialog", { class: "question", id: "question", "aria-labelledby": "question-title" });
  /** @param {Question} question @returns {Promise<Record<string, string> | null>} what was filled in; null for no */
  const ask = ({ title, lead, fields, ok, ledger }) =>
    new Promise((resolve) => {
      /** @type {Record<string, string> | null} */ let given = null;
      const form = h(
        "form",
        {
          method: "dialog",
          onsubmit: () => {
            const values = new FormData(form);
            given = Object.fromEntries(fields.map(({ name }) => [name, String(values.get(name) ?? "").trim()]));
          },
        },
        h("h2", { id: "question-title" }, title),
        h("p", { class: "hint" }, lead),
        ledger && h("div", { class: "ledger" }, flowTable(store, ledger.moves, ledger.level)),
        fields.map(({ name, label, value = "", required, long, most, pattern }) =>
          h(
            "label",
            {},
            h("span", {}, label),
            long
              ? h("textarea", { name, rows: 3, required, maxlength: most, value })
              : h("input", { name, required, maxlength: most, pattern, value, autocomplete: "off" }),
          ),
        ),
        h(
          "div",
          { class: "buttons" },
          h("button", { type: "button", class: "button", onclick: () => dialog.close() }, t("cancel")),
          h("button", { type: "submit", class: "button main" }, ok),
        ),
      );
      fill(dialog, form);
      dialog.addEventListener("close", () => resolve(given), { once: true });
      dialog.showModal();
    });
  return { dialog, ask };
}
