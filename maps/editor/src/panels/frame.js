// The frame around the map: tabs of the panel, the foot line, the bar of troubles.
import { append, fill, h, icon, ICONS } from "../dom.js";
import * as figures from "../figures.js";
import { t } from "../language.js";
import { details } from "./details.js";
import { historyList, moveList, planTable } from "./plan.js";
import { fusionPanel } from "./fusion.js";
import { faultList } from "./repairs.js";
import { reconciliation, stationList, zoneTable } from "./tables.js";

/** @typedef {import("../state").Store} Store @typedef {import("../actions").Actions} Actions */
/** @typedef {import("../state").Tab} Tab */

const TABS = /** @type {Tab[]} */ (["details", "zones", "faults", "fusion", "stations", "reconciliation"]);
const PLAN_TABS = /** @type {Tab[]} */ (["plan", "moves", "history", "details"]);

/**
 * @param {Store} store
 * @param {Actions} actions
 * @param {{ repairing: import("../repairing").Repairing, fusing: import("../fusing").Fusing }} acts
 */
export function sidePanel(store, actions, { repairing, fusing }) {
  /** @type {Record<Tab, HTMLElement>} */
  const pages = {
    details: details(store, actions),
    zones: zoneTable(store, actions),
    faults: faultList(store, actions, repairing),
    fusion: fusionPanel(store, fusing),
    stations: stationList(store, actions),
    reconciliation: reconciliation(store),
    plan: planTable(store, actions),
    moves: moveList(store),
    history: historyList(store),
  };
  const tabs = h("div", { class: "tabs", role: "tablist" });
  const panel = h("aside", { class: "panel" }, tabs);
  for (const tab of new Set([...TABS, ...PLAN_TABS])) {
    pages[tab].setAttribute("role", "tabpanel");
    pages[tab].id = `page-${tab}`;
    pages[tab].setAttribute("aria-labelledby", `tab-${tab}`);
    append(panel, [pages[tab]]);
  }
  const draw = () => {
    const { tab, version, plan } = store.state;
    const names = plan ? PLAN_TABS : TABS;
    const errors = version?.faults.errors ?? 0;
    const warnings = version?.faults.warnings ?? 0;
    const held = document.activeElement?.id ?? "";
    fill(
      tabs,
      names.map((one) =>
        h(
          "button",
          {
            type: "button",
            role: "tab",
            id: `tab-${one}`,
            "aria-selected": String(one === tab),
            "aria-controls": `page-${one}`,
            tabindex: one === tab ? 0 : -1,
            onclick: () => actions.openTab(one),
            onkeydown: (/** @type {KeyboardEvent} */ event) => {
              const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
              if (!step) return;
              const next = names[(names.indexOf(one) + step + names.length) % names.length];
              actions.openTab(next);
              document.getElementById(`tab-${next}`)?.focus();
            },
          },
          t(`tab.${one}`),
          one === "faults" && errors + warnings > 0
            ? h("span", { class: `badge ${errors ? "error" : "warning"}`, title: t("faults.summary", errors, warnings) }, figures.whole(errors || warnings))
            : null,
        ),
      ),
    );
    if (held.startsWith("tab-")) document.getElementById(held)?.focus();
    for (const [one, page] of Object.entries(pages)) page.hidden = one !== tab;
  };
  store.on(["tab", "version", "plan", "language"], draw);
  draw();
  return panel;
}

/** The foot line: scale, coordinates, what is saved of the plan, version, source and what the map may be used for.
 * @param {Store} store
 */
export function foot(store) {
  const scale = h("div", { class: "scale" });
  const pointer = h("span", { class: "number pointer", id: "pointer" });
  const about = h("div", { class: "about" });
  const saved = h("span", { id: "saved", role: "status", hidden: true });
  const line = h("footer", { class: "foot" }, scale, pointer, about);
  /** @param {import("../contract").LonLat | null} point */
  const showPointer = (point) => fill(pointer, point ? `${figures.coordinates(point)} CGCS2000` : t("foot.outside"));
  const draw = () => {
    const { version } = store.state;
    showPointer(null);
    if (!version) return fill(about);
    const { territory } = version;
    fill(
      about,
      saved,
      h("span", { id: "version-id" }, `${t("foot.version")} `, h("b", {}, version.version)),
      h("span", { class: "source", title: territory.source }, `${t("foot.source")} ${territory.source}${territory.data_date ? ` (${territory.data_date})` : ""}`),
      territory.synthetic && h("span", { class: "synthetic", id: "synthetic" }, t("foot.synthetic")),
      h("span", { class: "approval" }, version.map_approval),
    );
  };
  const say = () => {
    const { plan, savedAt } = store.state;
    saved.hidden = !plan;
    if (plan) fill(saved, h("b", {}, t("foot.plan", plan.revision)), savedAt && ` ${t("foot.saved", figures.clock(savedAt))}`);
  };
  store.on(["version", "language"], draw);
  store.on(["plan", "savedAt", "language"], say);
  draw();
  return { line, scale, showPointer };
}

/** Says what went wrong and what to do, over the map.
 * @param {Store} store
 * @param {Actions} actions
 */
export function troubles(store, actions) {
  const bar = h("div", { class: "troubles", id: "troubles", role: "alert", hidden: true });
  const draw = () => {
    const { problem } = store.state;
    bar.hidden = !problem;
    if (!problem) return;
    const near = problem.document.near_misses ?? [];
    fill(
      bar,
      h(
        "div",
        {},
        h("p", {}, h("b", {}, problem.message), " ", problem.remedy),
        near.length > 0 &&
          h("p", { class: "links" }, t("lookup.near"), " ", near.map(({ text }) => h("button", { type: "button", class: "link", onclick: () => actions.lookupAddress(text) }, text))),
      ),
      problem.status === 0 || problem.status >= 500 ? h("button", { type: "button", class: "button", onclick: () => actions.retry() }, t("retry")) : null,
      h("button", { type: "button", class: "quiet square", title: t("close"), "aria-label": t("close"), onclick: () => store.set({ problem: null }) }, icon(ICONS.close)),
    );
  };
  store.on(["problem", "language"], draw);
  draw();
  return bar;
}
