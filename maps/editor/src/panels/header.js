// The bar at the top: territory and version pickers, search, briefing, language, who is signed in.
import * as api from "../api.js";
import { fill, h, icon, ICONS } from "../dom.js";
import * as figures from "../figures.js";
import { t } from "../language.js";
import { searchBox } from "./search.js";

/** @typedef {import("../state").Store} Store @typedef {import("../actions").Actions} Actions */

/** @param {Store} store @param {Actions} actions */
export function header(store, actions) {
  const bar = h("header", { class: "bar" });
  const draw = () => {
    const { me, territories, versions, version, level, language } = store.state;
    fill(
      bar,
      h("div", { class: "brand" }, h("img", { src: "/static/icon.svg", alt: "", width: 26, height: 26 }), h("strong", {}, t("app"))),
      h(
        "label",
        { class: "pick" },
        h("span", {}, t("territory")),
        h(
          "select",
          {
            id: "territory",
            onchange: (/** @type {Event} */ event) =>
              actions.openTerritory(/** @type {HTMLSelectElement} */ (event.target).value),
          },
          territories.map(({ code, name }) =>
            h("option", { value: code, selected: code === version?.territory.code }, name),
          ),
        ),
      ),
      h(
        "label",
        { class: "pick" },
        h("span", {}, t("version")),
        h(
          "select",
          {
            id: "version",
            onchange: (/** @type {Event} */ event) =>
              actions.openVersion(/** @type {HTMLSelectElement} */ (event.target).value),
          },
          versions.map((one) => h("option", { value: one.version, selected: one.version === version?.version }, versionName(one))),
        ),
      ),
      searchBox(store, actions),
      version &&
        h(
          "a",
          { class: "button", id: "briefing", href: api.briefing(version.version, level), target: "_blank", rel: "noopener", title: t("briefing.hint") },
          icon(ICONS.page),
          t("briefing"),
        ),
      h(
        "button",
        {
          type: "button",
          class: "quiet",
          id: "language",
          lang: language === "zh" ? "en" : "zh-CN",
          onclick: () => actions.speak(language === "zh" ? "en" : "zh"),
        },
        t("language"),
      ),
      me &&
        h(
          "div",
          { class: "who" },
          h("span", { title: me.name }, me.display_name || me.name, h("small", {}, t(`role.${me.role}`))),
          h("button", { type: "button", class: "quiet", id: "sign-out", onclick: () => actions.signOut() }, t("sign-out")),
        ),
    );
  };
  store.on(["me", "territories", "versions", "version", "level", "language"], draw);
  draw();
  return bar;
}

/** @param {import("../contract").VersionSummary} version */
function versionName({ number, status, valid_from, valid_to }) {
  const state = status === "draft" ? t("version.draft") : valid_to ? t("version.past") : t("version.current");
  return [`v${number}`, state, figures.day(valid_from)].filter(Boolean).join(" · ");
}
