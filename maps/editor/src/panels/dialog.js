// Questions over the page: a few fields, a form of its own, or only yes and no. Escape and the close button mean no.
// Questions are asked one after another: one that comes while another is open waits for its answer.
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
 * @property {{ value: string, label: string }[]} [choices] one of which is taken
 * @property {{ least?: number, most?: number, step?: number }} [number] it is a number
 * @property {string} [hint] said under the field
 */

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} lead
 * @property {Field[]} fields
 * @property {string} ok empty when there is nothing to be said but "close"
 * @property {{ moves: import("../contract").Move[], level: string }} [ledger] who moves, shown with the question
 * @property {import("../dom").Child} [body] a form of its own, read by whoever asks
 * @property {boolean} [wide]
 */

/** Makes the place where questions are asked, and the function that asks one.
 * @param {import("../state").Store} store
 */
export function questions(store) {
  const dialog = h("dialog", { class: "question", id: "question", "aria-labelledby": "question-title" });
  /** @type {Promise<unknown>} */ let turn = Promise.resolve();
  /** @param {Question} question @returns {Promise<Record<string, string> | null>} what was filled in; null for no */
  const ask = (question) => {
    const answer = turn.then(() => show(question));
    turn = answer;
    return answer;
  };
  /** @param {Question} question @returns {Promise<Record<string, string> | null>} */
  const show = ({ title, lead, fields, ok, ledger, body, wide }) =>
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
        lead && h("p", { class: "hint" }, lead),
        ledger && h("div", { class: "ledger" }, flowTable(store, ledger.moves, ledger.level)),
        body,
        fields.map(input),
        h(
          "div",
          { class: "buttons" },
          h("button", { type: "button", class: "button", onclick: () => dialog.close() }, ok ? t("cancel") : t("close")),
          ok && h("button", { type: "submit", class: "button main" }, ok),
        ),
      );
      fill(dialog, form);
      dialog.classList.toggle("wide", wide === true);
      dialog.addEventListener("close", () => resolve(given), { once: true });
      dialog.showModal();
    });
  return { dialog, ask };
}

/** @param {Field} field */
export function input({ name, label, value = "", required, long, most, pattern, choices, number, hint }) {
  let box;
  if (choices) {
    box = h("select", { name, required }, choices.map((one) => h("option", { value: one.value, selected: one.value === value }, one.label)));
  } else if (long) box = h("textarea", { name, rows: 3, required, maxlength: most, value });
  else if (number) box = h("input", { name, type: "number", required, min: number.least, max: number.most, step: number.step ?? 1, value });
  else box = h("input", { name, required, maxlength: most, pattern, value, autocomplete: "off" });
  return h("label", {}, h("span", {}, label), box, hint && h("small", {}, hint));
}
