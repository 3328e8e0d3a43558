// The form of an office's rules: each may be on or off and has its limits; where it comes from stands beside it.
import { h } from "../dom.js";
import { isEnglish, t } from "../language.js";

/**
 * @param {import("../contract").Profile} profile
 * @param {boolean} editable
 * @returns {import("./forms").Form<import("../contract").Profile>}
 */
export function profileForm(profile, editable) {
  const rules = profile.rules.map((rule) => ({ ...rule }));
  let approval = profile.approval ?? false;
  /** @param {typeof rules[number]} rule @param {"least" | "most"} end */
  const limit = (rule, end) =>
    rule[end] === null && rule[end === "least" ? "most" : "least"] === null
      ? null
      : h("input", {
          type: "number",
          step: "any",
          min: 0,
          disabled: !editable,
          "aria-label": `${nameOf(rule)} ${t(`profile.${end}`)}`,
          value: rule[end] ?? "",
          oninput: (/** @type {Event} */ event) => {
            const { value } = /** @type {HTMLInputElement} */ (event.target);
            rule[end] = value === "" ? null : Number(value);
          },
        });
  const element = h(
    "div",
    { class: "ledger", id: "profile" },
    h(
      "table",
      { class: "plain" },
      h("thead", {}, h("tr", {}, ["profile.on", "profile.rule", "profile.least", "profile.most", "profile.unit", "profile.source"].map((key) => h("th", {}, t(key))))),
      h(
        "tbody",
        {},
        rules.map((rule) =>
          h(
            "tr",
            { "data-rule": rule.rule },
            h(
              "td",
              {},
              h("input", {
                type: "checkbox",
                checked: rule.on,
                disabled: !editable,
                "aria-label": `${nameOf(rule)} ${t("profile.on")}`,
                onchange: (/** @type {Event} */ event) => (rule.on = /** @type {HTMLInputElement} */ (event.target).checked),
              }),
            ),
            h("td", {}, nameOf(rule), rule.level && h("small", { class: "block" }, rule.level)),
            h("td", {}, limit(rule, "least")),
            h("td", {}, limit(rule, "most")),
            h("td", {}, rule.unit),
            h("td", {}, rule.source, !rule.verified && h("small", { class: "block unverified" }, t("profile.unverified"))),
          ),
        ),
      ),
    ),
    profile.approval !== undefined &&
      h(
        "label",
        { class: "toggle" },
        h("input", {
          type: "checkbox",
          id: "profile-approval",
          checked: approval,
          disabled: !editable,
          onchange: (/** @type {Event} */ event) => (approval = /** @type {HTMLInputElement} */ (event.target).checked),
        }),
        t("profile.approval"),
      ),
  );
  return { element, value: () => ({ ...profile, rules, ...(profile.approval !== undefined && { approval }) }) };
}

/** @param {{ name: string, name_en: string }} rule */
const nameOf = (rule) => (isEnglish() && rule.name_en ? rule.name_en : rule.name);
