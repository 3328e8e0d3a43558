// What a draft that is no plan would change, before it is published: zones, who moves, faults, what stands against it.
import { h } from "../dom.js";
import * as figures from "../figures.js";
import { nameOf, t } from "../language.js";
import { moved } from "../plan/changes.js";
import { flowTable } from "./plan.js";
import { approvalPoints, point } from "./readiness.js";

/** @typedef {import("../contract").Readiness} Readiness */

const CHANGES = /** @type {const} */ (["new", "gone", "redrawn", "described"]);

/** @param {import("../state").Store} store @param {Readiness} ready */
export function draftChanges(store, ready) {
  const { in_force, levels, moves, faults_before: before, faults_after: after, obstacles, approval } = ready;
  const { me } = store.state;
  const changed = levels.filter((level) => CHANGES.some((change) => level[change] > 0));
  const movers = levels.filter(({ level }) => moves?.some((move) => move.level === level));
  const worse = before !== null && after !== null && after.errors > before.errors;
  return h(
    "div",
    {},
    h(
      "ul",
      { class: "readiness", id: "draft-changes" },
      in_force && changed.length === 0 && point("warn", t("draft.same", in_force)),
      changed.map((level) =>
        point(
          "done",
          t("draft.level", nameOf({ code: level.level, name: level.name }), CHANGES.filter((change) => level[change] > 0).map((change) => t(`draft.${change}`, figures.whole(level[change]))).join(t("draft.comma")), figures.whole(level.same)),
        ),
      ),
      in_force && moves === null && point("bad", t("draft.moves.unknown")),
      in_force && moves !== null && movers.length === 0 && point("done", t("moves.none")),
      movers.map((level) =>
        point("done", t("draft.moves", nameOf({ code: level.level, name: level.name }), ...["household", "business", "institution"].map((kind) => figures.whole(moved(moves ?? [], level.level, kind))))),
      ),
      after && point(worse ? "warn" : "done", before ? t("draft.faults", before.errors, after.errors, before.warnings, after.warnings) : t("draft.faults.first", after.errors, after.warnings)),
      obstacles.map((obstacle) => point("bad", obstacle)),
      approvalPoints(approval, me),
      me?.role === "planner" && !approval.required && point("warn", t("draft.publisher")),
      me?.role !== "planner" && approval.state === "asked" && approval.asked_by === (me?.display_name || me?.name) && point("bad", t("draft.asker")),
    ),
    movers.map(({ level, name }) => h("details", { class: "ledger", open: level === store.state.level }, h("summary", {}, t("draft.flows", nameOf({ code: level, name }))), flowTable(store, moves ?? [], level))),
  );
}
