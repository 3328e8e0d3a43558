// What a planner can do with a plan: open it, take a tool, edit it, take edits back. How edits reach the service is
// plan/sending.js; forms, publishing, company, comparing and proposals are modules of their own in plan/.
import * as api from "./api.js";
import * as plans from "./plans-api.js";
import { applied, refreshed } from "./plan/changes.js";
import { checksOf, nextOf } from "./plan/checks.js";
import { nextCodes } from "./plan/codes.js";
import { Company } from "./plan/company.js";
import { Comparing } from "./plan/comparing.js";
import { Library } from "./plan/library.js";
import { Ledger } from "./plan/ledger.js";
import { CODE_PATTERN, Operations } from "./plan/operations.js";
import { pickedAfterEdit } from "./plan/picking.js";
import { Profiles } from "./plan/profiles.js";
import { Proposing } from "./plan/proposing.js";
import { Publishing } from "./plan/publishing.js";
import { Releasing } from "./plan/releasing.js";
import { isStale, Sending } from "./plan/sending.js";
import { editOf, gestureOf, keptBy, pickedAfter, toolOf } from "./plan/tools.js";
import { t } from "./language.js";

/**
 * @typedef {import("./contract").Edit} Edit
 * @typedef {import("./contract").LonLat} LonLat
 * @typedef {import("./contract").PlanZone} PlanZone
 * @typedef {import("./plan/tools").ToolName} ToolName
 * @typedef {(question: import("./panels/dialog").Question) => Promise<Record<string, string> | null>} Ask
 */

/**
 * What a planner has in hand: the tool, by how many were taken before it, and what is picked.
 *
 * @typedef {{ grip: number, picked: string[] }} Hand
 */

/** Pieces that a line may cut a zone into, beside the one that keeps the code. */
const PIECES = 5;

/** A planner's acts on the plan that is open. */
export class Workbench {
  /**
   * @param {import("./state").Store} store
   * @param {import("./actions").Actions} actions
   * @param {Ask} ask
   */
  constructor(store, actions, ask) {
    this.store = store;
    this.actions = actions;
    this.ask = ask;
    /** @type {Promise<void>} the last act in turn */
    this.turn = Promise.resolve();
    /** Counts how often a tool was taken. */
    this.grip = 0;
    /** Newest revision heard of. */
    this.heard = 0;
    /** @type {() => void} */
    this.unwatch = () => {};
    /** Number of the plan that is watched. */
    this.watched = 0;
    /** The check that was shown last. */
    this.checked = "";
    /** Codes that zones of the plan have or had, never proposed again. @type {Set<string>} */
    this.seen = new Set();
    /** Answers asked for before the page knows what they are of: the link's plan, and its zones.
     * @type {{ number: number, level: string, plan: Promise<any>, zones: Promise<any> } | null}
     */
    this.expected = null;
    actions.planZones = (plan, level) => this.#readZones(plan, level);
    actions.openPlan = (number) => this.openPlan(number);
    store.on(["plan"], ({ plan }) => this.#watch(plan?.id ?? 0));
    store.on(["zones"], ({ zones, picked }) => {
      for (const { code } of zones ?? []) this.seen.add(code);
      if (zones && picked.some((code) => !zones.some((zone) => zone.code === code))) {
        store.set({ picked: picked.filter((code) => zones.some((zone) => zone.code === code)) });
      }
    });
    store.on(["level"], () => store.set({ picked: [], tool: "" }));
    this.library = new Library(this);
    this.sending = new Sending(this);
    this.operations = new Operations(this);
    this.publishing = new Publishing(this);
    this.releasing = new Releasing(this);
    this.company = new Company(this);
    this.comparing = new Comparing(this);
    this.proposing = new Proposing(this);
    this.profiles = new Profiles(this);
    this.ledger = new Ledger(this);
  }

  /** Whether this account may make and edit plans. */
  get plans() {
    const { me } = this.store.state;
    return me !== null && me.role !== "viewer";
  }

  get mayEdit() {
    const { plan } = this.store.state;
    return this.plans && plan?.status === "open" && plan.may_edit !== false;
  }

  get mayPublish() {
    const { me } = this.store.state;
    return this.mayEdit && (me?.role === "publisher" || me?.role === "admin");
  }

  /** What the mouse does on the map now. @returns {import("./plan/tools").Gesture | ""} */
  get gesture() {
    const { plan, tool, picked } = this.store.state;
    return (plan && this.mayEdit) || toolOf(tool)?.reads ? gestureOf(tool, picked.length) : "";
  }

  // ---- opening

  /** Asks for a plan that is opened as soon as the page knows where: its zones are most of what is to be read.
   * @param {number} number
   * @param {string} level the likely one
   */
  expect(number, level) {
    const expected = { number, level, plan: api.plan(number), zones: api.planZones(number, level) };
    // A failure is told by whoever asks again.
    for (const answer of [expected.plan, expected.zones]) answer.catch(() => {});
    this.expected = expected;
  }

  /** @param {number} number */
  openPlan(number) {
    return this.actions.attempt(async () => {
      const early = this.expected?.number === number ? this.expected.plan.catch(() => null) : null;
      /** @type {import("./contract").PlanEntry} */ let plan;
      try {
        plan = (await early) ?? (await api.plan(number));
      } catch (error) {
        // Without the plan the version is shown.
        if (!this.store.state.plan && !this.store.state.zones) void this.actions.reloadZones();
        throw error;
      }
      if (this.store.state.version?.version !== plan.base) {
        if (this.store.state.version?.territory.code !== plan.territory) await this.actions.openTerritory(plan.territory);
        await this.actions.openVersion(plan.base);
      }
      if (this.store.state.version?.version !== plan.base) return;
      this.actions.clear();
      this.seen = new Set();
      this.heard = plan.revision;
      this.store.set({ plan, tool: "", pinning: false, picked: [], savedAt: null, moves: null, changes: null, tab: "plan" });
      await this.actions.reloadZones();
      await this.#readCodes(plan.territory);
    });
  }

  /** Codes that are retired are never proposed. @param {string} territory */
  async #readCodes(territory) {
    if (this.store.state.plan?.may_edit === undefined) return;
    const { taken, retired } = await plans.codes(territory, this.store.state.level);
    for (const code of [...taken, ...retired]) this.seen.add(code);
  }

  closePlan() {
    const { plan } = this.store.state;
    if (!plan) return Promise.resolve();
    this.leave();
    return this.actions.attempt(() => this.actions.reloadZones());
  }

  leave() {
    this.actions.map.showPlace(null);
    this.store.set({ plan: null, tool: "", pinning: false, moving: false, picked: [], tab: "zones" });
  }

  /** @param {number} number 0 for none */
  #watch(number) {
    if (number === this.watched) return;
    this.unwatch();
    this.watched = number;
    if (!number) {
      this.unwatch = () => {};
      return;
    }
    this.unwatch = api.watchPlan(number, (news) => this.#hear(number, news), {
      comments: () => void this.company.read(),
      presence: (news) => this.company.hearPresence(news),
    });
  }

  /** @param {number} number @param {{ revision: number, status: string }} news */
  #hear(number, { revision, status }) {
    const { plan } = this.store.state;
    if (plan?.id !== number) return;
    this.heard = Math.max(this.heard, revision);
    if (status !== plan.status) {
      this.store.set({ plan: { ...plan, status: /** @type {typeof plan.status} */ (status) }, tool: "" });
    }
    if (this.sending.waiting > 0) void this.sending.soon();
    // In turn: an edit of our own that is under way is answered first, and needs no fetching.
    void this.inTurn(async () => {
      const now = this.store.state.plan;
      if (now?.id === number && now.revision < this.heard) await this.refresh();
    });
  }

  /** Fetches the zones of the plan that others changed. @param {boolean} [all] every zone, as when the rules changed */
  async refresh(all = false) {
    const { plan, level, zones } = this.store.state;
    if (!plan) return;
    if (all || !zones) {
      const fresh = await this.#readZones(plan, level);
      if (this.store.state.plan?.id === plan.id && this.store.state.level === level) this.store.set({ zones: fresh });
      return;
    }
    const answer = await api.planZones(plan.id, level, plan.revision);
    const now = this.store.state;
    if (now.plan?.id !== plan.id || now.level !== level) return;
    this.heard = Math.max(this.heard, answer.revision);
    const since = answer.deleted ? applied(this.zones(level), { zones: answer.zones, deleted: answer.deleted }, level) : refreshed(this.zones(level), answer.zones);
    this.store.set({ zones: since, plan: { ...now.plan, revision: Math.max(now.plan.revision, answer.revision) } });
  }

  /** @param {import("./contract").PlanEntry} plan @param {string} level @returns {Promise<PlanZone[]>} */
  async #readZones(plan, level) {
    const early = this.expected?.number === plan.id && this.expected.level === level ? this.expected.zones : null;
    this.expected = null;
    const answer = (await early?.catch(() => null)) ?? (await api.planZones(plan.id, level));
    const now = this.store.state.plan;
    if (now?.id === plan.id && now.revision !== answer.revision) {
      this.store.set({ plan: { ...now, revision: answer.revision } });
    }
    this.heard = Math.max(this.heard, answer.revision);
    return refreshed(this.zones(level), answer.zones);
  }

  /** Zones of the plan at a level that need not be shown.
   * @param {import("./contract").PlanEntry} plan
   * @param {string} level
   */
  async read(plan, level) {
    return refreshed([], (await api.planZones(plan.id, level)).zones);
  }

  /** Zones of the plan that are shown, none while they load. @param {string} level */
  zones(level) {
    const { zones } = this.store.state;
    return /** @type {PlanZone[]} */ (zones ?? []).filter((zone) => zone.level === level);
  }

  // ---- tools

  /** Takes a tool; taking it again, or a merger with zones picked already, acts at once.
   * @param {ToolName} name
   */
  take(name) {
    if (!this.mayEdit && !toolOf(name)?.reads) return;
    const { tool, picked, level } = this.store.state;
    if (name === "merge" && picked.length >= 2) return void this.edit({ operation: "merge", level, codes: picked });
    if (name === tool) return this.store.set({ tool: "" });
    this.grip += 1;
    this.store.set({ pinning: false, tool: name, picked: keptBy(name, picked), problem: null });
  }

  /** @returns {Hand} */
  get hand() {
    return { grip: this.grip, picked: this.store.state.picked };
  }

  /** Puts a tool away that has done what it was taken for; moving and painting go on, and what was taken since stays.
   * @param {Hand} [hand] by which the edit was made; none when another page made it
   */
  putAway(hand) {
    const { tool } = this.store.state;
    if (hand?.grip === this.grip && !toolOf(tool)?.stays) this.store.set({ tool: "" });
  }

  /** Whether what is drawn snaps to what lies around. */
  toggleSnapping() {
    this.store.set({ snapping: !this.store.state.snapping });
  }

  /** The next click on the map is where a comment is pinned. Whoever may see a plan may comment on it. */
  startPin() {
    const { plan, pinning } = this.store.state;
    if (plan) this.store.set({ pinning: !pinning, tool: "" });
  }

  /** Shows the next fault or broken rule. */
  nextCheck() {
    const { zones, faults, level, plan } = this.store.state;
    const check = nextOf(checksOf(zones ?? [], faults ?? [], level), this.checked);
    if (!check) return;
    this.checked = check.key;
    if (check.fault) this.actions.selectFault(check.fault);
    else void this.actions.selectZone(level, check.code, null, true);
    // A fault's card says what it is, and what can be done about it.
    if (plan && check.fault) this.store.set({ tab: "details", picked: check.code ? [check.code] : [] });
  }

  /** Puts the tool away; without one, picks nothing. */
  escape() {
    this.actions.map.showPlace(null);
    if (this.store.state.pinning) this.store.set({ pinning: false });
    else if (this.store.state.tool) this.store.set({ tool: "" });
    else this.store.set({ picked: [] });
  }

  /** @param {string | null} code of the zone that was clicked @param {boolean} adds */
  pick(code, adds) {
    const { tool, picked } = this.store.state;
    if (this.gesture !== "pick" && this.gesture !== "") return;
    this.store.set({ picked: pickedAfter(picked, code, adds || tool !== "") });
  }

  /** @param {LonLat[]} coordinates of the line or ring @param {string | null} within code of the zone that it lies in */
  async drawn(coordinates, within) {
    const { tool, level, picked } = this.store.state;
    if (!tool) return;
    if (tool !== "carve") {
      return this.edit(editOf(tool, { level, picked, coordinates, codes: this.propose(picked[0] ?? "", PIECES) }));
    }
    const code = await this.freeCode(within ?? this.zones(level)[0]?.code ?? "");
    const given = await this.ask({
      title: t("carve.title"),
      lead: t("carve.lead"),
      fields: [
        { name: "name", label: t("zone.name"), required: true, most: 100 },
        { name: "code", label: t("zone.code"), required: true, most: 40, value: code, pattern: CODE_PATTERN },
      ],
      ok: t("carve.ok"),
    });
    if (!given) return this.actions.map.restorePlan();
    return this.edit(editOf(tool, { level, picked, coordinates, codes: [given.code], name: given.name }));
  }

  deletePicked() {
    return this.operations.start("delete");
  }

  /** Free codes for zones that an edit makes. @param {string} beside @param {number} count */
  propose(beside, count) {
    return nextCodes(this.seen, beside, count);
  }

  /** A code that no zone has or had, as the service says; where it cannot be asked, as far as the page knows.
   * @param {string} beside
   */
  async freeCode(beside) {
    const { plan, level } = this.store.state;
    const found = plan && beside ? await plans.freeCodes(plan.id, level, beside, 1).catch(() => []) : [];
    return found[0] ?? this.propose(beside, 1)[0] ?? "";
  }

  // ---- edits

  /** Runs an act after those before it. @param {() => Promise<void>} act */
  inTurn(act) {
    const done = this.turn.then(() => this.actions.attempt(act));
    this.turn = done.catch(() => {});
    return done;
  }

  /** @param {Edit} edit */
  edit(edit) {
    return this.sending.edit(edit);
  }

  /** @param {"undo" | "redo"} way */
  step(way) {
    if (!this.mayEdit) return Promise.resolve();
    // What was not sent yet is taken back without the service.
    if (way === "undo" && this.sending.unsay()) return Promise.resolve();
    return this.inTurn(async () => {
      const { plan } = this.store.state;
      if (!plan) return;
      try {
        this.accept(await api.stepPlan(plan.id, plan.revision, way), null);
      } catch (error) {
        // Others' last edit is not undone unseen: it is fetched first, and the planner may ask again.
        if (isStale(error)) await this.refresh();
        throw error;
      }
    });
  }

  /**
   * @param {import("./contract").PlanAnswer} answer
   * @param {Edit | null} edit that it answers; null for a step back or forth
   * @param {Hand} [hand] by which the edit was made
   */
  accept(answer, edit, hand) {
    const { plan, level, picked } = this.store.state;
    if (plan?.id !== answer.plan) return;
    this.heard = Math.max(this.heard, answer.revision);
    for (const { code } of answer.deleted) this.seen.add(code);
    const zones = applied(this.zones(level), answer, level);
    // What was picked since the edit is what the planner is at now.
    const about = edit?.operation === "renumber" || hand?.picked === picked ? edit : null;
    this.store.set({
      zones,
      picked: pickedAfterEdit(about, answer, level, picked, zones),
      plan: { ...plan, revision: answer.revision },
      savedAt: new Date(),
      problem: null,
    });
  }
}
