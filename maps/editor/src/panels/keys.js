// The list of keys, so that everything can be done without a mouse.
import { h } from "../dom.js";
import { t } from "../language.js";
import { TOOLS } from "../plan/tools.js";

/** Keys beside those of the tools. */
const KEYS = /** @type {[string, string][]} */ ([
  ["Ctrl-Z", "tool.undo"],
  ["Ctrl-Y", "tool.redo"],
  ["Del", "do.delete"],
  ["K", "tool.comment"],
  ["A", "snap"],
  ["N", "checks.next"],
  ["/", "search"],
  ["Esc", "keys.escape"],
  ["?", "keys"],
  ["Tab", "keys.tab"],
  ["← ↑ → ↓", "keys.arrows"],
  ["Enter", "keys.enter"],
  ["Shift + Enter", "keys.shift"],
  ["", "keys.space"],
]);

export const keysList = () =>
  h(
    "dl",
    { class: "keys", id: "keys" },
    [...TOOLS.map(({ name, key }) => /** @type {[string, string]} */ ([key, `tool.${name}`])), ...KEYS].map(([key, words]) => [
      h("dt", {}, h("kbd", {}, key || t("keys.space-bar"))),
      h("dd", {}, t(words)),
    ]),
  );
