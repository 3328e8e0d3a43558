// The panel of a plan: who moves, what was done.
import { fill, h, icon, ICONS, redrawing } from "../dom.js";
import * as figures from "../figures.js";
import { t } from "../language.js";
import { flowsOf, moved } from "../plan/changes.js";
import { KIND_MARKS } from "../plan/kinds.js";
import * as plans from "../plans-api.js";

/** @typedef {import("../state").Store} Store */

const KINDS = /** @type {const} */ (["household", "business", "institution"]);

/** Who moves from where to where, at one level.
 * @param {Store} store
 * @param {import("../contract").Move[]} moves
 * @param {string} level
 */
export function flowTable(store, moves, level) {
  const names = new Map((store.state.zones ?? []).map(({ code, name }) => [code, name]));
  const flows = flowsOf(moves, level);
  if (flows.length === 0) return h("p", { class: "hint" }, t("moves.none"));
  // Of another level than the one that is listed only codes are known.
  const named = level === store.state.level;
  const place = (/** @type {string | null} */ code) => {
    if (code === null) return t("moves.nowhere");
    return named ? [names.get(code) ?? t("moves.gone"), h("small", { class: "block" }, code)] : code;
  };
  return h(
    "table",
    { class: "plain moves" },
    h("thead", {}, h("tr", {}, h("th", {}, t("moves.from")), h("th", {}, t("moves.to")), KINDS.map((kind) => h("th", { class: "number" }, t(`count.${kind}`))))),
    h(
      "tbody",
      {},
      flows.map(({ from, to, counts }) =>
        h(
          "tr",
          { "data-from": from, "data-to": to },
          h("td", {}, place(from)),
          h("td", {}, place(to)),
          KINDS.map((kind) => h("td", { class: "number" }, figures.whole(counts[kind] ?? 0))),
        ),
      ),
    ),
  );
}

/** @param {Store} store */
export function moveList(store) {
  const panel = h("div", { class: "list" });
  const draw = () => {
    const { plan, moves, level, moving, tab } = store.state;
    if (!plan) return fill(panel);
    if (!moves) return fill(panel, tab === "moves" && h("p", { class: "busy" }, t("busy")));
    const known = plan.may_edit !== undefined;
    fill(
      panel,
      h("p", { class: "hint lead" }, t("moves.lead", plan.base)),
      h(
        "div",
        { class: "figures", id: "moves" },
        KINDS.map((kind) =>
          h("div", { class: "figure" }, h("b", { class: "number" }, figures.whole(moved(moves, level, kind))), h("span", {}, t(`count.${kind}`))),
        ),
      ),
      known &&
        h(
          "div",
          { class: "acts-row" },
          h(
            "label",
            { class: "toggle" },
            h("input", { type: "checkbox", id: "moving", checked: moving, onchange: (/** @type {Event} */ event) => store.set({ moving: /** @type {HTMLInputElement} */ (event.target).checked }) }),
            t("moves.show"),
          ),
          h("a", { class: "button", href: plans.ledgerFile(plan.id), download: true, id: "moves-file" }, t("ledger.file")),
        ),
      moving && movesLegend(),
      flowTable(store, moves, level),
    );
  };
  store.on(["plan", "moves", "level", "moving", "tab", "language"], redrawing(panel, draw));
  return panel;
}

/** What arrows and points mean. */
const movesLegend = () =>
  h(
    "ul",
    { class: "moves-legend", id: "moves-legend" },
    h("li", {}, h("i", { class: "arrow", "aria-hidden": "true" }), t("moves.legend.arrow")),
    KINDS.map((kind) => h("li", {}, h("i", { class: `mark ${kind}`, style: `background:${KIND_MARKS[kind].color}`, "aria-hidden": "true" }), t(`count.${kind}`))),
    h("li", { class: "hint" }, t("moves.legend.close")),
  );

/** @param {Store} store @param {import("../actions").Actions} actions */
export function historyList(store, actions) {
  const panel = h("div", { class: "list" });
  const jump = (/** @type {string[]} */ codes) => {
    const there = (store.state.zones ?? []).filter(({ code }) => codes.includes(code));
    if (there.length === 0) return;
    store.set({ picked: there.map(({ code }) => code) });
    actions.flyTo(boxOf(there.map(({ bbox }) => bbox)));
  };
  const draw = () => {
    const { plan, changes, zones, tab } = store.state;
    if (!plan) return fill(panel);
    if (!changes) return fill(panel, tab === "history" && h("p", { class: "busy" }, t("busy")));
    if (changes.length === 0) return fill(panel, h("p", { class: "hint" }, t("history.none")));
    const names = new Map((zones ?? []).map(({ code, name }) => [code, name]));
    fill(
      panel,
      h(
        "ol",
        { class: "history", id: "history", reversed: true },
        [...changes].reverse().map(({ revision, operation, made_by, made_at, undone, put, deleted, reason }) => {
          const codes = [...put, ...deleted];
          const there = put.filter((code) => names.has(code));
          return h(
            "li",
            { class: undone ? "undone" : null },
            h("span", { class: "badge quietly" }, `r${revision}`),
            h(
              "span",
              { class: "what" },
              h("b", {}, t(`operation.${operation}`), undone && h("small", {}, t("history.undone"))),
              h("span", {}, [made_by, figures.moment(made_at), reason].filter(Boolean).join(" · ")),
              h("span", { class: "codes" }, codes.slice(0, 4).map((code) => names.get(code) ?? code).join("、"), codes.length > 4 && t("history.more", codes.length)),
            ),
            there.length > 0 &&
              h("button", { type: "button", class: "quiet square", title: t("history.jump"), "aria-label": `${t("history.jump")} r${revision}`, onclick: () => jump(there) }, icon(ICONS.fly)),
          );
        }),
      ),
    );
  };
  store.on(["plan", "changes", "tab", "language"], redrawing(panel, draw));
  return panel;
}

/** @param {import("../contract").Bbox[]} boxes @returns {import("../contract").Bbox} */
const boxOf = (boxes) => [
  Math.min(...boxes.map(([west]) => west)),
  Math.min(...boxes.map(([, south]) => south)),
  Math.max(...boxes.map(([, , east]) => east)),
  Math.max(...boxes.map(([, , , north]) => north)),
];
