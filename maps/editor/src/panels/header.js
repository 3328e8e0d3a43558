// The bar at the top: territory and version pickers, search, briefing, language, who is signed in.
import * as api from "../api.js";
import { fill, h, icon, ICONS, redrawing } from "../dom.js";
import * as figures from "../figures.js";
import { t } from "../language.js";
import { searchBox } from "./search.js";

/** @typedef {import("../state").Store} Store @typedef {import("../actions").Actions} Actions */

/** @param {Store} store @param {Actions} actions @param {import("../workbench").Workbench} bench */
export function header(store, actions, bench) {
  const [pickers, account] = [h("div", { class: "part" }), h("div", { class: "part" })];
  // The search box stays as it is while the rest is drawn anew: somebody may be typing into it.
  const bar = h("header", { class: "bar" }, pickers, searchBox(store, actions), account);
  // Made once: a picture made anew is asked for anew.
  const sign = h("img", { src: "/static/icon.svg", alt: "", width: 26, height: 26 });
  const draw = () => {
    const { me, territories, versions, version, level, language } = store.state;
    fill(
      pickers,
      h("div", { class: "brand" }, sign, h("strong", {}, t("app"))),
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
      version && (bench.plans || store.state.plans.length > 0) && planPicker(store, bench),
    );
    fill(
      account,
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
  const redraw = redrawing(bar, draw);
  store.on(["me", "territories", "versions", "version", "level", "language", "plans"], redraw);
  // The revision changes with every edit; the bar is drawn again only when the plan is another.
  let shown = "";
  store.on(["plan"], ({ plan }) => {
    const now = plan ? `${plan.id}.${plan.status}` : "";
    if (now !== shown) redraw();
    shown = now;
  });
  draw();
  return bar;
}

/** Which plan is open, and where a new one is made.
 * @param {Store} store
 * @param {import("../workbench").Workbench} bench
 */
function planPicker(store, bench) {
  const { plans, plan } = store.state;
  const open = plans.filter(({ status, id }) => status === "open" || id === plan?.id);
  const select = h(
    "select",
    {
      id: "plan",
      onchange: () => {
        const { value } = select;
        if (value === "new") {
          select.value = plan ? String(plan.id) : "";
          void bench.library.make();
        } else if (value) void bench.openPlan(Number(value));
        else void bench.closePlan();
      },
    },
    h("option", { value: "", selected: !plan }, t("plan.none")),
    open.map(({ id, name, status }) =>
      h("option", { value: id, selected: id === plan?.id }, name, status !== "open" && ` (${t(`plan.status.${status}`)})`),
    ),
    bench.plans && h("option", { value: "new" }, t("plan.make")),
  );
  return h("label", { class: "pick" }, h("span", {}, t("plan")), select);
}

/** @param {import("../contract").VersionSummary} version */
function versionName({ number, status, valid_from, valid_to }) {
  const state = status === "draft" ? t("version.draft") : valid_to ? t("version.past") : t("version.current");
  return [`v${number}`, state, figures.day(valid_from)].filter(Boolean).join(" · ");
}
