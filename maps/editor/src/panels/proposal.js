// The form by which grids are asked for, the report on those that were drawn, and the card that shows it on the map.
import { fill, h, icon, ICONS } from "../dom.js";
import * as figures from "../figures.js";
import { t } from "../language.js";

/**
 * @param {[number, number] | null} band households per grid that the office asks for
 * @returns {import("./forms").Form<Record<string, unknown>>}
 */
export function proposalForm(band) {
  let by = "households";
  const number = (/** @type {string} */ id, /** @type {number | string} */ value, /** @type {number} */ least) =>
    h("input", { type: "number", id, min: least, step: 1, value, required: true });
  const least = number("propose-least", band?.[0] ?? 300, 1);
  const most = number("propose-most", band?.[1] ?? 500, 1);
  const zones = number("propose-zones", 20, 1);
  const byHouseholds = h("p", { class: "row" }, least, " – ", most, ` ${t("unit.households")}`);
  const byZones = h("p", { class: "row", hidden: true }, zones, ` ${t("propose.grids")}`);
  const choice = (/** @type {string} */ value) =>
    h(
      "label",
      { class: "toggle" },
      h("input", {
        type: "radio",
        name: "by",
        value,
        checked: by === value,
        onchange: () => {
          by = value;
          byHouseholds.hidden = by !== "households";
          byZones.hidden = by !== "zones";
          for (const box of [least, most]) box.disabled = by !== "households";
          zones.disabled = by !== "zones";
        },
      }),
      t(`propose.by.${value}`),
    );
  zones.disabled = true;
  const keep = h("input", { type: "range", id: "propose-keep", min: 0, max: 100, step: 10, value: 50, "aria-describedby": "propose-keep-said" });
  const said = h("small", { id: "propose-keep-said" }, t("propose.keep.said", 50));
  keep.addEventListener("input", () => fill(said, t("propose.keep.said", keep.value)));
  const element = h(
    "div",
    { class: "proposal-form", id: "propose" },
    h("div", { class: "row" }, choice("households"), choice("zones")),
    byHouseholds,
    byZones,
    h("label", {}, h("span", {}, t("propose.keep")), keep, said),
  );
  return {
    element,
    value: () => ({
      zones: by === "zones" ? Number(zones.value) : null,
      households: by === "households" ? [Number(least.value), Number(most.value)] : null,
      keep: Number(keep.value) / 100,
      seed: 1,
    }),
  };
}

/**
 * @param {import("../contract").Proposal} proposal
 * @param {{ code: string, note: string }[]} drawn its zones: why one is outside the limits
 */
export function proposalReport({ zones, general, messages, balance, compactness, cut_estates, cut_buildings, households, in_band, moved_households, changed_share }, drawn) {
  const outside = drawn.filter(({ note }) => note);
  /** @type {[string, string][]} */
  const rows = [
    [t("propose.report.zones"), figures.whole(zones)],
    [t("propose.report.households"), t("propose.report.spread", figures.whole(households.least), figures.whole(households.mean), figures.whole(households.most))],
    ...(in_band === null ? [] : [/** @type {[string, string]} */ ([t("propose.report.in-band"), `${figures.whole(in_band)} / ${figures.whole(general)}`])]),
    [t("propose.report.balance"), balance.toFixed(2)],
    [t("propose.report.compactness"), compactness.toFixed(2)],
    [t("propose.report.cut"), `${figures.whole(cut_estates)} / ${figures.whole(cut_buildings)}`],
    ...(moved_households === null
      ? []
      : [/** @type {[string, string]} */ ([t("propose.report.moved"), `${figures.whole(moved_households)} ${t("unit.households")}${changed_share === null ? "" : ` (${figures.percent(changed_share)})`}`])]),
  ];
  return h(
    "div",
    {},
    h("dl", { class: "facts report" }, rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", { class: "number" }, value)])),
    messages.map((message) => h("p", { class: "hint" }, message)),
    outside.length > 0 &&
      h(
        "details",
        { class: "outside" },
        h("summary", {}, t("propose.report.outside", figures.whole(outside.length))),
        h("ul", {}, outside.map(({ code, note }) => h("li", {}, h("b", {}, code), " ", note))),
      ),
  );
}

/** The card of the proposal that is shown on the map.
 * @param {import("../state").Store} store
 * @param {import("../workbench").Workbench} bench
 */
export function proposalCard(store, bench) {
  const card = h("section", { class: "card proposal", id: "proposal", hidden: true });
  const draw = () => {
    const { proposed } = store.state;
    card.hidden = !proposed;
    if (!proposed) return;
    card.setAttribute("aria-label", t("propose.shown"));
    fill(
      card,
      h(
        "header",
        {},
        h("h3", {}, t("propose.shown")),
        h("button", { type: "button", class: "quiet square", title: t("close"), "aria-label": t("close"), onclick: () => bench.proposing.close() }, icon(ICONS.close)),
      ),
      proposalReport(proposed.proposal, proposed.zones),
      h("button", { type: "button", class: "button main", id: "adopt", onclick: () => void bench.proposing.adopt() }, t("propose.adopt")),
    );
  };
  store.on(["proposed", "language"], draw);
  draw();
  return card;
}
