// The frame around the map: tabs of the panel, the foot line, the bar of troubles.
import { append, fill, h, icon, ICONS, redrawing } from "../dom.js";
import * as figures from "../figures.js";
import { t } from "../language.js";
import { details } from "./details.js";
import { commentList } from "./comments.js";
import { comparePanel } from "./compare.js";
import { historyList, moveList } from "./plan.js";
import { fusionPanel } from "./fusion.js";
import { faultList } from "./repairs.js";
import { reconciliation, stationList } from "./tables.js";
import { planZoneCard } from "./zone-card.js";
import { zoneTable } from "./zones.js";

/** @typedef {import("../state").Store} Store @typedef {import("../actions").Actions} Actions */
/** @typedef {import("../state").Tab} Tab */

const TABS = /** @type {Tab[]} */ (["details", "zones", "faults", "fusion", "stations", "reconciliation"]);
const PLAN_TABS = /** @type {Tab[]} */ (["plan", "moves", "history", "comments", "details"]);

/**
 * @param {Store} store
 * @param {Actions} actions
 * @param {{ repairing: import("../repairing").Repairing, fusing: import("../fusing").Fusing,
 *   bench: import("../workbench").Workbench }} acts
 */
export function sidePanel(store, actions, { repairing, fusing, bench }) {
  /** @type {Record<Tab, HTMLElement>} */
  const pages = {
    details: details(store, actions, bench),
    zones: zoneTable(store, actions, { id: "zones", planned: false }),
    faults: faultList(store, actions, repairing, bench.releasing),
    fusion: fusionPanel(store, fusing),
    stations: stationList(store, actions),
    reconciliation: reconciliation(store),
    plan: h("div", { class: "plan-page" }, zoneTable(store, actions, { id: "plan-zones", planned: true, rules: () => void bench.profiles.edit() }), planZoneCard(store, bench)),
    moves: moveList(store),
    history: historyList(store, actions),
    comments: commentList(store, bench),
    compare: comparePanel(store, bench),
  };
  const tabs = h("div", { class: "tabs", role: "tablist" });
  const panel = h("aside", { class: "panel" }, tabs);
  for (const tab of new Set([...TABS, ...PLAN_TABS, /** @type {Tab} */ ("compare")])) {
    pages[tab].setAttribute("role", "tabpanel");
    pages[tab].id = `page-${tab}`;
    pages[tab].setAttribute("aria-labelledby", `tab-${tab}`);
    append(panel, [pages[tab]]);
  }
  const draw = () => {
    const { tab, version, plan, compared, comments } = store.state;
    const names = [...(plan ? PLAN_TABS : TABS), ...(compared ? [/** @type {Tab} */ ("compare")] : [])];
    const open = (comments ?? []).filter(({ resolved_at }) => !resolved_at).length;
    const errors = version?.faults.errors ?? 0;
    const warnings = version?.faults.warnings ?? 0;
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
          one === "comments" && open > 0 && h("span", { class: "badge info", id: "comments-open", title: t("comment.summary", open, (comments ?? []).length - open) }, figures.whole(open)),
        ),
      ),
    );
  };
  const show = () => {
    for (const [one, page] of Object.entries(pages)) page.hidden = one !== store.state.tab;
  };
  store.on(["tab"], show);
  store.on(["tab", "version", "plan", "compared", "comments", "language"], redrawing(tabs, draw));
  show();
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
  const waits = h("b", { class: "waiting", id: "waiting", role: "status", hidden: true });
  const others = h("span", { class: "company", id: "company", hidden: true });
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
      waits,
      saved,
      others,
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
  const gather = () => {
    const { plan, company, waiting, me } = store.state;
    waits.hidden = waiting === 0;
    fill(waits, t("foot.waiting", waiting));
    const here = company.filter(({ account }) => account !== me?.name);
    others.hidden = !plan || here.length === 0;
    const words = here.map(({ name, at }) => (at ? t("foot.at", name, at.name) : t("foot.here", name)));
    others.title = words.join("\n");
    fill(others, words.slice(0, 2).join("；"), words.length > 2 && ` +${words.length - 2}`);
  };
  store.on(["version", "language"], draw);
  store.on(["plan", "savedAt", "language"], say);
  store.on(["plan", "company", "waiting", "me", "language"], gather);
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
