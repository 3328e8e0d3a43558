// The row of tools under the bar: tools of the plan that is open, comparing, checks, what is done with a plan.
import { fill, h, icon, redrawing } from "../dom.js";
import * as figures from "../figures.js";
import { t } from "../language.js";
import { checksOf } from "../plan/checks.js";
import { TOOLS, toolOf } from "../plan/tools.js";
import * as plans from "../plans-api.js";
import { keysList } from "./keys.js";
import { menu } from "./menu.js";

const STEPS = {
  undo: "M7 4 3 8l4 4M3 8h9a4.500 4.500 0 0 1 0 9H8",
  redo: "M13 4l4 4-4 4M17 8H8a4.500 4.500 0 0 0 0 9h4",
};
const BIN = "M4 5.500h12M8 5.500V3.500h4v2M5.500 5.500 6.500 17h7l1-11.500";
const COMPARE = "M3 4h6v12H3zM11 4h6v12h-6zM10 2v16";
const MAGNET = "M4 3h4v7a2 2 0 0 0 4 0V3h4v7a6 6 0 0 1-12 0zM4 6h4M12 6h4";
const PIN = "M10 18s6-6 6-10.500A6 6 0 0 0 4 7.500C4 12 10 18 10 18M10 5.500a2 2 0 1 1 0 4a2 2 0 0 1 0-4";

/** @param {import("../state").Store} store @param {import("../workbench").Workbench} bench */
export function toolbar(store, bench) {
  const bar = h("div", { class: "toolbar", id: "toolbar", role: "toolbar", hidden: true });
  const more = menu("operations", h("span", {}), () => operations(bench));
  const checks = h("button", { type: "button", class: "button", id: "next-check", onclick: () => bench.nextCheck() });
  const compare = h("button", { type: "button", class: "button", id: "compare", onclick: () => toggleCompare() });
  const propose = h("button", { type: "button", class: "button", id: "propose-start", onclick: () => void bench.proposing.start() });
  const plan = menu("plan-menu", h("span", {}), () => planCommands(store, bench));
  const publish = h("button", { type: "button", class: "button main", id: "publish", onclick: () => void (bench.mayPublish ? bench.publishing.publish() : bench.publishing.approve()) });
  const release = h("button", { type: "button", class: "button main", id: "draft-review", onclick: () => void bench.releasing.review() });
  const row = h("div", { class: "desk", id: "desk" }, bar, h("i", { class: "spring" }), compare, propose, checks, plan, publish, release);
  const toggleCompare = () => (store.state.compared ? bench.comparing.close() : bench.comparing.start());
  /** @param {string} id @param {string} path @param {string} key @param {() => void} onclick @param {boolean} [pressed] */
  const button = (id, path, key, onclick, pressed) =>
    h(
      "button",
      {
        type: "button",
        id: `tool-${id}`,
        title: `${t(`tool.${id}`)} (${key})`,
        "aria-label": t(`tool.${id}`),
        "aria-pressed": pressed === undefined ? null : String(pressed),
        "aria-keyshortcuts": key.replace("Ctrl-", "Control+").replace("Del", "Delete"),
        onclick,
      },
      icon(path),
      h("span", {}, t(`tool.${id}`)),
    );
  const snap = () => {
    const made = button("snap", MAGNET, "A", () => bench.toggleSnapping(), store.state.snapping);
    made.title = `${t("snap")} (A)`;
    return made;
  };
  const draw = () => {
    const { plan: opened, tool, picked, job, version, compared, pinning } = store.state;
    row.hidden = !version;
    const edits = opened !== null && bench.mayEdit;
    bar.hidden = !version;
    bar.setAttribute("aria-label", t("tools"));
    fill(
      bar,
      // What changes nothing is at hand for whoever sees the map.
      TOOLS.filter(({ rare, reads }) => !rare && (reads || edits)).map(({ name, key, icon: path }) => button(name, path, key, () => bench.take(name), name === tool)),
      edits && snap(),
      edits && h("i", { class: "gap" }),
      edits && button("delete", BIN, "Del", () => void bench.deletePicked()),
      opened && button("comment", PIN, "K", () => bench.startPin(), pinning),
      edits && [button("undo", STEPS.undo, "Ctrl-Z", () => void bench.step("undo")), button("redo", STEPS.redo, "Ctrl-Y", () => void bench.step("redo")), more],
    );
    const bin = /** @type {HTMLButtonElement | null} */ (bar.querySelector("#tool-delete"));
    if (bin) bin.disabled = picked.length !== 1;
    fill(/** @type {Element} */ (more.querySelector("span")), t("operations"), " ▾");
    fill(/** @type {Element} */ (plan.querySelector("span")), opened ? t("plan.menu") : t("plans"), " ▾");
    fill(compare, icon(COMPARE), t("compare"));
    compare.setAttribute("aria-pressed", String(compared !== null));
    fill(propose, t("propose"));
    propose.hidden = !bench.plans || opened !== null;
    propose.disabled = job !== null;
    plan.hidden = !bench.plans && !opened;
    // Who may not publish hands the plan on to somebody who may.
    fill(publish, t(bench.mayPublish ? "publish" : opened?.approval?.state === "asked" ? "approval.asked" : "approval.ask"));
    publish.hidden = !bench.mayPublish && !(bench.mayEdit && opened?.approval);
    publish.disabled = job !== null;
    fill(release, t("draft.review"));
    release.title = version ? t("draft.review.hint", version.version) : "";
    release.hidden = !bench.releasing.may;
    release.disabled = job !== null;
  };
  const count = () => {
    const { plan: opened, zones, faults, level } = store.state;
    const found = checksOf(zones ?? [], faults ?? [], level).length;
    checks.hidden = !opened && found === 0;
    checks.title = t("checks.next");
    fill(checks, t("checks"), h("span", { class: `badge ${found > 0 ? "warning" : "none"}` }, figures.whole(found)));
  };
  store.on(["plan", "tool", "picked", "job", "me", "version", "compared", "pinning", "snapping", "language"], redrawing(row, draw));
  store.on(["plan", "zones", "faults", "level", "language"], count);
  draw();
  count();
  return row;
}

/** What the tool wants next, over the map.
 * @param {import("../state").Store} store
 */
export function toolHint(store) {
  const line = h("p", { class: "tool-hint hint", id: "tool-hint", role: "status", hidden: true });
  const draw = () => {
    const { plan, job, pinning, tool, picked } = store.state;
    const words = job
      ? [t("job.busy", t(`job.${job.kind === "publish" ? "publish" : job.kind === "propose" ? "propose" : "other"}`), job.percent), " ", job.message]
      : pinning
        ? t("hint.pin")
        : plan || tool
          ? hint(tool, picked)
          : null;
    line.hidden = words === null;
    fill(line, words);
  };
  store.on(["plan", "tool", "picked", "job", "pinning", "language"], draw);
  draw();
  return line;
}

/** @param {import("../state").State["tool"]} tool @param {string[]} picked */
function hint(tool, picked) {
  const taken = toolOf(tool);
  if (!taken) return picked.length > 0 ? t("hint.picked", picked.length) : t("hint.none");
  if (taken.name === "merge") return t("hint.merge", picked.length);
  if (picked.length < taken.zones) return t("hint.pick", taken.zones - picked.length);
  return t(`hint.${taken.gesture}`);
}

/** @param {import("../workbench").Workbench} bench */
const operations = (bench) =>
  bench.operations.offered.map((name) => ({
    id: `do-${name}`,
    label: t(`do.${name}`),
    key: name === "delete" ? "Del" : toolOf(/** @type {import("../plan/tools").ToolName} */ (name))?.key,
    act: () => void bench.operations.start(name),
  }));

/**
 * @param {import("../state").Store} store
 * @param {import("../workbench").Workbench} bench
 * @returns {(import("./menu").Command | null | false)[]}
 */
function planCommands(store, bench) {
  const { plan, profile } = store.state;
  const { library } = bench;
  const known = plan?.may_edit !== undefined;
  return [
    { id: "plans-list", label: t("plans.all"), act: () => void library.list() },
    bench.plans && { id: "plan-new", label: t("plan.make"), act: () => void library.make() },
    ...(plan
      ? [
          null,
          bench.mayEdit && known && { id: "plan-describe", label: t("plan.describe"), act: () => void library.describe() },
          plan.may_manage !== false && bench.mayEdit && known && { id: "plan-share", label: t("plan.share"), act: () => void library.share() },
          bench.plans && known && { id: "plan-copy", label: t("plan.copy"), act: () => void library.copy(plan) },
          bench.mayEdit && { id: "plan-archive", label: t("plan.archive"), act: () => void library.archive(plan) },
          bench.plans && known && plan.status === "archived" && { id: "plan-reopen", label: t("plan.reopen"), act: () => void library.reopen(plan) },
          null,
          bench.mayEdit &&
            known && {
              id: "plan-approve",
              label: plan.approval?.state === "asked" && bench.mayPublish ? t("approval.give") : t("approval.ask"),
              act: () => void bench.publishing.approve(),
            },
          known && { id: "ledger-file", label: t("ledger.file"), href: plans.ledgerFile(plan.id) },
        ]
      : []),
    null,
    profile !== null && { id: "profile-edit", label: bench.profiles.mayEdit ? t("profile.edit") : t("profile.show"), act: () => void bench.profiles.edit() },
    { id: "keys-show", label: t("keys"), key: "?", act: () => void bench.ask({ title: t("keys"), lead: "", fields: [], body: keysList(), ok: "" }) },
  ];
}
