// 多格合一: what is fused and how, what came of it, which place is looked at, which cells are pinned, adoption as a plan.
import * as api from "./api.js";
import * as fusions from "./fusion-api.js";
import { follow } from "./jobs.js";
import { t } from "./language.js";

/**
 * @typedef {import("./contract").LonLat} LonLat
 * @typedef {import("./contract").Level} Level
 * @typedef {import("./contract-fusion").Conflict} Conflict
 * @typedef {import("./contract-fusion").ConflictKind} ConflictKind
 * @typedef {import("./contract-fusion").FusionCell} FusionCell
 * @typedef {import("./contract-fusion").FusionProposal} FusionProposal
 * @typedef {import("./contract-fusion").FusionSummary} FusionSummary
 */

/**
 * What the planner chooses; other figures of the profile stay as they are.
 *
 * @typedef {object} Choice
 * @property {string[]} layers codes of levels, in the order of the version
 * @property {string | null} leading
 * @property {string | null} within
 * @property {[number, number] | null} households
 * @property {Record<string, string>} pins
 */

/**
 * What the page knows of the fusion of one version.
 *
 * @typedef {object} FusionView
 * @property {string} version
 * @property {Choice} choice for the next run
 * @property {FusionSummary | null} summary null when nothing was fused
 * @property {Conflict[]} conflicts
 * @property {FusionProposal | null} proposal
 * @property {import("./contract-fusion").CrosswalkRow[]} crosswalk
 * @property {Set<ConflictKind>} kinds that are drawn and listed
 * @property {boolean} grids whether the proposal is drawn
 * @property {Set<string>} ghosts layers whose borders are drawn
 * @property {"conflicts" | "crosswalk"} page
 * @property {number} chosen number of the conflict looked at; 0 for none
 * @property {{ point: LonLat, cell: FusionCell | null } | null} ground place looked at; no cell where there is none
 * @property {Map<string, import("./contract").Zone[]>} zones of layers, as far as they were asked for
 * @property {import("./contract").Job | null} job
 * @property {boolean} adopting a plan is being made of the proposal
 * @property {number} unpinned how many pins another choice took away since the last run
 */

/** Kinds in the order of their weight. @type {ConflictKind[]} */
export const KINDS = ["overlap", "conflict", "missing", "noise", "containment", "grain"];

/** Grain and containment are no quarrel, and cover the whole map: they are shown on request. @type {ConflictKind[]} */
const FIRST = ["overlap", "conflict", "missing", "noise"];

export const MOST_LAYERS = 8;

/** Households of a grid, when nothing was chosen. @type {[number, number]} */
const HOUSEHOLDS = [300, 500];

/** Levels that may be fused: departments' own first. @param {import("./contract").Version} version @returns {Level[]} */
export function fusible(version) {
  const levels = version.layers.flatMap((layer) => layer.levels).filter(({ zones }) => zones > 0);
  const own = levels.filter(({ partition }) => !partition);
  return [...own, ...levels.filter(({ partition, code }) => partition && !WHOLE.has(code))];
}

/** Levels above grids: a grid may be kept within them. @param {import("./contract").Version} version @returns {Level[]} */
export const containers = (version) => version.layers.flatMap((layer) => layer.levels).filter(({ zones, partition, code }) => zones > 0 && partition && CONTAINERS.has(code));

const WHOLE = new Set(["county", "street"]);
const CONTAINERS = new Set(["county", "street", "functional", "community"]);

/** What is proposed at first: all departments' layers, within communities. @param {import("./contract").Version} version @returns {Choice} */
function firstChoice(version) {
  const levels = fusible(version);
  const own = levels.filter(({ partition }) => !partition);
  const chosen = (own.length >= 2 ? own : levels).slice(0, MOST_LAYERS).map(({ code }) => code);
  const within = containers(version).find(({ code }) => code === "community")?.code ?? null;
  return { layers: chosen, leading: null, within: within && !chosen.includes(within) ? within : null, households: HOUSEHOLDS, pins: {} };
}

/** A moment, however it is written. @param {string | null} time */
const moment = (time) => (time === null ? null : Date.parse(time));

/** A planner's acts on the fusion of the version shown. */
export class Fusing {
  /**
   * @param {import("./state").Store} store
   * @param {import("./actions").Actions} actions
   * @param {import("./workbench").Ask} ask
   */
  constructor(store, actions, ask) {
    this.store = store;
    this.actions = actions;
    this.ask = ask;
    /** Opens a plan; set where the workbench is known. @type {(plan: number) => Promise<void>} */
    this.openPlan = async () => {};
    store.on(["version", "tab"], () => void this.#read());
  }

  get may() {
    const { me } = this.store.state;
    return me !== null && me.role !== "viewer";
  }

  /** Whether the map shows a fusion now. */
  get shown() {
    const { tab, plan, fusion, version } = this.store.state;
    return tab === "fusion" && !plan && fusion !== null && fusion.summary !== null && fusion.version === version?.version;
  }

  /** Reads what is there, once the tab is opened. */
  async #read() {
    const { version, fusion, tab } = this.store.state;
    if (!version) return this.store.set({ fusion: null });
    // A draft's fusion goes when its zones change; somebody else may have fused anew.
    const other = fusion?.summary && moment(fusion.summary.made_at) !== moment(version.fused_at);
    if (fusion?.version !== version.version || other) {
      /** @type {FusionView} */
      const empty = {
        version: version.version,
        choice: firstChoice(version),
        summary: null,
        conflicts: [],
        proposal: null,
        crosswalk: [],
        kinds: new Set(FIRST),
        grids: true,
        ghosts: new Set(),
        page: "conflicts",
        chosen: 0,
        ground: null,
        zones: new Map(),
        job: null,
        adopting: false,
        unpinned: 0,
      };
      this.store.set({ fusion: empty });
    }
    if (tab !== "fusion" || !version.fused_at || this.store.state.fusion?.summary || this.reading === version.version) return;
    this.reading = version.version;
    await this.actions.attempt(() => this.#load());
    this.reading = "";
  }

  /** Version that is being read. */
  reading = "";

  async #load() {
    const { version } = this.store.state;
    if (!version) return;
    const [territory, code] = [version.territory.code, version.version];
    const [summary, conflicts, proposal, crosswalk] = await Promise.all([
      fusions.summary(territory, code),
      fusions.conflicts(territory, code),
      fusions.proposal(territory, code),
      fusions.crosswalk(territory, code),
    ]);
    if (this.store.state.fusion?.version !== code) return;
    const { layers, leading, within, pins, profile } = summary.options;
    const known = new Set(fusible(version).map((level) => level.code));
    const choice = { layers: layers.filter((layer) => known.has(layer)), leading, within, pins, households: profile.households };
    this.set({ summary, conflicts, proposal, crosswalk, choice, ghosts: new Set(summary.layers), chosen: 0, ground: null, unpinned: 0 });
  }

  /** @param {Partial<FusionView>} change */
  set(change) {
    const { fusion } = this.store.state;
    if (fusion) this.store.set({ fusion: { ...fusion, ...change } });
  }

  /** Changes what the next run does. Pins are numbers of cells: other layers make other cells.
   * @param {Partial<Choice>} change
   */
  choose(change) {
    const { fusion } = this.store.state;
    if (!fusion) return;
    const choice = { ...fusion.choice, ...change };
    const recut = change.layers || change.within !== undefined;
    const dropped = (recut || (change.leading !== undefined && change.leading !== fusion.choice.leading)) && !change.pins;
    if (dropped) choice.pins = {};
    if (choice.leading && !choice.layers.includes(choice.leading)) choice.leading = null;
    if (choice.within && choice.layers.includes(choice.within)) choice.within = null;
    this.set({ choice, unpinned: change.pins ? 0 : fusion.unpinned + (dropped ? Object.keys(fusion.choice.pins).length : 0) });
  }

  /** Fuses, and shows what came of it. */
  run() {
    const { version, fusion } = this.store.state;
    if (!version || !fusion || fusion.job) return Promise.resolve();
    const { layers, leading, within, households, pins } = fusion.choice;
    const code = version.version;
    this.set({ job: { id: 0, kind: "fuse", status: "waiting", percent: 0, message: "", result: null } });
    const current = () => this.store.state.fusion?.version === code;
    return this.actions.attempt(async () => {
      try {
        const { job } = await fusions.fuse(version.territory.code, { version: code, layers, leading, within, pins, profile: { households } });
        await follow(job, (now) => current() && this.set({ job: now }), t("fusion.failed"));
        if (!current()) return;
        const ground = this.store.state.fusion?.ground;
        await this.#load();
        if (!current()) return;
        this.store.set({ version: { ...version, fused_at: this.store.state.fusion?.summary?.made_at ?? null } });
        // The place looked at before is looked at again: its cell may go elsewhere now.
        if (ground) await this.askGround(ground.point);
      } finally {
        if (current()) this.set({ job: null });
      }
    });
  }

  /** @param {ConflictKind} kind @param {boolean} on */
  showKind(kind, on) {
    const kinds = new Set(this.store.state.fusion?.kinds);
    if (on) kinds.add(kind);
    else kinds.delete(kind);
    this.set({ kinds });
  }

  /** Only this kind; all that were shown at first when it is the only one already. @param {ConflictKind} kind */
  onlyKind(kind) {
    const kinds = this.store.state.fusion?.kinds;
    this.set({ kinds: kinds?.size === 1 && kinds.has(kind) ? new Set(FIRST) : new Set([kind]) });
  }

  /** @param {string} layer @param {boolean} on */
  showGhost(layer, on) {
    const ghosts = new Set(this.store.state.fusion?.ghosts);
    if (on) ghosts.add(layer);
    else ghosts.delete(layer);
    this.set({ ghosts });
  }

  /** Flies to a conflict. @param {number} number */
  look(number) {
    const { fusion } = this.store.state;
    const conflict = fusion?.conflicts.find((one) => one.number === number);
    if (!fusion || !conflict) return;
    this.set({ chosen: number, kinds: new Set([...fusion.kinds, conflict.kind]) });
    this.actions.map.flyTo(conflict.bbox, 18.5);
  }

  /** Flies to the next conflict of those listed, or the one before. @param {1 | -1} step */
  next(step) {
    const { fusion } = this.store.state;
    const all = fusion?.conflicts.filter(({ kind }) => fusion.kinds.has(kind)) ?? [];
    if (!fusion || all.length === 0) return;
    const at = all.findIndex(({ number }) => number === fusion.chosen);
    const to = at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length;
    this.look(all[to].number);
  }

  /** Says what a place on the ground is: its cell, the code in each layer, where it goes and why. @param {LonLat} point */
  askGround(point) {
    const { version, fusion } = this.store.state;
    if (!version || !fusion?.summary) return Promise.resolve();
    return this.actions.attempt(async () => {
      let cell = null;
      try {
        cell = await fusions.cell(version.territory.code, version.version, point);
      } catch (error) {
        if (!(error instanceof api.Problem) || error.status !== 404) throw error;
      }
      if (this.store.state.fusion?.version === version.version) this.set({ ground: { point, cell } });
      const { summary } = this.store.state.fusion ?? {};
      const leading = this.store.state.fusion?.choice.leading ?? summary?.leading;
      if (cell && leading && this.may) await this.#readZones(leading);
    });
  }

  leaveGround() {
    this.set({ ground: null, chosen: 0 });
  }

  /** @param {string} level */
  async #readZones(level) {
    const { version, fusion } = this.store.state;
    if (!version || !fusion || fusion.zones.has(level)) return;
    const zones = await api.zones(version.version, level);
    if (this.store.state.fusion?.version === version.version) this.set({ zones: new Map([...this.store.state.fusion.zones, [level, zones]]) });
  }

  /** Says which grid of the leading layer a cell must go to; empty: none. Takes effect with the next run.
   * @param {number} cell
   * @param {string} code
   */
  pin(cell, code) {
    const { fusion } = this.store.state;
    if (!fusion?.summary) return;
    const pins = { ...fusion.choice.pins };
    if (code) pins[cell] = code;
    else delete pins[cell];
    // Pins need somebody who leads: the layer that led so far.
    this.choose({ pins, leading: fusion.choice.leading ?? fusion.summary.leading });
  }

  /** Whether the choice is another than what was run. */
  get changed() {
    const { fusion } = this.store.state;
    if (!fusion?.summary) return true;
    const { layers, leading, within, pins, profile } = fusion.summary.options;
    const said = (/** @type {Choice} */ one) => JSON.stringify([[...one.layers].sort(), one.leading, one.within, one.households, Object.entries(one.pins).sort()]);
    return said(fusion.choice) !== said({ layers, leading, within, pins, households: profile.households });
  }

  /** Makes a plan of the proposal, and opens it. */
  async adopt() {
    const { version, fusion } = this.store.state;
    if (!version || !fusion?.summary || fusion.adopting) return;
    const levels = version.layers.flatMap((layer) => layer.levels).filter(({ partition, code }) => partition && !CONTAINERS.has(code));
    if (levels.length === 0) return;
    const given = await this.ask({
      title: t("fusion.adopt.title"),
      lead: [t("fusion.adopt.lead", fusion.summary.grids, levels[0].name, version.version), this.changed ? t("fusion.adopt.changed") : ""].join(" "),
      fields: [{ name: "name", label: t("plan.name"), required: true, most: 100, value: t("fusion.adopt.name", version.territory.name) }],
      ok: t("fusion.adopt.ok"),
    });
    if (!given) return;
    this.set({ adopting: true });
    await this.actions.attempt(async () => {
      try {
        const plan = await fusions.adopt(version.territory.code, version.version, given.name, levels[0].code);
        const plans = await api.plans(version.territory.code);
        this.store.set({ plans });
        await this.openPlan(plan.id);
      } finally {
        this.set({ adopting: false });
      }
    });
  }
}
