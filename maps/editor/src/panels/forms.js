// Forms that questions hold: who takes the ground, who is on the staff, which communities form a zone, new codes.
import { fill, h, icon, ICONS } from "../dom.js";
import * as figures from "../figures.js";
import { t } from "../language.js";

/** @typedef {import("../contract").Person} Person */
/** @template T @typedef {{ element: HTMLElement, value: () => T }} Form what to show, and what was filled in */

/**
 * Neighbours to choose from, the longest border first and chosen.
 *
 * @param {import("../plan/neighbours").Neighbour[]} neighbours
 * @returns {Form<string>}
 */
export function heirForm(neighbours) {
  const element = h(
    "fieldset",
    { class: "choices", id: "heirs" },
    h("legend", {}, t("heir.legend")),
    neighbours.map(({ code, name, border_m, households }, index) =>
      h(
        "label",
        {},
        h("input", { type: "radio", name: "heir", value: code, checked: index === 0 }),
        h("b", {}, name, h("small", {}, code)),
        h("span", { class: "number" }, t("heir.border", figures.length(border_m))),
        h("span", { class: "number" }, `${figures.whole(households, t("unknown"))} ${t("unit.households")}`),
      ),
    ),
  );
  const value = () => /** @type {HTMLInputElement | null} */ (element.querySelector(":checked"))?.value ?? "";
  return { element, value };
}

/** Roles that the registers know. */
const ROLES = ["网格长", "专职网格员", "兼职网格员", "微网格员", "指导员"];

/** @param {string} role */
export const roleName = (role) => (ROLES.includes(role) ? t(`role.staff.${ROLES.indexOf(role)}`) : role);

/** A button that takes a row of a form away. @param {() => void} onclick */
export const removal = (onclick) =>
  h("button", { type: "button", class: "quiet square", title: t("staff.remove"), "aria-label": t("staff.remove"), onclick }, icon(ICONS.close));

/**
 * Rows of role and name, added and taken away. What a row had besides (a telephone that is not shown) stays with it.
 *
 * @param {Person[]} staff
 * @returns {Form<Person[]>}
 */
export function staffForm(staff) {
  const rows = staff.map((person) => ({ ...person }));
  const list = h("ol", { class: "staff-rows", id: "staff-rows" });
  const draw = () =>
    fill(
      list,
      rows.length === 0 && h("li", { class: "hint" }, t("zone.staff.none")),
      rows.map((person, index) => {
        const roles = person.role && !ROLES.includes(person.role) ? [person.role, ...ROLES] : ROLES;
        return h(
          "li",
          {},
          h(
            "select",
            { "aria-label": t("staff.role"), onchange: (/** @type {Event} */ event) => (person.role = /** @type {HTMLSelectElement} */ (event.target).value) },
            roles.map((role) => h("option", { value: role, selected: role === person.role }, roleName(role))),
          ),
          h("input", {
            "aria-label": t("staff.name"),
            placeholder: t("staff.name"),
            required: true,
            maxlength: 50,
            value: person.name ?? "",
            autocomplete: "off",
            oninput: (/** @type {Event} */ event) => (person.name = /** @type {HTMLInputElement} */ (event.target).value),
          }),
          removal(() => {
            rows.splice(index, 1);
            draw();
          }),
        );
      }),
    );
  const add = () => {
    rows.push({ role: rows.length === 0 ? ROLES[0] : ROLES[1], name: "" });
    draw();
    /** @type {HTMLElement | null} */ (list.lastElementChild?.querySelector("input") ?? null)?.focus();
  };
  draw();
  const element = h("div", {}, list, h("button", { type: "button", class: "button", id: "staff-add", onclick: add }, t("staff.add")));
  return { element, value: () => rows.map((person) => ({ ...person, name: (person.name ?? "").trim() })) };
}

/**
 * Zones to tick, with a box that filters them and a count.
 *
 * @param {{ code: string, name: string, households: number | null, group: string }[]} zones `group` is where it is now
 * @param {string[]} chosen
 * @returns {Form<string[]>}
 */
export function membersForm(zones, chosen) {
  const ticked = new Set(chosen);
  const count = h("p", { class: "hint", role: "status" });
  const say = () => {
    const households = zones.reduce((sum, { code, households }) => sum + (ticked.has(code) ? (households ?? 0) : 0), 0);
    fill(count, t("members.count", ticked.size, figures.whole(households)));
  };
  const list = h("div", { class: "choices", id: "members", role: "group", "aria-label": t("members.legend") });
  const draw = (/** @type {string} */ filter) =>
    fill(
      list,
      zones
        .filter(({ code, name }) => !filter || name.includes(filter) || code.includes(filter))
        .map(({ code, name, households, group }) =>
          h(
            "label",
            {},
            h("input", {
              type: "checkbox",
              value: code,
              checked: ticked.has(code),
              onchange: (/** @type {Event} */ event) => {
                if (/** @type {HTMLInputElement} */ (event.target).checked) ticked.add(code);
                else ticked.delete(code);
                say();
              },
            }),
            h("b", {}, name, h("small", {}, code)),
            h("span", {}, group),
            h("span", { class: "number" }, `${figures.whole(households, t("unknown"))} ${t("unit.households")}`),
          ),
        ),
    );
  const search = h("input", { type: "search", class: "filter", placeholder: t("zones.filter"), "aria-label": t("zones.filter"), oninput: () => draw(search.value.trim()) });
  draw("");
  say();
  return { element: h("div", { class: "members" }, search, list, count), value: () => zones.map(({ code }) => code).filter((code) => ticked.has(code)) };
}

/**
 * Old codes and new ones, those that change first.
 *
 * @param {Record<string, string>} codes
 * @param {Map<string, string>} names by old code
 */
export function codesTable(codes, names) {
  const rows = Object.entries(codes).sort(([a, x], [b, y]) => Number(a === x) - Number(b === y));
  return h(
    "div",
    { class: "ledger" },
    h(
      "table",
      { class: "plain", id: "renumbering" },
      h("thead", {}, h("tr", {}, h("th", {}, t("zone.name")), h("th", {}, t("renumber.old")), h("th", {}, t("renumber.new")))),
      h(
        "tbody",
        {},
        rows.map(([old, now]) =>
          h(
            "tr",
            { class: old === now ? "same" : null },
            h("td", {}, names.get(old) ?? ""),
            h("td", {}, h("code", {}, old)),
            h("td", {}, old === now ? t("renumber.same") : h("code", {}, now)),
          ),
        ),
      ),
    ),
  );
}
