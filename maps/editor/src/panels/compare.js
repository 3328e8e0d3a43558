// The tab of a comparison: what with what, how it is shown, and the zones that changed.
import { fill, h, redrawing } from "../dom.js";
import * as figures from "../figures.js";
import { t } from "../language.js";
import { WAYS } from "../plan/comparing.js";
import { flowTable } from "./plan.js";

/** @param {import("../state").Store} store @param {import("../workbench").Workbench} bench */
export function comparePanel(store, bench) {
  const panel = h("div", { class: "list compare-panel" });
  const draw = () => {
    const { compared, versions, plan, level, zones } = store.state;
    if (!compared) return fill(panel);
    const { comparison, way } = compared;
    const picker = (/** @type {"before" | "after"} */ side) =>
      h(
        "label",
        { class: "pick" },
        h("span", {}, t(`compare.${side}`)),
        plan
          ? h("b", {}, side === "after" ? plan.name : compared.before)
          : h(
              "select",
              {
                id: `compare-${side}`,
                onchange: (/** @type {Event} */ event) => bench.comparing.set({ [side]: /** @type {HTMLSelectElement} */ (event.target).value }),
              },
              versions.map((one) => h("option", { value: one.version, selected: one.version === compared[side] }, `v${one.number} · ${one.valid_from ? figures.day(one.valid_from) : t("version.draft")}`)),
            ),
      );
    const names = new Map((zones ?? []).map(({ code, name }) => [code, name]));
    const changed = comparison?.zones.filter(({ change }) => change !== "same") ?? [];
    fill(
      panel,
      h("div", { class: "list-head compare-head" }, picker("before"), picker("after"), h("button", { type: "button", class: "button", id: "compare-close", onclick: () => bench.comparing.close() }, t("compare.close"))),
      h(
        "div",
        { class: "ways", role: "radiogroup", "aria-label": t("compare.way") },
        WAYS.map((one) =>
          h(
            "label",
            { class: "toggle" },
            h("input", { type: "radio", name: "way", value: one, checked: one === way, onchange: () => bench.comparing.set({ way: one }) }),
            t(`compare.way.${one}`),
          ),
        ),
      ),
      compared.before === compared.after
        ? h("p", { class: "hint" }, t("compare.same-version"))
        : !comparison
          ? h("p", { class: "busy" }, t("busy"))
          : [
              h("p", { class: "hint", role: "status" }, t("compare.summary", figures.whole(changed.length), figures.whole(comparison.zones.length))),
              changed.length > 0 &&
                h(
                  "table",
                  { class: "plain", id: "compared" },
                  h("thead", {}, h("tr", {}, h("th", {}, t("zone.name")), h("th", {}, t("compare.change")), h("th", { class: "number" }, t("count.household")), h("th", { class: "number" }, t("compare.area")))),
                  h(
                    "tbody",
                    {},
                    changed.map((zone) =>
                      h(
                        "tr",
                        { "data-code": zone.code },
                        h(
                          "td",
                          {},
                          h("button", { type: "button", class: "link", onclick: () => void bench.actions.selectZone(level, zone.code, null, true) }, names.get(zone.code) ?? zone.name ?? zone.code),
                          h("small", { class: "block" }, zone.code),
                        ),
                        h("td", {}, t(`compare.change.${zone.change}`)),
                        h("td", { class: "number" }, fromTo(zone.a?.counts?.household, zone.b?.counts?.household)),
                        h("td", { class: "number" }, zone.area_gained_m2 > 0 && h("span", { class: "block" }, `+${figures.area(zone.area_gained_m2)}`), zone.area_lost_m2 > 0 && h("span", { class: "block" }, `−${figures.area(zone.area_lost_m2)}`)),
                      ),
                    ),
                  ),
                ),
              h("h3", {}, t("tab.moves")),
              flowTable(store, comparison.moves, level),
            ],
    );
  };
  store.on(["compared", "versions", "plan", "language"], redrawing(panel, draw));
  draw();
  return panel;
}

/** @param {number | null | undefined} a @param {number | null | undefined} b */
function fromTo(a, b) {
  if (a === undefined || a === null) return b === undefined ? "" : figures.whole(b, t("unknown"));
  if (b === undefined || b === null) return `${figures.whole(a)} → 0`;
  return a === b ? figures.whole(a) : `${figures.whole(a)} → ${figures.whole(b)}`;
}
