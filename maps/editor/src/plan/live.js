// What an edit would do, while the mouse is still at it: asked of the service one request at a time, the latest wins.
import { Problem } from "../api.js";
import * as figures from "../figures.js";
import { t } from "../language.js";
import { tailOf } from "./codes.js";
import { warningsOf } from "./rules.js";

/**
 * @typedef {import("../contract").Edit} Edit
 * @typedef {import("../contract").PlanAnswer} PlanAnswer
 * @typedef {import("../contract").PlanZone} PlanZone
 * @typedef {{ text: string, strong?: string, kind?: "warning" | "refusal" | "quiet" }} Line
 */

/** Zones that are listed; the others are counted. */
const MOST_ZONES = 5;

/** Kinds of subjects whose moves are told. */
const KINDS = /** @type {const} */ (["household", "business", "institution"]);

/**
 * A preview in words: a line per zone whose households change, and who would move.
 *
 * @param {Pick<PlanAnswer, "zones" | "deleted" | "moves">} answer
 * @param {Pick<PlanZone, "code" | "counts">[]} before zones of the level as they are
 * @param {string} level
 * @returns {Line[]}
 */
export function linesOf(answer, before, level) {
  const was = new Map(before.map((zone) => [zone.code, zone]));
  /** @type {Line[]} */ const lines = [];
  for (const zone of answer.zones.filter((one) => one.level === level).sort((a, b) => (a.code < b.code ? -1 : 1))) {
    const [old, now] = [was.get(zone.code)?.counts.household, zone.counts.household];
    if (was.has(zone.code) && old === now) continue;
    const [rule] = warningsOf(zone);
    const counts = was.has(zone.code) ? `${figures.whole(old, "?")} → ${figures.whole(now, "?")}` : `${t("live.new")} ${figures.whole(now, "?")}`;
    lines.push({ strong: tailOf(zone.code), text: rule ? `${counts}  ${shortly(rule, zone.name)}` : counts, ...(rule && { kind: /** @type {const} */ ("warning") }) });
  }
  for (const { level: of, code } of answer.deleted) {
    if (of === level) lines.push({ strong: tailOf(code), text: `${figures.whole(was.get(code)?.counts.household, "?")} → ${t("live.gone")}` });
  }
  const shown = lines.slice(0, MOST_ZONES);
  if (lines.length > MOST_ZONES) shown.push({ text: t("live.more", lines.length - MOST_ZONES), kind: "quiet" });
  const moves = KINDS.flatMap((kind) => {
    const count = answer.moves.reduce((sum, move) => sum + (move.level === level && move.kind === kind ? move.subjects : 0), 0);
    return count > 0 ? [t(`live.subjects.${kind}`, figures.whole(count))] : [];
  });
  shown.push({ text: moves.length > 0 ? t("live.moves", moves.join(" ")) : t("live.moves.none"), kind: "quiet" });
  return shown;
}

/** A warning without the zone's own name. @param {string} warning @param {string} name */
const shortly = (warning, name) => (warning.startsWith(name) ? warning.slice(name.length).trim().replace(/^的/, "") : warning);

/** Asks for previews, and says what they say. */
export class Live {
  /**
   * @param {(edit: Edit) => Promise<PlanAnswer>} ask
   * @param {(lines: Line[] | null) => void} show
   * @param {(answer: PlanAnswer, edit: Edit) => Line[]} words
   */
  constructor(ask, show, words) {
    this.ask = ask;
    this.show = show;
    this.words = words;
    /** @type {Edit | null} the latest that was not asked about yet */
    this.wanted = null;
    this.busy = false;
    /** Changes when what was asked no longer matters. */
    this.turn = 0;
  }

  /** @param {Edit} edit */
  want(edit) {
    this.wanted = edit;
    void this.#run();
  }

  /** Nothing is at work any more. */
  clear() {
    this.wanted = null;
    this.turn += 1;
    this.show(null);
  }

  async #run() {
    if (this.busy) return;
    this.busy = true;
    while (this.wanted) {
      const [edit, turn] = [this.wanted, this.turn];
      this.wanted = null;
      const lines = await this.#lines(edit);
      // Also while a newer one waits: figures that lag a little tell more than none.
      if (turn === this.turn && lines) this.show(lines);
    }
    this.busy = false;
  }

  /** @param {Edit} edit @returns {Promise<Line[] | null>} */
  async #lines(edit) {
    try {
      return this.words(await this.ask(edit), edit);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      // A refusal is news; that others changed the plan, or that the line is down, the edit itself will say.
      if (error.status !== 422 && error.status !== 409) return null;
      if (error.document.revision !== undefined) return null;
      return [{ text: error.message, kind: "refusal" }, ...(error.remedy ? [{ text: error.remedy, kind: /** @type {const} */ ("quiet") }] : [])];
    }
  }
}
