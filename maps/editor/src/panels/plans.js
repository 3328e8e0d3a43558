// The list of plans, and the form of who may see and edit one.
import { fill, h } from "../dom.js";
import * as figures from "../figures.js";
import { t } from "../language.js";
import { removal } from "./forms.js";

/** @typedef {import("../contract").PlanEntry} PlanEntry */
/** @typedef {(plan: PlanEntry) => void} Act */

/**
 * @param {import("../state").State} state
 * @param {{ open: Act, copy: Act, archive: Act | null, reopen: Act | null }} acts null where the account may not
 */
export function planList({ plans, plan }, { open, copy, archive, reopen }) {
  if (plans.length === 0) return h("p", { class: "hint" }, t("plans.none"));
  const button = (/** @type {string} */ words, /** @type {() => void} */ onclick) =>
    h("button", { type: "button", class: "link", onclick }, words);
  return h(
    "div",
    { class: "ledger" },
    h(
      "table",
      { class: "plain", id: "plans" },
      h(
        "thead",
        {},
        h("tr", {}, ["plan.name", "plans.status", "plans.owner", "plans.base", "plans.changed", "plans.acts"].map((key) => h("th", {}, t(key)))),
      ),
      h(
        "tbody",
        {},
        plans.map((one) =>
          h(
            "tr",
            { "data-plan": one.id, class: one.id === plan?.id ? "chosen" : null },
            h("td", {}, button(one.name, () => open(one)), one.description && h("small", { class: "block" }, one.description)),
            h("td", {}, t(`plan.status.${one.status}`), one.approval?.state === "asked" && h("small", { class: "block" }, t("approval.asked"))),
            h("td", {}, one.created_by ?? "", one.access === "members" && h("small", { class: "block" }, t("plans.members", one.members?.length ?? 0))),
            h("td", {}, `${one.base} · r${one.revision}`),
            h("td", { class: "number" }, figures.day(one.updated_at ?? one.created_at)),
            h(
              "td",
              { class: "acts" },
              button(t("plans.open"), () => open(one)),
              archive && button(t("plans.copy"), () => copy(one)),
              archive && one.status === "open" && button(t("plan.archive"), () => archive(one)),
              reopen && one.status === "archived" && button(t("plan.reopen"), () => reopen(one)),
            ),
          ),
        ),
      ),
    ),
  );
}

/**
 * Who may see and edit a plan: everybody of the territory, or those who are named.
 *
 * @param {PlanEntry} plan
 * @param {{ account: string, name: string }[]} candidates
 * @returns {import("./forms").Form<{ access: string, members: { account: string, role: string }[] }>}
 */
export function sharingForm(plan, candidates) {
  const rows = (plan.members ?? []).map(({ account, role }) => ({ account, role: /** @type {string} */ (role) }));
  // Members who are no candidates any more stay in the list until they are taken out.
  const known = [...candidates, ...(plan.members ?? []).filter(({ account }) => !candidates.some((one) => one.account === account))];
  let access = plan.access ?? "territory";
  const list = h("ol", { class: "staff-rows" });
  const people = h("div", {}, list);
  const draw = () => {
    people.hidden = access !== "members";
    fill(
      list,
      rows.map((row, index) =>
        h(
          "li",
          {},
          h(
            "select",
            { "aria-label": t("share.account"), required: true, onchange: (/** @type {Event} */ event) => (row.account = /** @type {HTMLSelectElement} */ (event.target).value) },
            h("option", { value: "", selected: !row.account }, t("share.account")),
            known.map(({ account, name }) => h("option", { value: account, selected: account === row.account }, `${name} (${account})`)),
          ),
          h(
            "select",
            { "aria-label": t("share.role"), onchange: (/** @type {Event} */ event) => (row.role = /** @type {HTMLSelectElement} */ (event.target).value) },
            ["editor", "viewer"].map((role) => h("option", { value: role, selected: role === row.role }, t(`share.${role}`))),
          ),
          removal(() => {
            rows.splice(index, 1);
            draw();
          }),
        ),
      ),
    );
  };
  people.append(
    h(
      "button",
      {
        type: "button",
        class: "button",
        id: "share-add",
        onclick: () => {
          rows.push({ account: "", role: "editor" });
          draw();
          list.lastElementChild?.querySelector("select")?.focus();
        },
      },
      t("share.add"),
    ),
  );
  const choice = (/** @type {"territory" | "members"} */ value) =>
    h(
      "label",
      { class: "toggle" },
      h("input", {
        type: "radio",
        name: "access",
        value,
        checked: access === value,
        onchange: () => {
          access = value;
          draw();
        },
      }),
      t(`share.access.${value}`),
    );
  draw();
  const element = h("div", { class: "sharing", id: "sharing" }, choice("territory"), choice("members"), people);
  return { element, value: () => ({ access, members: access === "members" ? rows.filter(({ account }) => account) : [] }) };
}
