// What the page knows and shows, in one place. A change names the keys that changed; listeners redraw for theirs.

/**
 * @typedef {import("./contract").Zone} Zone
 * @typedef {import("./contract").LonLat} LonLat
 * @typedef {"households" | "people" | "businesses" | "institutions" | "balance" | "department" | "parent" | "none"} Colour
 * @typedef {"details" | "zones" | "faults" | "stations" | "reconciliation" | "fusion" | "plan" | "moves" | "history" | "comments" | "compare"} Tab
 */

/**
 * What the details panel shows.
 *
 * @typedef {{ type: "zone", level: string, code: string, point: LonLat | null, detail: import("./contract").ZoneDetail | null }
 *   | { type: "station", code: string, circles: import("./contract").Circle[] | null }
 *   | { type: "lookup", title: string, lookup: import("./contract").Lookup | null }
 *   | { type: "fault", number: number }
 *   | null} Subject
 */

/**
 * @typedef {object} State
 * @property {import("./contract").Me | null} me
 * @property {import("./contract").Territory[]} territories
 * @property {import("./contract").VersionSummary[]} versions of the territory shown
 * @property {import("./contract").Version | null} version
 * @property {string} level code of the level that is coloured, listed and clicked
 * @property {Set<string>} shown codes of the levels drawn, and "streets", "footprints", "stations", "faults", "labels"
 * @property {Colour} colour
 * @property {Zone[] | null} zones of the level; null while they load
 * @property {import("./contract").Fault[] | null} faults
 * @property {import("./contract").Station[] | null} stations
 * @property {Tab} tab
 * @property {Subject} subject
 * @property {import("./api").Problem | null} problem what the bar of troubles says
 * @property {"zh" | "en"} language
 * @property {import("./contract").PlanEntry[]} plans of the territory shown
 * @property {import("./contract").PlanEntry | null} plan the one that is open: then `zones` are the plan's
 * @property {import("./plan/tools").ToolName | ""} tool
 * @property {string[]} picked codes of the zones that a tool is about, in the order of picking
 * @property {Date | null} savedAt when the last edit was saved
 * @property {import("./contract").Move[] | null} moves the plan's ledger; null while it is read
 * @property {import("./contract").PlanChange[] | null} changes the plan's history; null while it is read
 * @property {import("./contract").Job | null} job that the page waits for
 * @property {import("./repairing").RepairView | null} repair proposals of repair of the version shown; null while unknown
 * @property {import("./fusing").FusionView | null} fusion of the version shown; null while unknown
 * @property {import("./contract").Profile | null} profile rules of the territory shown
 * @property {import("./contract").Comment[] | null} comments on the plan; null while they are read
 * @property {import("./contract").Presence[]} company who else works in the plan
 * @property {number} waiting edits that were made while the service could not be reached, and are sent later
 * @property {import("./plan/comparing").Shown | null} compared what is compared with what
 * @property {import("./plan/proposing").Shown | null} proposed a proposal that is shown on the map
 * @property {Map<string, string> | null} parents names of zones of the levels above, by code
 * @property {Map<string, string> | null} departments name of the department's zone that each zone is in, by code
 * @property {boolean} pinning whether the next click on the map pins a comment
 * @property {boolean} snapping whether what is drawn snaps to borders, streets and footprints
 * @property {boolean} moving whether those who move are drawn on the map
 */

/** What zones may be coloured by. @type {Colour[]} */
export const COLOURS = ["households", "people", "businesses", "institutions", "balance", "department", "parent", "none"];

/** @returns {State} */
const initial = () => ({
  me: null,
  territories: [],
  versions: [],
  version: null,
  level: "",
  shown: new Set(["streets", "stations", "labels"]),
  colour: "households",
  zones: null,
  faults: null,
  stations: null,
  tab: "zones",
  subject: null,
  problem: null,
  language: "zh",
  plans: [],
  plan: null,
  tool: "",
  picked: [],
  savedAt: null,
  moves: null,
  changes: null,
  job: null,
  repair: null,
  fusion: null,
  profile: null,
  comments: null,
  company: [],
  waiting: 0,
  compared: null,
  proposed: null,
  parents: null,
  departments: null,
  pinning: false,
  moving: false,
  snapping: true,
});

/** The state and who listens to it. */
export class Store {
  constructor() {
    /** @type {Readonly<State>} */
    this.state = initial();
    /** @type {{ keys: (keyof State)[], listener: (state: Readonly<State>) => void }[]} */
    this.listeners = [];
  }

  /** Calls a listener after any of these keys changed.
   * @param {(keyof State)[]} keys
   * @param {(state: Readonly<State>) => void} listener
   */
  on(keys, listener) {
    this.listeners.push({ keys, listener });
  }

  /** @param {Partial<State>} change */
  set(change) {
    const before = this.state;
    this.state = { ...before, ...change };
    const changed = /** @type {(keyof State)[]} */ (Object.keys(change)).filter(
      (key) => before[key] !== this.state[key],
    );
    for (const { keys, listener } of this.listeners) {
      if (keys.some((key) => changed.includes(key))) listener(this.state);
    }
  }
}

/**
 * Value by which a zone is coloured; null when it is unknown.
 *
 * @param {Zone} zone
 * @param {Colour} colour
 */
export function valueOf(zone, colour) {
  switch (colour) {
    case "households":
      return zone.counts.household ?? null;
    case "people":
      return zone.people ?? null;
    case "businesses":
      return zone.counts.business ?? null;
    case "institutions":
      return zone.counts.institution ?? null;
    default:
      return null;
  }
}

/**
 * The level that a version opens on: the finest partition that has zones, but not microgrids, which are too many.
 *
 * @param {import("./contract").Version} version
 */
export function openingLevel(version) {
  const levels = version.layers.flatMap((layer) => layer.levels).filter((level) => level.zones > 0);
  const preferred = ["grid", "community", "functional", "microgrid", "street", "county"];
  for (const code of preferred) {
    const level = levels.find((candidate) => candidate.code === code && candidate.partition);
    if (level) return level.code;
  }
  return levels[0]?.code ?? "";
}

/** @param {import("./contract").Version} version @param {string} code */
export function levelOf(version, code) {
  for (const layer of version.layers) {
    const level = layer.levels.find((candidate) => candidate.code === code);
    if (level) return { layer, level };
  }
  return null;
}
