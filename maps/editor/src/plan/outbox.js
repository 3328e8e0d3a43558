// Edits on their way: written down before they are sent and crossed out when they are answered, so that neither a
// dropped connection nor a closed page loses one.
import { touchedBy } from "./changes.js";

/**
 * @typedef {import("../contract").Edit} Edit
 * @typedef {import("../contract").PlanZone} PlanZone
 * @typedef {import("../contract").Geometry} Geometry
 * @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">} Kept what keeps edits
 */

/**
 * @typedef {object} Item
 * @property {string} id sorts in the order of making; the service knows the edit by it
 * @property {Edit} edit
 * @property {Pick<PlanZone, "code" | "name" | "kind" | "parent" | "geometry">[]} before the zones that it is about, as
 *   the planner saw them
 */

const PREFIX = "onegrid.outbox";

/**
 * What one account has not yet had answered about one plan: an entry of the storage for each edit, so that pages that
 * write at the same time overwrite nothing of each other's.
 */
export class Outbox {
  /**
   * @param {Kept} storage
   * @param {string} account
   * @param {number} plan
   */
  constructor(storage, account, plan) {
    this.storage = storage;
    this.plan = plan;
    this.key = `${PREFIX}/${encodeURIComponent(account)}/${plan}`;
    /** @type {Item[]} */
    this.items = this.#stored();
    /** Items that this page added: their planner is looking at it. @type {Set<string>} */
    this.own = new Set();
    /** Items that the storage had no room for: they are kept as long as the page is open. @type {Set<string>} */
    this.unkept = new Set();
  }

  /**
   * Takes over what other pages of the same account have added and crossed out. Only who holds the lock of sending may
   * call it.
   *
   * @returns {boolean} whether others changed anything
   */
  sync() {
    const mine = new Map(this.items.map((item) => [item.id, item]));
    const before = this.items.map(({ id }) => id).join();
    const stored = this.#stored().map((item) => Object.assign(mine.get(item.id) ?? item, item));
    const unkept = this.items.filter(({ id }) => this.unkept.has(id) && !stored.some((item) => item.id === id));
    this.items = [...stored, ...unkept].sort(byTime);
    return this.items.map(({ id }) => id).join() !== before;
  }

  /** @param {Edit} edit @param {PlanZone[]} zones of the edit's level @returns {Item} */
  add(edit, zones) {
    const touched = new Set(touchedBy(edit, zones));
    const before = zones
      .filter(({ code }) => touched.has(code))
      .map(({ code, name, kind, parent, geometry }) => ({ code, name, kind, parent, geometry }));
    // After those that wait, also where two are made at once or the clock was set back.
    const waiting = [...this.items, ...this.#stored()];
    const time = Math.max(Date.now(), ...waiting.map(({ id }) => Number.parseInt(id, 10) + 1));
    const item = { id: `${time}.${Math.random().toString(36).slice(2)}`, edit, before };
    this.own.add(item.id);
    this.items = [...this.items, item];
    this.#keep(item);
    return item;
  }

  /** @param {Item} item @param {Partial<Item>} change */
  note(item, change) {
    Object.assign(item, change);
    if (this.items.includes(item)) this.#keep(item);
  }

  /** @param {Item} item */
  remove(item) {
    this.items = this.items.filter((one) => one.id !== item.id);
    this.unkept.delete(item.id);
    this.storage.removeItem(`${this.key}/${item.id}`);
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
    for (const item of this.items) this.#keep(item);
  }

  /** @param {Item} item */
  #keep(item) {
    try {
      this.storage.setItem(`${this.key}/${item.id}`, JSON.stringify(item));
      this.unkept.delete(item.id);
    } catch {
      this.unkept.add(item.id); // a full or forbidden storage
    }
  }

  /** @returns {Item[]} in the order of making */
  #stored() {
    const { storage } = this;
    try {
      return Array.from({ length: storage.length }, (_, place) => storage.key(place) ?? "")
        .filter((key) => key.startsWith(`${this.key}/`))
        .flatMap((key) => read(storage.getItem(key)))
        .sort(byTime);
    } catch {
      return [];
    }
  }
}

/** @param {Item} a @param {Item} b */
const byTime = (a, b) => (a.id < b.id ? -1 : Number(a.id > b.id));

/** @param {string | null} kept @returns {Item[]} none if it is no item */
function read(kept) {
  try {
    const item = JSON.parse(kept ?? "null");
    return typeof item?.id === "string" ? [item] : [];
  } catch {
    return [];
  }
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
