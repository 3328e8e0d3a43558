// The tab of comments: threads, open ones first, each with its place on the map.
import { fill, h, icon, ICONS, redrawing } from "../dom.js";
import * as figures from "../figures.js";
import { t } from "../language.js";

/** @param {import("../state").Store} store @param {import("../workbench").Workbench} bench */
export function commentList(store, bench) {
  const list = h("ol", { class: "comments", id: "comments" });
  const add = h("button", { type: "button", class: "button", id: "comment-add", onclick: () => bench.startPin() });
  const panel = h("div", { class: "list" }, h("div", { class: "list-head" }, add, h("p", { class: "hint" })), list);
  /** Answers half written, by comment. @type {Map<number, string>} */
  const drafts = new Map();
  const draw = () => {
    const { plan, comments, pinning } = store.state;
    fill(add, t("comment.add"));
    add.setAttribute("aria-pressed", String(pinning));
    const hint = /** @type {HTMLElement} */ (panel.querySelector(".hint"));
    if (!plan) return fill(list);
    const open = (comments ?? []).filter(({ resolved_at }) => !resolved_at).length;
    fill(hint, comments ? t("comment.summary", open, comments.length - open) : t("busy"));
    fill(
      list,
      comments?.length === 0 && h("li", { class: "hint" }, t("comment.none")),
      [...(comments ?? [])]
        .sort((a, b) => Number(!!a.resolved_at) - Number(!!b.resolved_at) || b.id - a.id)
        .map(thread),
    );
  };
  /** @param {import("../contract").Comment} comment */
  const thread = (comment) => {
    const { id, text, author, made_at, resolved_by, resolved_at, replies, point } = comment;
    const answer = h("input", {
      id: `reply-${id}`,
      "aria-label": t("comment.reply"),
      placeholder: t("comment.reply"),
      maxlength: 2000,
      autocomplete: "off",
      value: drafts.get(id) ?? "",
      oninput: () => drafts.set(id, answer.value),
    });
    return h(
      "li",
      { class: resolved_at ? "resolved" : null, "data-comment": id },
      h(
        "header",
        {},
        h("b", {}, author ?? t("unknown")),
        h("small", {}, figures.moment(made_at)),
        h(
          "button",
          { type: "button", class: "quiet square", title: t("zone.fly"), "aria-label": t("zone.fly"), onclick: () => bench.actions.map.flyToPoint(point) },
          icon(ICONS.fly),
        ),
      ),
      h("p", {}, text),
      replies.map((reply) => h("p", { class: "reply" }, h("b", {}, reply.author ?? t("unknown")), h("small", {}, figures.moment(reply.made_at)), h("span", { class: "block" }, reply.text))),
      resolved_at && h("p", { class: "hint" }, t("comment.resolved", resolved_by ?? "", figures.moment(resolved_at))),
      h(
        "form",
        {
          onsubmit: (/** @type {Event} */ event) => {
            event.preventDefault();
            const words = answer.value.trim();
            if (!words) return;
            drafts.delete(id);
            void bench.company.reply(id, words);
          },
        },
        !resolved_at && answer,
        !resolved_at && h("button", { type: "submit", class: "button" }, t("comment.send")),
        h(
          "button",
          { type: "button", class: "link", onclick: () => void bench.company.settle(id, resolved_at ? "reopen" : "resolve") },
          resolved_at ? t("comment.reopen") : t("comment.resolve"),
        ),
      ),
    );
  };
  store.on(["plan", "comments", "pinning", "language"], redrawing(panel, draw));
  draw();
  return panel;
}
