// What an answer of the service does to the zones that the page shows, and whether an edit may be made again on a
// plan that others have changed meanwhile.

/**
 * @typedef {import("../contract").PlanZone} PlanZone
 * @typedef {import("../contract").Edit} Edit
 * @typedef {import("../contract").Move} Move
 * @typedef {import("../contract").Bbox} Bbox
 */
import { bboxOf, coordinatesOf, overlaps } from "../shapes.js";

/**
 * Zones after an answer: those that it did not touch stay the same objects.
 *
 * @param {PlanZone[]} zones
 * @param {{ zones: PlanZone[], deleted: { level: string, code: string }[] }} answer
 * @param {string} level
 * @returns {PlanZone[]} by code
 */
export function applied(zones, answer, level) {
  const by = new Map(zones.map((zone) => [zone.code, zone]));
  for (const { level: of, code } of answer.deleted) if (of === level) by.delete(code);
  for (const zone of answer.zones) if (zone.level === level) by.set(zone.code, withBox(zone));
  return [...by.values()].sort((a, b) => (a.code < b.code ? -1 : Number(a.code > b.code)));
}

/** Zones read anew; those that are as before stay the same objects, so that the map redraws only the others.
 * @param {PlanZone[]} before
 * @param {PlanZone[]} now
 */
export function refreshed(before, now) {
  const by = new Map(before.map((zone) => [zone.code, zone]));
  return now.map((zone) => {
    const old = by.get(zone.code);
    const fresh = withBox(zone);
    return old && JSON.stringify(old) === JSON.stringify(fresh) ? old : fresh;
  });
}

/** @param {PlanZone} zone @returns {PlanZone} */
const withBox = (zone) => ({ ...zone, bbox: bboxOf([zone.geometry]) ?? [0, 0, 0, 0], staff: zone.staff ?? [] });

/**
 * Codes of the zones whose ground an edit is about.
 *
 * @param {Edit} edit
 * @param {PlanZone[]} zones
 * @returns {string[]}
 */
export function touchedBy(edit, zones) {
  switch (edit.operation) {
    case "split":
    case "delete":
    case "describe":
    case "reshape":
      return [edit.code];
    case "regroup":
    case "fill_gap":
    case "exception":
      return [];
    case "renumber":
      return Object.keys(edit.codes);
    case "merge":
    case "redraw_border":
      return [...edit.codes];
    case "move_border": {
      const ends = [...edit.moves.map(([from]) => from), ...(edit.inserts ?? []).flatMap(([a, b]) => [a, b]), ...(edit.removes ?? [])];
      const moved = new Set(ends.map((at) => at.join()));
      return zones.filter(({ geometry }) => coordinatesOf(geometry).some((at) => moved.has(at.join()))).map(({ code }) => code);
    }
    case "paint":
    case "carve": {
      const areas = edit.operation === "paint" ? edit.areas : [edit.area];
      const boxes = areas.map((area) => bboxOf([{ type: "Polygon", coordinates: area }]));
      const under = zones.filter(({ bbox }) => boxes.some((box) => box !== null && overlaps(box, bbox)));
      const codes = under.map(({ code }) => code);
      return edit.operation === "paint" && !codes.includes(edit.code) ? [edit.code, ...codes] : codes;
    }
  }
}

/**
 * Which of the touched zones others have changed: they have another shape, another name, or are gone.
 *
 * @param {string[]} touched
 * @param {PlanZone[]} before as the planner saw them
 * @param {PlanZone[]} now
 * @returns {string[]} names
 */
export function changedByOthers(touched, before, now) {
  const was = new Map(before.map((zone) => [zone.code, zone]));
  const is = new Map(now.map((zone) => [zone.code, zone]));
  return touched.flatMap((code) => {
    const [old, fresh] = [was.get(code), is.get(code)];
    return old && fresh && stamp(old) === stamp(fresh) ? [] : [old?.name ?? fresh?.name ?? code];
  });
}

/** @param {PlanZone} zone */
const stamp = ({ name, kind, parent, geometry }) => JSON.stringify([name, kind, parent, geometry]);

/**
 * An edit whose new codes are free: others may have taken those that were proposed.
 *
 * @param {Edit} edit
 * @param {Set<string>} taken
 * @param {(beside: string, count: number) => string[]} propose
 * @returns {Edit}
 */
export function withFreeCodes(edit, taken, propose) {
  if (edit.operation === "split" && edit.codes.some((code) => taken.has(code))) {
    return { ...edit, codes: propose(edit.code, edit.codes.length) };
  }
  if (edit.operation === "carve" && taken.has(edit.code)) return { ...edit, code: propose(edit.code, 1)[0] };
  return edit;
}

/**
 * @typedef {object} Flow
 * @property {string | null} from
 * @property {string | null} to
 * @property {Record<string, number>} counts subjects by kind
 */

/**
 * The ledger of one level, a row per pair of zones, the largest first.
 *
 * @param {Move[]} moves
 * @param {string} level
 * @returns {Flow[]}
 */
export function flowsOf(moves, level) {
  /** @type {Map<string, Flow>} */ const by = new Map();
  for (const { level: of, kind, from, to, subjects } of moves) {
    if (of !== level) continue;
    const key = JSON.stringify([from, to]);
    const flow = by.get(key) ?? { from, to, counts: {} };
    flow.counts[kind] = (flow.counts[kind] ?? 0) + subjects;
    by.set(key, flow);
  }
  const size = (/** @type {Flow} */ { counts }) => counts.household ?? 0;
  return [...by.values()].sort((a, b) => size(b) - size(a) || String(a.from).localeCompare(String(b.from)));
}

/** How many subjects of a kind move at a level.
 * @param {Move[]} moves
 * @param {string} level
 * @param {string} kind
 */
export const moved = (moves, level, kind) =>
  moves.reduce((sum, move) => sum + (move.level === level && move.kind === kind ? move.subjects : 0), 0);
