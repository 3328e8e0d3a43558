// The bar of tools over the map, for those who may edit the plan that is open.
import { fill, h, icon } from "../dom.js";
import { t } from "../language.js";
import { TOOLS, toolOf } from "../plan/tools.js";

const STEPS = {
  undo: "M7 4 3 8l4 4M3 8h9a4.500 4.500 0 0 1 0 9H8",
  redo: "M13 4l4 4-4 4M17 8H8a4.500 4.500 0 0 0 0 9h4",
};
const BIN = "M4 5.500h12M8 5.500V3.500h4v2M5.500 5.500 6.500 17h7l1-11.500";

/** @param {import("../state").Store} store @param {import("../workbench").Workbench} bench */
export function toolbar(store, bench) {
  const bar = h("div", { class: "toolbar", id: "toolbar", role: "toolbar", "aria-label": t("tools"), hidden: true });
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
  const draw = () => {
    const { plan, tool, picked, job } = store.state;
    bar.hidden = !plan || (!bench.mayEdit && !job);
    if (!plan) return;
    const held = document.activeElement?.id ?? "";
    fill(
      bar,
      h(
        "div",
        { class: "tools" },
        TOOLS.map(({ name, key, icon: path }) => button(name, path, key, () => bench.take(name), name === tool)),
        picked.length === 1 && button("delete", BIN, "Del", () => bench.deletePicked()),
        h("i", { class: "gap" }),
        button("undo", STEPS.undo, "Ctrl-Z", () => void bench.step("undo")),
        button("redo", STEPS.redo, "Ctrl-Y", () => void bench.step("redo")),
        bench.mayPublish && !job && h("button", { type: "button", class: "button main", id: "publish", onclick: () => void bench.publish() }, t("publish")),
      ),
      h("p", { class: "hint", id: "tool-hint", role: "status" }, job ? [t("publish.busy", job.percent), " ", job.message] : hint()),
    );
    if (held.startsWith("tool-")) document.getElementById(held)?.focus();
  };
  const hint = () => {
    const { tool, picked } = store.state;
    const taken = toolOf(tool);
    if (!taken) return picked.length > 0 ? t("hint.picked", picked.length) : t("hint.none");
    if (taken.name === "merge") return t("hint.merge", picked.length);
    if (picked.length < taken.zones) return t("hint.pick", taken.zones - picked.length);
    return t(`hint.${taken.gesture}`);
  };
  store.on(["plan", "tool", "picked", "job", "me", "language"], draw);
  draw();
  return bar;
}
