// The panel of a plan: its zones with warnings and a histogram, who moves, what was done.
import { fill, h } from "../dom.js";
import * as figures from "../figures.js";
import { t } from "../language.js";
import { flowsOf, moved } from "../plan/changes.js";
import { BANDS, histogram, warningsOf } from "../plan/rules.js";

/**
 * @typedef {import("../state").Store} Store
 * @typedef {import("../actions").Actions} Actions
 * @typedef {import("../contract").Zone} Zone
 */

/** @type {{ key: string, of: (zone: Zone, warnings: string[]) => string | number | null }[]} */
const COLUMNS = [
  { key: "zone.name", of: (zone) => zone.code },
  { key: "count.household", of: (zone) => zone.counts.household ?? null },
  { key: "zone.people", of: (zone) => zone.people },
  { key: "plan.warnings", of: (_, warnings) => warnings.length },
];

/** @param {Store} store @param {Actions} actions */
export function planTable(store, actions) {
  let sorted = { column: 0, down: false };
  let warned = false;
  const bars = h("div", { class: "histogram", id: "histogram" });
  const summary = h("p", { class: "hint", role: "status" });
  const head = h("tr", {});
  const body = h("tbody", {});
  const box = h("input", {
    type: "checkbox",
    id: "warned-only",
    onchange: () => {
      warned = box.checked;
      rows();
    },
  });
  const label = h("span", {});
  const panel = h(
    "div",
    { class: "list" },
    bars,
    h("div", { class: "list-head" }, h("label", { class: "toggle" }, box, label), summary),
    h("table", { class: "rows", id: "plan-zones" }, h("thead", {}, head), body),
  );
  const rows = () => {
    const { zones, plan, level } = store.state;
    if (!plan) return fill(body);
    if (!zones) return fill(body, h("tr", { class: "said" }, h("td", { colspan: 4 }, t("busy"))));
    const lines = zones.map((zone) => ({ zone, warnings: warningsOf(zone, level) }));
    const wrong = lines.filter(({ warnings }) => warnings.length > 0).length;
    fill(bars, bands(zones, level));
    fill(summary, t("plan.summary", figures.whole(zones.length), figures.whole(wrong)));
    const { of } = COLUMNS[sorted.column];
    const shown = warned ? lines.filter(({ warnings }) => warnings.length > 0) : lines;
    shown.sort((a, b) => {
      const [x, y] = [of(a.zone, a.warnings), of(b.zone, b.warnings)];
      if (x === null || y === null) return Number(x === null) - Number(y === null);
      const ascending = typeof x === "string" ? x.localeCompare(String(y)) : x - Number(y);
      return sorted.down ? -ascending : ascending;
    });
    fill(
      body,
      shown.length === 0 && h("tr", { class: "said" }, h("td", { colspan: 4 }, t("zones.no-match"))),
      shown.map(({ zone, warnings }) =>
        h(
          "tr",
          { "data-code": zone.code, onclick: () => actions.selectZone(level, zone.code, null, true) },
          h("th", { scope: "row" }, h("button", { type: "button", class: "link" }, zone.name), h("small", { class: "block" }, zone.code)),
          h("td", { class: "number" }, figures.whole(zone.counts.household, t("unknown"))),
          h("td", { class: "number" }, figures.whole(zone.people, t("unknown"))),
          h("td", { class: "warnings" }, warnings.map((words) => h("span", { class: "block" }, words))),
        ),
      ),
    );
    mark();
  };
  const heads = () => {
    fill(label, t("plan.warned-only"));
    fill(
      head,
      COLUMNS.map(({ key }, index) =>
        h(
          "th",
          { scope: "col", class: index === 1 || index === 2 ? "number" : null, "aria-sort": sorted.column === index ? (sorted.down ? "descending" : "ascending") : "none" },
          h(
            "button",
            {
              type: "button",
              class: "sort",
              onclick: () => {
                sorted = { column: index, down: sorted.column === index ? !sorted.down : index > 0 };
                heads();
                rows();
              },
            },
            t(key),
          ),
        ),
      ),
    );
  };
  const mark = () => {
    const { picked } = store.state;
    for (const row of body.children) row.classList.toggle("chosen", picked.includes(row.getAttribute("data-code") ?? ""));
    body.querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
  };
  store.on(["zones", "plan", "language"], () => {
    heads();
    rows();
  });
  store.on(["picked"], mark);
  heads();
  return panel;
}

/** Bars of how many grids have how many households; the rule's band is marked.
 * @param {Zone[]} zones
 * @param {string} level
 */
function bands(zones, level) {
  if (level !== "grid") return null;
  const bins = histogram(zones);
  const most = Math.max(1, ...bins.map((bin) => bin.zones));
  const inside = zones.filter(({ kind, counts }) => kind === "general" && (counts.household ?? -1) >= BANDS.households[0] && (counts.household ?? -1) <= BANDS.households[1]);
  return [
    h("h3", {}, t("histogram"), h("small", {}, t("histogram.band", BANDS.households[0], BANDS.households[1], inside.length))),
    h(
      "ol",
      { class: "bars", "aria-label": t("histogram") },
      bins.map(({ low, high, zones: count, inBand }) =>
        h(
          "li",
          { class: inBand ? "in-band" : null, title: t("histogram.bar", low, high - 1, count) },
          h("i", { style: `height:${Math.round((count / most) * 44)}px` }),
          low % 100 === 0 ? h("span", { class: "number" }, low) : null,
        ),
      ),
    ),
  ];
}

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
  const place = (/** @type {string | null} */ code) =>
    code === null ? t("moves.nowhere") : [names.get(code) ?? t("moves.gone"), h("small", { class: "block" }, code)];
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
    const { plan, moves, level } = store.state;
    if (!plan) return fill(panel);
    if (!moves) return fill(panel, h("p", { class: "busy" }, t("busy")));
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
      flowTable(store, moves, level),
    );
  };
  store.on(["plan", "moves", "language"], draw);
  return panel;
}

/** @param {Store} store */
export function historyList(store) {
  const panel = h("div", { class: "list" });
  const draw = () => {
    const { plan, changes } = store.state;
    if (!plan) return fill(panel);
    if (!changes) return fill(panel, h("p", { class: "busy" }, t("busy")));
    if (changes.length === 0) return fill(panel, h("p", { class: "hint" }, t("history.none")));
    fill(
      panel,
      h(
        "ol",
        { class: "history", id: "history", reversed: true },
        [...changes].reverse().map(({ revision, operation, made_by, made_at, undone, put, deleted, reason }) =>
          h(
            "li",
            { class: undone ? "undone" : null },
            h("span", { class: "badge quietly" }, `r${revision}`),
            h(
              "span",
              { class: "what" },
              h("b", {}, t(`operation.${operation}`), undone && h("small", {}, t("history.undone"))),
              h("span", {}, [made_by, figures.moment(made_at), reason].filter(Boolean).join(" · ")),
              h("span", { class: "number" }, [...put, ...deleted].slice(0, 6).join(" "), put.length + deleted.length > 6 && " …"),
            ),
          ),
        ),
      ),
    );
  };
  store.on(["plan", "changes", "language"], draw);
  return panel;
}
