// Edits on their way: written down before they are sent and crossed out when they are answered, so that neither a
// dropped connection nor a closed page loses one.
import { touchedBy } from "./changes.js";

/**
 * @typedef {import("../contract").Edit} Edit
 * @typedef {import("../contract").PlanZone} PlanZone
 * @typedef {import("../contract").PlanChange} PlanChange
 * @typedef {import("../contract").Geometry} Geometry
 */

/**
 * @typedef {object} Item
 * @property {string} id
 * @property {Edit} edit
 * @property {Pick<PlanZone, "code" | "name" | "kind" | "parent" | "geometry">[]} before the zones that it is about, as
 *   the planner saw them
 * @property {number | null} sentOn revision of the first sending; null when it was never sent
 * @property {boolean} late whether a sending went unanswered, so that it may have been made all the same
 */

const PREFIX = "onegrid.outbox";

/** What one account has not yet had answered about one plan. */
export class Outbox {
  /**
   * @param {Pick<Storage, "getItem" | "setItem" | "removeItem">} storage
   * @param {string} account
   * @param {number} plan
   */
  constructor(storage, account, plan) {
    this.storage = storage;
    this.plan = plan;
    this.key = `${PREFIX}.${account}.${plan}`;
    /** @type {Item[]} */
    this.items = read(storage, this.key).map((item) => ({ ...item, late: item.sentOn !== null }));
    /** Items that this page added: their planner is looking at it. @type {Set<string>} */
    this.own = new Set();
    /** Whether the storage has what this page knows. */
    this.kept = true;
  }

  /**
   * Takes over what other pages of the same account have added, noted and crossed out. Only who holds the lock of
   * sending may call it: nobody else is sending then, so that what was sent and not crossed out went unanswered.
   *
   * @returns {boolean} whether others changed anything
   */
  sync() {
    if (!this.kept) return false;
    const mine = new Map(this.items.map((item) => [item.id, item]));
    const before = this.items.map(({ id }) => id).join();
    this.items = read(this.storage, this.key).map((item) => Object.assign(mine.get(item.id) ?? item, item, { late: item.sentOn !== null }));
    return this.items.map(({ id }) => id).join() !== before;
  }

  /** @param {Edit} edit @param {PlanZone[]} zones of the edit's level @returns {Item} */
  add(edit, zones) {
    const touched = new Set(touchedBy(edit, zones));
    const before = zones
      .filter(({ code }) => touched.has(code))
      .map(({ code, name, kind, parent, geometry }) => ({ code, name, kind, parent, geometry }));
    const item = { id: `${Date.now()}.${Math.random()}`, edit, before, sentOn: null, late: false };
    this.own.add(item.id);
    this.items = [...this.items, item];
    this.#keep((stored) => [...stored, item]);
    return item;
  }

  /** @param {Item} item @param {Partial<Item>} change */
  note(item, change) {
    Object.assign(item, change);
    this.#keep((stored) => stored.map((one) => (one.id === item.id ? item : one)));
  }

  /** @param {Item} item */
  remove(item) {
    this.items = this.items.filter((one) => one.id !== item.id);
    this.#keep((stored) => stored.filter((one) => one.id !== item.id));
  }

  /** What an edit of one's own has changed is no news for those that wait behind it.
   * @param {{ zones: PlanZone[], deleted: { level: string, code: string }[] }} answer
   */
  carry({ zones, deleted }) {
    for (const item of this.items) {
      const { level } = item.edit;
      const gone = new Set(deleted.filter((one) => one.level === level).map(({ code }) => code));
      const fresh = new Map(zones.filter((one) => one.level === level).map((zone) => [zone.code, zone]));
      item.before = item.before
        .filter(({ code }) => !gone.has(code))
        .map((was) => {
          const zone = fresh.get(was.code);
          return zone ? { code: zone.code, name: zone.name, kind: zone.kind, parent: zone.parent, geometry: zone.geometry } : was;
        });
    }
    const mine = new Map(this.items.map((item) => [item.id, item]));
    this.#keep((stored) => stored.map((one) => mine.get(one.id) ?? one));
  }

  /** Changes what is stored, which may hold more than this page knows of.
   * @param {(stored: Item[]) => Item[]} change
   */
  #keep(change) {
    try {
      const items = this.kept ? change(read(this.storage, this.key)) : this.items;
      if (items.length === 0) this.storage.removeItem(this.key);
      else this.storage.setItem(this.key, JSON.stringify(items));
      this.kept = true;
    } catch {
      // A full or forbidden storage: the edits are kept as long as the page is open.
      this.kept = false;
    }
  }
}

/** @param {Pick<Storage, "getItem">} storage @param {string} key @returns {Item[]} */
function read(storage, key) {
  try {
    const kept = JSON.parse(storage.getItem(key) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

/** What the service calls an operation in its history. @param {Edit} edit */
const operationsOf = (edit) => (edit.operation === "describe" ? ["rename", "staff"] : [edit.operation]);

/**
 * Whether an edit whose answer was lost is among the changes that were made since: the same operation, by the same
 * person, on the same zones.
 *
 * @param {Item} item
 * @param {PlanChange[]} changes after the revision that it was sent on
 * @param {string} person display name of who sent it
 */
export function wasMade(item, changes, person) {
  if (!item.late || item.sentOn === null) return false;
  const { sentOn, edit, before } = item;
  const codes = before.map(({ code }) => code);
  if ("code" in edit) codes.push(edit.code);
  return changes.some(
    (change) =>
      change.revision > sentOn &&
      change.made_by === person &&
      operationsOf(edit).includes(change.operation) &&
      codes.every((code) => change.put.includes(code) || change.deleted.includes(code)),
  );
}

/**
 * Where an edit that waits will be made, to be drawn as a sketch.
 *
 * @param {Item} item
 * @returns {Geometry[]}
 */
export function sketchOf({ edit, before }) {
  switch (edit.operation) {
    case "redraw_border":
    case "split":
      return [{ type: "LineString", coordinates: edit.line }];
    case "move_border":
      return edit.moves.map(([from, to]) => ({ type: "LineString", coordinates: [from, to] }));
    case "paint":
      return edit.areas.map((area) => ({ type: "Polygon", coordinates: area }));
    case "carve":
    case "reshape":
    case "fill_gap":
    case "exception":
      return [{ type: "Polygon", coordinates: edit.area }];
    default:
      return before.map(({ geometry }) => geometry);
  }
}
