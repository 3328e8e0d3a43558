// What a publisher sees before publishing: broken rules, remaining faults, approval, edits that still wait.
import { h } from "../dom.js";
import * as figures from "../figures.js";
import { t } from "../language.js";
import { warningsOf } from "../plan/rules.js";

/** Zones with warnings that are listed by name; the others are counted. */
const LISTED = 8;

/**
 * @param {import("../state").State} state
 * @param {number} waiting edits that are not with the service yet
 */
export function readiness({ plan, zones, faults, level, me }, waiting) {
  const planned = /** @type {import("../contract").PlanZone[]} */ (zones ?? []);
  const broken = planned.filter(({ warnings }) => warnings?.some(({ severity }) => severity === "warning"));
  const errors = (faults ?? []).filter((fault) => fault.severity === "error" && fault.level === level).length;
  const approval = plan?.approval;
  return h(
    "ul",
    { class: "readiness", id: "readiness" },
    point(waiting === 0 ? "done" : "bad", waiting === 0 ? t("ready.sent") : t("ready.waiting", waiting)),
    point(
      broken.length === 0 ? "done" : "warn",
      broken.length === 0 ? t("ready.rules") : t("ready.rules.broken", broken.length),
      broken.length > 0 &&
        h(
          "ul",
          {},
          broken.slice(0, LISTED).map((zone) => h("li", {}, h("b", {}, zone.name), " ", warningsOf(zone).join("；"))),
          broken.length > LISTED && h("li", {}, t("ready.more", figures.whole(broken.length - LISTED))),
        ),
    ),
    point(errors === 0 ? "done" : "warn", errors === 0 ? t("ready.faults.none") : t("ready.faults", errors)),
    approvalPoints(approval, me),
  );
}

/** How far a second person's approval is, where the office asks for it.
 * @param {import("../contract").PlanEntry["approval"]} approval
 * @param {import("../contract").Me | null} me
 */
export function approvalPoints(approval, me) {
  if (!approval?.required) return null;
  const { state, approved_by, asked_by } = approval;
  return [
    isApprover(approval, me) && point("bad", t("ready.approver")),
    point(state === "given" ? "done" : "bad", state === "given" ? t("ready.approved", approved_by ?? "") : state === "asked" ? t("ready.asked", asked_by ?? "") : t("ready.unapproved")),
  ];
}

/** Whether somebody has approved the plan, and so may not publish it.
 * @param {import("../contract").PlanEntry["approval"]} approval
 * @param {import("../contract").Me | null} me
 */
export const isApprover = (approval, me) => approval?.state === "given" && me !== null && approval.approved_by === (me.display_name || me.name);

/** @param {"done" | "warn" | "bad"} kind @param {string} text @param {import("../dom").Child} [more] */
export const point = (kind, text, more) => h("li", { class: kind }, h("span", {}, text), more);
