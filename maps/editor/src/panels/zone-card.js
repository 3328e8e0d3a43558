// The card of the zone of a plan that is picked: what it is, what it holds, who looks after it, who comes and goes.
import * as api from "../api.js";
import { fill, h, icon, ICONS, redrawing } from "../dom.js";
import * as figures from "../figures.js";
import { nameOf, t } from "../language.js";
import { messagesOf } from "../plan/rules.js";
import { planBounds } from "../registers-api.js";
import { levelOf } from "../state.js";
import { roleName } from "./forms.js";

/** @typedef {import("../contract").PlanZone} PlanZone */

const KINDS = /** @type {const} */ (["household", "business", "institution"]);

/** @param {import("../state").Store} store @param {import("../workbench").Workbench} bench */
export function planZoneCard(store, bench) {
  const card = h("section", { class: "zone-card", id: "zone-card", hidden: true });
  let bounds = { asked: "", text: "" };
  const draw = () => {
    const { plan, zones, picked, level, version } = store.state;
    const zone = plan && picked.length === 1 ? /** @type {PlanZone | undefined} */ (zones?.find(({ code }) => code === picked[0])) : undefined;
    card.hidden = !zone;
    if (!zone || !version) return;
    const unknown = t("unknown");
    const asked = `${plan?.id}.${plan?.revision}.${level}.${zone.code}`;
    if (plan && bounds.asked !== asked) {
      // What it said of the former revision stays until the new one is told.
      bounds = { asked, text: bounds.asked.endsWith(`.${level}.${zone.code}`) ? bounds.text : "" };
      const now = bounds;
      planBounds(plan.id, level, zone.code).then(
        ({ text }) => {
          now.text = text;
          if (bounds === now) redraw();
        },
        // Without an answer the card goes on without it: an edit that is not answered yet, or no connection.
        () => {
          now.text = unknown;
          if (bounds === now) redraw();
        },
      );
    }
    const named = levelOf(version, level);
    const parent = zone.parent && (store.state.parents?.get(zone.parent) ?? zone.parent);
    fill(
      card,
      h(
        "header",
        { class: "card-head" },
        h(
          "div",
          {},
          h("p", { class: "kicker" }, [named && nameOf(named.level), zone.kind === "dedicated" && t("zone.dedicated"), zone.code, parent].filter(Boolean).join(" · ")),
          h("h2", {}, zone.name),
        ),
        h("button", { type: "button", class: "quiet square", id: "card-fly", title: t("zone.fly"), "aria-label": t("zone.fly"), onclick: () => bench.actions.flyTo(zone.bbox) }, icon(ICONS.fly)),
        h("button", { type: "button", class: "quiet square", title: t("close"), "aria-label": t("close"), onclick: () => store.set({ picked: [] }) }, icon(ICONS.close)),
      ),
      h(
        "div",
        { class: "figures" },
        figure(figures.whole(zone.counts.household ?? null, unknown), t("count.household")),
        figure(figures.whole(zone.people, unknown), t("zone.people")),
        figure(figures.whole(zone.counts.business ?? null, unknown), t("column.business")),
        figure(figures.whole(zone.counts.institution ?? null, unknown), t("count.institution")),
        zone.stations !== undefined && figure(figures.whole(zone.stations, unknown), t("zone.stations")),
        zone.share_15min !== undefined && figure(figures.percent(zone.share_15min, unknown), t("card.share")),
      ),
      messagesOf(zone).map(({ words, severity }) => h("p", { class: `say ${severity === "warning" ? "warning" : "note"}` }, words)),
      h(
        "dl",
        { class: "facts" },
        h("dt", {}, t("zone.area")),
        h("dd", {}, `${figures.area(zone.area_m2, unknown)} · ${figures.length(zone.perimeter_m, unknown)} · ${t("card.compactness")} ${zone.compactness?.toFixed(2) ?? unknown}`),
        h("dt", {}, t("zone.staff")),
        h("dd", { class: "staff" }, zone.staff.length > 0 ? zone.staff.map(({ role, name }) => h("span", { class: "person" }, name ?? "", h("small", {}, ` ${roleName(role ?? "")}`))) : t("zone.staff.none")),
        h("dt", {}, t("zone.bounds")),
        h("dd", { id: "card-bounds" }, bounds.text || t("busy")),
        h("dt", {}, t("card.moved")),
        h("dd", { id: "card-moves" }, comings(store.state, zone.code)),
      ),
      h(
        "div",
        { class: "card-acts" },
        bench.mayEdit && [
          h("button", { type: "button", class: "button", id: "card-rename", onclick: () => void bench.operations.start("rename") }, t("do.rename")),
          h("button", { type: "button", class: "button", id: "card-staff", onclick: () => void bench.operations.start("staff") }, t("do.staff")),
        ],
        h("a", { class: "button", href: api.briefing(version.version, level), target: "_blank", rel: "noopener" }, t("briefing")),
      ),
    );
  };
  const redraw = redrawing(card, draw);
  store.on(["plan", "zones", "picked", "moves", "parents", "language"], redraw);
  return card;
}

/** @param {string} value @param {string} label */
const figure = (value, label) => h("div", { class: "figure" }, h("b", { class: "number" }, value), h("span", {}, label));

/** Who comes into a zone and who leaves it, against the version that the plan is based on.
 * @param {import("../state").State} state
 * @param {string} code
 */
function comings({ moves, level, plan }, code) {
  const base = plan?.base ?? "";
  if (!moves) return t("busy");
  const sums = (/** @type {"from" | "to"} */ end) =>
    KINDS.flatMap((kind) => {
      const count = moves.reduce((sum, move) => sum + (move.level === level && move.kind === kind && move[end] === code && move.from !== move.to ? move.subjects : 0), 0);
      return count > 0 ? [`${figures.whole(count)} ${t(`unit.of.${kind}`)}`] : [];
    }).join("、");
  const [into, out] = [sums("to"), sums("from")];
  if (!into && !out) return t("card.moved.none", base);
  return [into && h("span", { class: "block" }, `${t("card.moved.in", base)} ${into}`), out && h("span", { class: "block" }, `${t("card.moved.out", base)} ${out}`)];
}
