// The lists beside the map: stations, the reconciliation.
import { fill, h } from "../dom.js";
import * as figures from "../figures.js";
import { nameOf, t } from "../language.js";
import { levelOf } from "../state.js";

/** @typedef {import("../state").Store} Store @typedef {import("../actions").Actions} Actions */

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
