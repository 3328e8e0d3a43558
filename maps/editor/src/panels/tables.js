// The lists beside the map: zones of the level, faults, stations, the reconciliation.
import { fill, h } from "../dom.js";
import * as figures from "../figures.js";
import { faultName, messageOf, nameOf, t } from "../language.js";
import { levelOf } from "../state.js";

/** @typedef {import("../state").Store} Store @typedef {import("../actions").Actions} Actions */

/** Columns of the table of zones: words, whether it is a number, and what it sorts by.
 * @type {{ key: string, number: boolean, of: (zone: import("../contract").Zone) => string | number | null }[]}
 */
const COLUMNS = [
  { key: "zone.name", number: false, of: (zone) => zone.name },
  { key: "count.household", number: true, of: (zone) => zone.counts.household ?? null },
  { key: "zone.people", number: true, of: (zone) => zone.people },
  { key: "count.business", number: true, of: (zone) => zone.counts.business ?? null },
];

/** @param {Store} store @param {Actions} actions */
export function zoneTable(store, actions) {
  let sorted = { column: -1, down: false };
  let filter = "";
  const body = h("tbody", {});
  const head = h("tr", {});
  const summary = h("p", { class: "hint", role: "status" });
  const input = h("input", {
    type: "search",
    class: "filter",
    id: "filter-zones",
    oninput: () => {
      filter = input.value.trim().toLowerCase();
      rows();
    },
  });
  const panel = h("div", { class: "list" }, h("div", { class: "list-head" }, input, summary), h("table", { class: "rows", id: "zones" }, h("thead", {}, head), body));

  const rows = () => {
    const { zones, version, level } = store.state;
    const named = version && levelOf(version, level);
    if (!zones || !named) {
      fill(summary);
      fill(body, line(zones ? t("zones.none") : t("busy")));
      return;
    }
    fill(summary, t("zones.summary", nameOf(named.level), figures.whole(zones.length)));
    const kept = zones.filter((zone) => !filter || zone.name.toLowerCase().includes(filter) || zone.code.toLowerCase().includes(filter));
    if (sorted.column >= 0) kept.sort(order(COLUMNS[sorted.column].of, sorted.down));
    fill(
      body,
      kept.length === 0 && line(zones.length ? t("zones.no-match") : t("zones.none")),
      kept.map((zone) =>
        h(
          "tr",
          { "data-code": zone.code, onclick: () => actions.selectZone(level, zone.code, null, true) },
          h("th", { scope: "row" }, h("button", { type: "button", class: "link" }, zone.name), h("small", { class: "block" }, zone.code)),
          COLUMNS.slice(1).map((column) => h("td", { class: "number" }, figures.whole(/** @type {number | null} */ (column.of(zone)), t("unknown")))),
        ),
      ),
    );
    mark();
  };
  const heads = () => {
    input.placeholder = t("zones.filter");
    input.setAttribute("aria-label", t("zones.filter"));
    fill(
      head,
      COLUMNS.map((column, index) =>
        h(
          "th",
          { scope: "col", class: column.number ? "number" : null, "aria-sort": sorted.column === index ? (sorted.down ? "descending" : "ascending") : "none" },
          h(
            "button",
            {
              type: "button",
              class: "sort",
              onclick: () => {
                sorted = { column: index, down: sorted.column === index ? !sorted.down : column.number };
                heads();
                rows();
              },
            },
            t(column.key),
          ),
        ),
      ),
    );
  };
  const mark = () => {
    const { subject } = store.state;
    const code = subject?.type === "zone" ? subject.code : null;
    for (const row of body.children) row.classList.toggle("chosen", code !== null && row.getAttribute("data-code") === code);
  };
  store.on(["zones", "version", "level", "language"], () => {
    heads();
    rows();
  });
  store.on(["subject"], mark);
  heads();
  rows();
  return panel;
}

/** @param {string} text */
const line = (text) => h("tr", { class: "said" }, h("td", { colspan: 9 }, text));

/**
 * Unknown values come last whichever way the column is sorted.
 *
 * @template T
 * @param {(one: T) => string | number | null} of
 * @param {boolean} down
 * @returns {(a: T, b: T) => number}
 */
function order(of, down) {
  return (a, b) => {
    const [x, y] = [of(a), of(b)];
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    const ascending = typeof x === "string" ? x.localeCompare(String(y), "zh-CN", { numeric: true }) : x - Number(y);
    return down ? -ascending : ascending;
  };
}

/** @param {Store} store @param {Actions} actions */
export function faultList(store, actions) {
  let kind = "";
  const panel = h("div", { class: "list" });
  const draw = () => {
    const { faults, version } = store.state;
    if (!faults || !version) return fill(panel, h("p", { class: "busy" }, t("busy")));
    if (faults.length === 0) return fill(panel, h("p", { class: "hint" }, version.checked_at ? t("faults.none") : t("faults.unchecked")));
    const errors = faults.filter((fault) => fault.severity === "error").length;
    const kinds = new Map(faults.map((fault) => [fault.kind, faultName(fault)]));
    if (!kinds.has(kind)) kind = "";
    fill(
      panel,
      h(
        "div",
        { class: "list-head" },
        h(
          "select",
          {
            id: "fault-kind",
            "aria-label": t("faults.kind"),
            onchange: (/** @type {Event} */ event) => {
              kind = /** @type {HTMLSelectElement} */ (event.target).value;
              draw();
            },
          },
          h("option", { value: "" }, t("faults.all")),
          [...kinds].map(([value, name]) => h("option", { value, selected: value === kind }, `${name} (${faults.filter((fault) => fault.kind === value).length})`)),
        ),
        h("p", { class: "hint" }, t("faults.summary", errors, faults.length - errors), version.checked_at && ` · ${t("faults.checked", figures.day(version.checked_at))}`),
      ),
      h(
        "ol",
        { class: "faults", id: "faults" },
        faults
          .filter((fault) => !kind || fault.kind === kind)
          .sort((a, b) => Number(b.severity === "error") - Number(a.severity === "error") || a.number - b.number)
          .map((fault) => {
            const level = levelOf(version, fault.level);
            return h(
              "li",
              {},
              h(
                "button",
                { type: "button", "data-number": fault.number, onclick: () => actions.selectFault(fault.number) },
                h("span", { class: `badge ${fault.severity}` }, fault.number),
                h(
                  "span",
                  { class: "what" },
                  h("b", {}, faultName(fault), h("small", {}, [level ? nameOf(level.level) : fault.level, fault.area_m2 ? figures.area(fault.area_m2) : ""].filter(Boolean).join(" · "))),
                  h("span", {}, messageOf(fault)),
                ),
              ),
            );
          }),
      ),
    );
    mark();
  };
  const mark = () => {
    const { subject } = store.state;
    for (const row of panel.querySelectorAll("[data-number]")) {
      row.classList.toggle("chosen", subject?.type === "fault" && row.getAttribute("data-number") === String(subject.number));
    }
  };
  store.on(["faults", "version", "language"], draw);
  store.on(["subject"], mark);
  draw();
  return panel;
}

/** @param {Store} store @param {Actions} actions */
export function stationList(store, actions) {
  const panel = h("div", { class: "list" });
  const draw = () => {
    const { stations, version } = store.state;
    if (!stations || !version) return fill(panel, h("p", { class: "busy" }, t("busy")));
    if (stations.length === 0) return fill(panel, h("p", { class: "hint" }, t("stations.none")));
    const unknown = t("unknown");
    fill(
      panel,
      h(
        "section",
        { class: "coverage" },
        h("h3", {}, t("stations.coverage")),
        version.coverage.length === 0
          ? h("p", { class: "hint" }, t("stations.no-circles"))
          : h(
              "div",
              { class: "figures", id: "coverage" },
              version.coverage.map(({ minutes, share, households_reached }) =>
                h("div", { class: "figure" }, h("b", { class: "number" }, figures.percent(share, unknown)), h("span", {}, `${minutes} ${t("station.minutes")} · ${figures.whole(households_reached, unknown)} ${t("unit.households")}`)),
              ),
            ),
      ),
      h(
        "ul",
        { class: "stations", id: "stations" },
        version.coverage.length > 0 && item(actions, "all", "all", t("stations.all"), null),
        stations.map(({ code, name, kind, address }) => item(actions, code, kind, name, address)),
      ),
    );
    mark();
  };
  const mark = () => {
    const { subject } = store.state;
    for (const row of panel.querySelectorAll("[data-station]")) {
      row.classList.toggle("chosen", subject?.type === "station" && row.getAttribute("data-station") === subject.code);
    }
  };
  store.on(["stations", "version", "language"], draw);
  store.on(["subject"], mark);
  draw();
  return panel;
}

/**
 * @param {Actions} actions
 * @param {string} code
 * @param {string} kind
 * @param {string} name
 * @param {string | null} address
 */
const item = (actions, code, kind, name, address) =>
  h(
    "li",
    {},
    h(
      "button",
      { type: "button", "data-station": code, onclick: () => actions.selectStation(code) },
      h("i", { class: `dot ${kind}`, "aria-hidden": "true" }),
      h("span", { class: "what" }, h("b", {}, name, kind !== "all" && h("small", {}, t(`station.${kind}`))), address && h("span", {}, address)),
    ),
  );

const REASONS = /** @type {const} */ (["outside", "gap", "no_location", "bad_location"]);

const KINDS = ["household", "business", "institution", "building", "estate", "facility"];

/** Partitions in their order, departments' own levels after them.
 * @param {import("../contract").Level[]} levels
 * @param {string} code
 */
function rank(levels, code) {
  const at = levels.findIndex((level) => level.code === code);
  return at < 0 ? 2 * levels.length : at + (levels[at].partition ? 0 : levels.length);
}

/** @param {Store} store */
export function reconciliation(store) {
  const panel = h("div", { class: "list" });
  const draw = () => {
    const { version } = store.state;
    if (!version) return fill(panel, h("p", { class: "busy" }, t("busy")));
    if (version.reconciliation.length === 0) return fill(panel, h("p", { class: "hint" }, t("reconciliation.none")));
    const known = version.layers.flatMap((layer) => layer.levels);
    const levels = [...new Set(version.reconciliation.map((row) => row.level))].sort((a, b) => rank(known, a) - rank(known, b));
    fill(
      panel,
      h("p", { class: "hint lead" }, t("reconciliation.lead")),
      levels.map((code) => {
        const level = levelOf(version, code);
        return h(
          "section",
          { class: "account" },
          h("h3", {}, level ? nameOf(level.level) : code),
          h(
            "table",
            { class: "plain reconciliation" },
            h("thead", {}, h("tr", {}, h("th", {}, t("reconciliation.kind")), ["assigned", "unassigned", "total"].map((word) => h("th", { class: "number" }, t(`reconciliation.${word}`))))),
            h(
              "tbody",
              {},
              version.reconciliation
                .filter((row) => row.level === code)
                .sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind))
                .map((row) => {
                  const missing = row.total - row.assigned;
                  const reasons = REASONS.filter((reason) => row[reason] > 0).map((reason) => `${t(`reason.${reason}`)} ${figures.whole(row[reason])}`);
                  return [
                    h("tr", {}, h("th", { scope: "row" }, t(`count.${row.kind}`)), number(row.assigned), h("td", { class: `number ${missing ? "missing" : ""}` }, figures.whole(missing)), number(row.total)),
                    reasons.length > 0 && h("tr", { class: "reasons" }, h("td", { colspan: 4 }, reasons.join(" · "))),
                  ];
                })
                .flat(),
            ),
          ),
        );
      }),
    );
  };
  store.on(["version", "language"], draw);
  draw();
  return panel;
}

/** @param {number} value */
const number = (value) => h("td", { class: "number" }, figures.whole(value));
