// Faults and their repair: what is listed, what is proposed, accepted, not wanted, applied and taken back.
import * as api from "./api.js";
import * as repairs from "./repairs-api.js";
import { follow } from "./jobs.js";
import { t } from "./language.js";

/**
 * @typedef {import("./contract").Fault} Fault
 * @typedef {import("./contract-fusion").RepairProposal} RepairProposal
 * @typedef {import("./contract-fusion").RepairTable} RepairTable
 * @typedef {import("./contract-fusion").RepairOptions} RepairOptions
 */

/**
 * What the page knows of the repair of one version.
 *
 * @typedef {object} RepairView
 * @property {string} version
 * @property {RepairTable | null} table null when nothing was proposed
 * @property {Set<number>} accepted numbers of proposals that the planner accepts, not yet applied
 * @property {string} kind of fault that is listed; empty for all
 * @property {string} level that is listed; empty for all
 * @property {boolean} repairable only faults with a proposal are listed
 * @property {import("./contract").Job | null} job that runs
 * @property {import("./contract-fusion").RepairDone | null} done what came of the acceptance that made this version
 */

/** Strategies that make sense for a kind of fault, besides naming a zone. @param {string} kind @returns {string[]} */
export function strategiesOf(kind) {
  switch (kind) {
    case "gap":
    case "sliver":
    case "inlet":
    case "uncovered":
      return ["longest_border", "most_households", "fewest_households", "exception", "refuse"];
    case "overlap":
    case "contained":
    case "crossing_levels":
      return ["longest_border", "most_households", "fewest_households", "priority", "refuse"];
    case "stray":
      return ["longest_border", "most_households", "fewest_households", "refuse"];
    case "near_miss":
    case "invalid":
    case "outside_parent":
      return ["longest_border", "refuse"];
    default:
      return [];
  }
}

/** Kinds of which the kernel may be told which zone shall have the land. @param {string} kind */
export const mayName = (kind) => ["gap", "sliver", "inlet", "uncovered", "overlap", "contained", "crossing_levels", "stray"].includes(kind);

/** Whether a proposal may be applied. @param {RepairProposal | undefined} proposal */
export const feasible = (proposal) => proposal?.status === "proposed" && !proposal.declined;

/**
 * Faults in the order of the list: errors first, each by number.
 *
 * @param {Fault[]} faults
 * @param {Pick<RepairView, "kind" | "level" | "repairable" | "table"> | null} view
 */
export function listed(faults, view) {
  const proposed = new Set(view?.table?.proposals.filter(({ status }) => status === "proposed").map(({ number }) => number));
  return faults
    .filter((fault) => (!view?.kind || fault.kind === view.kind) && (!view?.level || fault.level === view.level) && (!view?.repairable || proposed.has(fault.number)))
    .sort((a, b) => Number(b.severity === "error") - Number(a.severity === "error") || a.number - b.number);
}

/**
 * Whom land goes from and to: null is land that is nobody's.
 *
 * @param {RepairProposal} proposal
 * @returns {{ from: string[], to: string | null }}
 */
export function flowOf({ changes, recipient }) {
  const from = changes.filter(({ code, before_m2, after_m2 }) => after_m2 < before_m2 && code !== recipient).map(({ code }) => code);
  return { from, to: recipient };
}

/** A planner's acts on the faults of the version shown. */
export class Repairing {
  /** @param {import("./state").Store} store @param {import("./actions").Actions} actions */
  constructor(store, actions) {
    this.store = store;
    this.actions = actions;
    /** What came of an acceptance, told in the draft that it made. @type {import("./contract-fusion").RepairDone | null} */
    this.done = null;
    store.on(["version"], () => void this.#read());
  }

  get may() {
    const { me } = this.store.state;
    return me !== null && me.role !== "viewer";
  }

  async #read() {
    const { version, repair } = this.store.state;
    if (!version) return this.store.set({ repair: null });
    const code = version.version;
    if (repair?.version !== code) {
      const done = this.done?.version === code ? this.done : null;
      this.store.set({ repair: { version: code, table: null, accepted: new Set(), kind: "", level: "", repairable: false, job: null, done } });
    }
    if (!version.repair_proposed_at) return;
    await this.actions.attempt(async () => this.#take(await repairs.proposals(code)));
  }

  /** Shows a table; of what was accepted only what can still be done stays. @param {RepairTable} table */
  #take(table) {
    const { repair: view } = this.store.state;
    if (!view || view.version !== table.version) return;
    const possible = new Set(table.proposals.filter(feasible).map(({ number }) => number));
    this.store.set({ repair: { ...view, table, accepted: new Set([...view.accepted].filter((number) => possible.has(number) && !table.stale)) } });
  }

  /** @param {Partial<RepairView>} change */
  #set(change) {
    const { repair } = this.store.state;
    if (repair) this.store.set({ repair: { ...repair, ...change } });
  }

  /** Runs a job on the version shown and says how far it is. @template T
   * @param {string} version
   * @param {() => Promise<{ job: number }>} start
   * @param {(result: T) => Promise<void>} then
   */
  #run(version, start, then) {
    if (this.store.state.repair?.job) return Promise.resolve();
    this.#set({ job: { id: 0, kind: "repair", status: "waiting", percent: 0, message: "", result: null } });
    return this.actions.attempt(async () => {
      try {
        const { job } = await start();
        const result = /** @type {T} */ (
          await follow(job, (now) => this.store.state.repair?.version === version && this.#set({ job: now }), t("repair.failed"))
        );
        await then(result);
      } finally {
        if (this.store.state.repair?.version === version) this.#set({ job: null });
      }
    });
  }

  /** Looks at every level that has faults, and says what a repair would do. @param {Partial<RepairOptions>} [options] */
  propose(options) {
    const { version, faults, repair } = this.store.state;
    if (!version) return Promise.resolve();
    const { levels, strategies, decisions, max_change, max_gap_width_m } = { ...repair?.table?.options, ...options };
    // Another state of the zones has other numbers.
    const kept = repair?.table && !repair.table.stale ? decisions : {};
    const order = { levels: levels ?? levelsWithFaults(faults ?? []), strategies, decisions: kept, max_change, max_gap_width_m };
    return this.#run(
      version.version,
      () => repairs.propose(version.version, order),
      async (/** @type {RepairTable} */ table) => {
        const faults = await api.faults(version.version);
        const now = await api.version(version.version);
        if (this.store.state.version?.version !== version.version) return;
        this.#take(table);
        // The version is the same: its figures are read again, its tiles are not.
        this.store.set({ faults, version: now });
      },
    );
  }

  /** Decides about one fault: a strategy, or the zone that shall have the land. @param {number} number @param {string} choice empty: as for its kind */
  decide(number, choice) {
    const decisions = { ...this.store.state.repair?.table?.options.decisions };
    if (choice) decisions[number] = choice;
    else delete decisions[number];
    return this.propose({ decisions });
  }

  /** Accepts a proposal, or no longer. @param {number} number @param {boolean} on */
  async accept(number, on) {
    const { repair } = this.store.state;
    const proposal = repair?.table?.proposals.find((one) => one.number === number);
    if (!repair || proposal?.status !== "proposed") return;
    if (on && proposal.declined) await this.decline(number, false);
    const accepted = new Set(this.store.state.repair?.accepted);
    if (on) accepted.add(number);
    else accepted.delete(number);
    this.#set({ accepted });
  }

  /** Accepts every proposal of those listed that can be done; or none. @param {boolean} on */
  acceptAll(on) {
    const { repair, faults } = this.store.state;
    if (!repair?.table) return;
    const shown = new Set(listed(faults ?? [], repair).map(({ number }) => number));
    const numbers = repair.table.proposals.filter((one) => feasible(one) && shown.has(one.number)).map(({ number }) => number);
    this.#set({ accepted: new Set(on ? [...repair.accepted, ...numbers] : []) });
  }

  /** Marks a proposal as not wanted, for everybody, or takes the mark back. @param {number} number @param {boolean} declined */
  decline(number, declined) {
    const { version } = this.store.state;
    if (!version) return Promise.resolve();
    return this.actions.attempt(async () => this.#take(await repairs.decline(version.version, [number], declined)));
  }

  /** Applies what was accepted to a new draft, and opens it. */
  apply() {
    const { version, repair } = this.store.state;
    const numbers = [...(repair?.accepted ?? [])].sort((a, b) => a - b);
    if (!version || numbers.length === 0) return Promise.resolve();
    return this.#run(
      version.version,
      () => repairs.accept(version.version, numbers),
      async (/** @type {import("./contract-fusion").RepairDone} */ done) => {
        this.done = done;
        this.#set({ accepted: new Set() });
        await this.#open(done.version);
      },
    );
  }

  /** Takes back what was accepted into the draft shown. */
  undo() {
    const { version } = this.store.state;
    if (!version?.repaired) return Promise.resolve();
    return this.#run(
      version.version,
      () => repairs.undo(version.version),
      async () => {
        this.done = null;
        this.#set({ done: null });
        await this.#open(version.version);
      },
    );
  }

  /** Opens a version beside its faults. @param {string} version */
  open(version) {
    return this.actions.attempt(() => this.#open(version));
  }

  /** @param {string} version */
  async #open(version) {
    await this.actions.openVersion(version);
    this.actions.openTab("faults");
  }

  /** @param {Partial<Pick<RepairView, "kind" | "level" | "repairable">>} filter */
  filter(filter) {
    this.#set(filter);
  }

  /** Flies to the next fault of the list, or the one before. @param {1 | -1} step */
  next(step) {
    const { faults, repair, subject } = this.store.state;
    const all = listed(faults ?? [], repair);
    if (all.length === 0) return;
    const at = subject?.type === "fault" ? all.findIndex(({ number }) => number === subject.number) : -1;
    const to = at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length;
    this.actions.selectFault(all[to].number);
  }
}

/** Levels with faults that a repair can do something about. @param {Fault[]} faults */
export const levelsWithFaults = (faults) => [...new Set(faults.filter(({ kind }) => strategiesOf(kind).length > 0 || kind === "duplicate").map(({ level }) => level))];
