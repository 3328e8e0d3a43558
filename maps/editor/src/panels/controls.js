// What lies on the map: zoom buttons, the card of layers, the legend.
import { coloured, UNKNOWN } from "../colouring.js";
import { fill, h, icon, ICONS, redrawing } from "../dom.js";
import * as figures from "../figures.js";
import { nameOf, t } from "../language.js";
import { contextOf } from "../plan/departments.js";
import { COLOURS, levelOf } from "../state.js";
import palette from "../../palette.json";

/** @typedef {import("../state").Store} Store @typedef {import("../actions").Actions} Actions */

/** @param {Store} store @param {Actions} actions */
export function zoomButtons(store, actions) {
  const box = h("div", { class: "zoom", role: "group" });
  const draw = () =>
    fill(
      box,
      button("zoom-in", "+", t("zoom.in"), () => actions.map.zoomBy(1)),
      button("zoom-out", "−", t("zoom.out"), () => actions.map.zoomBy(-1)),
      button("home", icon(ICONS.home), t("home"), () => actions.showAll()),
    );
  store.on(["language"], draw);
  draw();
  return box;
}

/** @param {string} id @param {Node | string} face @param {string} title @param {() => void} onclick */
const button = (id, face, title, onclick) =>
  h("button", { type: "button", id, title, "aria-label": title, onclick }, face);

/** A department's own layer is checked, but held to no partition.
 * @param {import("../contract").Layer} layer
 */
const isDepartment = (layer) => layer.levels.every((level) => !level.partition);

/** Levels and base layers, on or off; which level is active; what colours it.
 * @param {Store} store
 * @param {Actions} actions
 */
export function layersCard(store, actions) {
  const body = h("div", { class: "body" });
  const title = h("summary", {});
  const card = h("details", { class: "card layers", id: "layers", open: true }, title, body);
  /** @param {import("../contract").Layer} layer */
  const rows = (layer) => {
    const { level, shown } = store.state;
    return layer.levels.map((one) =>
      h(
        "div",
        { class: "row" },
        h("input", {
          type: "radio",
          name: "level",
          value: one.code,
          checked: one.code === level,
          title: t("layers.active"),
          "aria-label": `${nameOf(one)}: ${t("layers.active")}`,
          onchange: () => actions.setLevel(one.code),
        }),
        toggle(one.code, nameOf(one), shown.has(one.code) || one.code === level, actions, one.code === level),
        h("span", { class: "number" }, figures.whole(one.zones)),
      ),
    );
  };
  const draw = () => {
    const { version, shown, colour } = store.state;
    fill(title, icon(ICONS.layers), t("layers"));
    if (!version) return fill(body);
    fill(
      body,
      h("h3", {}, t("layers.levels")),
      version.layers.filter((layer) => !isDepartment(layer)).map((layer) => rows(layer)),
      version.layers.some(isDepartment) && [
        h("h3", { title: t("layers.checked-only") }, t("layers.departments")),
        version.layers.filter(isDepartment).map((layer) => rows(layer)),
      ],
      h("h3", {}, t("layers.base")),
      h(
        "div",
        { class: "base" },
        ["streets", "footprints", "labels", "stations", "faults"].map((name) =>
          toggle(name, t(`layers.${name}`), shown.has(name), actions, false),
        ),
      ),
      h(
        "label",
        { class: "pick" },
        h("span", {}, t("colour")),
        h(
          "select",
          {
            id: "colour",
            onchange: (/** @type {Event} */ event) =>
              actions.setColour(/** @type {any} */ (/** @type {HTMLSelectElement} */ (event.target).value)),
          },
          COLOURS.filter((value) => value !== "department" || version.layers.some(isDepartment)).map((value) =>
            h("option", { value, selected: value === colour }, t(`colour.${value}`)),
          ),
        ),
      ),
    );
  };
  store.on(["version", "level", "shown", "colour", "language"], redrawing(card, draw));
  draw();
  return card;
}

/** @param {string} name @param {string} label @param {boolean} on @param {Actions} actions @param {boolean} fixed */
const toggle = (name, label, on, actions, fixed) =>
  h(
    "label",
    { class: "toggle" },
    h("input", {
      type: "checkbox",
      name: `show-${name}`,
      checked: on,
      disabled: fixed,
      onchange: (/** @type {Event} */ event) => actions.show(name, /** @type {HTMLInputElement} */ (event.target).checked),
    }),
    label,
  );

/** Classes with their counts and units; circles when they are on.
 * @param {Store} store
 */
export function legend(store) {
  const card = h("section", { class: "card legend", id: "legend", "aria-label": t("legend") });
  const draw = () => {
    const { version, level, colour, zones, subject, compared } = store.state;
    const named = version && levelOf(version, level);
    const circles = subject?.type === "station" ? (subject.circles ?? []) : [];
    const shown = coloured(zones ?? [], colour, contextOf(store.state));
    const differing = compared?.way === "difference";
    card.hidden = !named || (!shown && !differing && circles.length === 0);
    if (!named || card.hidden) return fill(card);
    const unit = /** @type {string[]} */ (["households", "people", "businesses", "institutions"]).includes(colour) ? t(`unit.${colour}`) : "";
    fill(
      card,
      h("h3", {}, !shown ? nameOf(named.level) : unit ? t("legend.title", nameOf(named.level), t(`colour.${colour}`)) : t("legend.of", nameOf(named.level), t(`colour.${colour}`))),
      shown && [
        colour === "balance" && shown.entries.length === 0 && h("p", { class: "hint" }, t("legend.no-band")),
        h(
          "ul",
          {},
          shown.entries.map(({ color, key, values = [], name, low = 0, high = 0, zones: count }) =>
            h(
              "li",
              {},
              h("i", { style: `background:${color}b8` }),
              key || name !== undefined
                ? h("span", { class: "group" }, key ? t(key, ...values) : name)
                : h("span", { class: "number" }, low === high ? figures.whole(low) : `${figures.whole(low)} – ${figures.whole(high)}`),
              h("span", {}, unit),
              h("span", { class: "number count" }, t("legend.zones", figures.whole(count))),
            ),
          ),
          shown.unknown > 0 &&
            h(
              "li",
              {},
              h("i", { style: `background:${UNKNOWN}b8` }),
              h("span", {}, t("legend.unknown")),
              h("span", {}),
              h("span", { class: "number count" }, t("legend.zones", figures.whole(shown.unknown))),
            ),
        ),
      ],
      differing && h("ul", {}, h("li", {}, h("i", { style: `background:${palette.selection}59` }), h("span", { class: "group" }, t("legend.differences")))),
      circles.length > 0 &&
        h(
          "ul",
          { class: "circles" },
          [...circles]
            .sort((a, b) => a.minutes - b.minutes)
            .map(({ minutes }) =>
              h(
                "li",
                {},
                h("i", { class: "ring", style: `border-color:${/** @type {Record<string, string>} */ (palette.circles)[minutes] ?? "#9e9ac8"}` }),
                h("span", {}, t("legend.circle", minutes)),
              ),
            ),
        ),
    );
  };
  store.on(["version", "level", "colour", "zones", "subject", "profile", "parents", "departments", "compared", "language"], draw);
  draw();
  return card;
}
