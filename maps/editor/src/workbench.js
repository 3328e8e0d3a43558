// What a planner can do with a plan: open it, edit it, take edits back, publish it. Edits are sent one after another;
// what others change meanwhile is fetched, and an edit that it does not concern is made again.
import * as api from "./api.js";
import { applied, changedByOthers, moved, refreshed, touchedBy, withFreeCodes } from "./plan/changes.js";
import { nextCodes } from "./plan/codes.js";
import { editOf, gestureOf, keptBy, pickedAfter } from "./plan/tools.js";
import { bboxOf } from "./shapes.js";
import { t } from "./language.js";

/**
 * @typedef {import("./contract").Edit} Edit
 * @typedef {import("./contract").LonLat} LonLat
 * @typedef {import("./contract").PlanZone} PlanZone
 * @typedef {import("./plan/tools").ToolName} ToolName
 * @typedef {(question: import("./panels/dialog").Question) => Promise<Record<string, string> | null>} Ask
 */

/** Milliseconds between two looks at a job. */
const JOB_MS = 500;

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
    /** Newest revision heard of. */
    this.heard = 0;
    /** @type {() => void} */
    this.unwatch = () => {};
    /** Number of the plan that is watched. */
    this.watched = 0;
    /** Codes that zones of the plan have or had, never proposed again. @type {Set<string>} */
    this.seen = new Set();
    actions.planZones = (plan, level) => this.#readZones(plan, level);
    store.on(["version"], ({ version }) => {
      if (version) void actions.attempt(() => this.#readPlans(version.territory.code));
    });
    store.on(["plan"], ({ plan }) => this.#watch(plan?.id ?? 0));
    store.on(["zones"], ({ zones, picked }) => {
      for (const { code } of zones ?? []) this.seen.add(code);
      if (zones && picked.some((code) => !zones.some((zone) => zone.code === code))) {
        store.set({ picked: picked.filter((code) => zones.some((zone) => zone.code === code)) });
      }
    });
    store.on(["level"], () => store.set({ picked: [], tool: "" }));
    store.on(["plan", "tab"], () => this.#readLists());
  }

  /** Whether this account may make and edit plans. */
  get plans() {
    const { me } = this.store.state;
    return me !== null && me.role !== "viewer";
  }

  get mayEdit() {
    return this.plans && this.store.state.plan?.status === "open";
  }

  get mayPublish() {
    const { me } = this.store.state;
    return this.mayEdit && (me?.role === "publisher" || me?.role === "admin");
  }

  /** What the mouse does on the map now. @returns {import("./plan/tools").Gesture | ""} */
  get gesture() {
    const { plan, tool, picked } = this.store.state;
    return plan && this.mayEdit ? gestureOf(tool, picked.length) : "";
  }

  // ---- opening

  /** @param {string} territory */
  async #readPlans(territory) {
    const plans = await api.plans(territory);
    if (this.store.state.version?.territory.code === territory) this.store.set({ plans });
  }

  /** @param {number} number */
  openPlan(number) {
    return this.actions.attempt(async () => {
      const plan = await api.plan(number);
      if (this.store.state.version?.version !== plan.base) {
        if (this.store.state.version?.territory.code !== plan.territory) await this.actions.openTerritory(plan.territory);
        await this.actions.openVersion(plan.base);
      }
      if (this.store.state.version?.version !== plan.base) return;
      this.actions.clear();
      this.seen = new Set();
      this.heard = plan.revision;
      this.store.set({ plan, tool: "", picked: [], savedAt: null, moves: null, changes: null, tab: "plan" });
      await this.actions.reloadZones();
    });
  }

  closePlan() {
    const { plan } = this.store.state;
    if (!plan) return Promise.resolve();
    this.#leave();
    return this.actions.attempt(() => this.actions.reloadZones());
  }

  #leave() {
    this.actions.map.showPlace(null);
    this.store.set({ plan: null, tool: "", picked: [], tab: "zones" });
  }

  async newPlan() {
    const { version } = this.store.state;
    if (!version) return;
    const given = await this.ask({
      title: t("plan.new"),
      lead: t("plan.new.lead", version.territory.name),
      fields: [
        { name: "name", label: t("plan.name"), required: true, most: 100 },
        { name: "description", label: t("plan.description"), long: true, most: 2000 },
      ],
      ok: t("plan.create"),
    });
    if (!given) return;
    await this.actions.attempt(async () => {
      const plan = await api.createPlan(version.territory.code, given.name, given.description);
      await this.#readPlans(plan.territory);
      await this.openPlan(plan.id);
    });
  }

  /** @param {number} number 0 for none */
  #watch(number) {
    if (number === this.watched) return;
    this.unwatch();
    this.watched = number;
    this.unwatch = number ? api.watchPlan(number, (news) => this.#hear(number, news)) : () => {};
  }

  /** @param {number} number @param {{ revision: number, status: string }} news */
  #hear(number, { revision, status }) {
    const { plan } = this.store.state;
    if (plan?.id !== number) return;
    this.heard = Math.max(this.heard, revision);
    if (status !== plan.status) {
      this.store.set({ plan: { ...plan, status: /** @type {typeof plan.status} */ (status) }, tool: "" });
    }
    // In turn: an edit of our own that is under way is answered first, and needs no fetching.
    void this.#inTurn(async () => {
      const now = this.store.state.plan;
      if (now?.id === number && now.revision < this.heard) await this.#refresh();
    });
  }

  /** Fetches the zones of the plan as they are now. */
  async #refresh() {
    const { plan, level } = this.store.state;
    if (!plan) return;
    const zones = await this.#readZones(plan, level);
    if (this.store.state.plan?.id === plan.id && this.store.state.level === level) this.store.set({ zones });
  }

  /** @param {import("./contract").PlanEntry} plan @param {string} level @returns {Promise<PlanZone[]>} */
  async #readZones(plan, level) {
    const answer = await api.planZones(plan.id, level);
    const now = this.store.state.plan;
    if (now?.id === plan.id && now.revision !== answer.revision) {
      this.store.set({ plan: { ...now, revision: answer.revision } });
    }
    this.heard = Math.max(this.heard, answer.revision);
    return refreshed(this.#zones(level), answer.zones);
  }

  /** Zones of the plan that are shown, none while they load. @param {string} level */
  #zones(level) {
    const { zones } = this.store.state;
    return /** @type {PlanZone[]} */ (zones ?? []).filter((zone) => zone.level === level);
  }

  /** Reads ledger and history for the tab that shows them. */
  #readLists() {
    const { plan, tab } = this.store.state;
    if (!plan || (tab !== "moves" && tab !== "history")) return;
    const key = `${plan.id}.${plan.revision}.${tab}`;
    if (key === this.listed) return;
    this.listed = key;
    void this.actions.attempt(async () => {
      const change = tab === "moves" ? { moves: await api.ledger(plan.id) } : { changes: await api.planChanges(plan.id) };
      if (this.listed === key) this.store.set(change);
    });
  }

  /** Which list was read last, at which revision. */
  listed = "";

  // ---- tools

  /** Takes a tool; taking it again, or a merger with zones picked already, acts at once.
   * @param {ToolName} name
   */
  take(name) {
    if (!this.mayEdit) return;
    const { tool, picked } = this.store.state;
    if (name === "merge" && picked.length >= 2) return void this.#edit({ operation: "merge", level: this.store.state.level, codes: picked });
    if (name === tool) return this.store.set({ tool: "" });
    this.store.set({ tool: name, picked: keptBy(name, picked), problem: null });
  }

  /** Puts the tool away; without one, picks nothing. */
  escape() {
    this.actions.map.showPlace(null);
    if (this.store.state.tool) this.store.set({ tool: "" });
    else this.store.set({ picked: [] });
  }

  /** @param {string | null} code of the zone that was clicked @param {boolean} adds */
  pick(code, adds) {
    const { tool, picked } = this.store.state;
    if (this.gesture !== "pick" && this.gesture !== "") return;
    this.store.set({ picked: pickedAfter(picked, code, adds || tool !== "") });
  }

  /** @param {[LonLat, LonLat][]} moves of vertices */
  dragged(moves) {
    const { level } = this.store.state;
    if (moves.length > 0) void this.#edit({ operation: "move_border", level, moves });
  }

  /** @param {LonLat[]} coordinates of the line or ring @param {string | null} within code of the zone that it lies in */
  async drawn(coordinates, within) {
    const { tool, level, picked } = this.store.state;
    if (!tool) return;
    if (tool !== "carve") {
      return this.#edit(editOf(tool, { level, picked, coordinates, codes: this.#propose(picked[0] ?? "", PIECES) }));
    }
    const [code] = this.#propose(within ?? this.#zones(level)[0]?.code ?? "", 1);
    const given = await this.ask({
      title: t("carve.title"),
      lead: t("carve.lead"),
      fields: [
        { name: "name", label: t("zone.name"), required: true, most: 100 },
        { name: "code", label: t("zone.code"), required: true, most: 40, value: code, pattern: "[0-9A-Za-z_.\\-]{1,40}" },
      ],
      ok: t("carve.ok"),
    });
    if (!given) return this.actions.map.restorePlan();
    return this.#edit(editOf(tool, { level, picked, coordinates, codes: [given.code], name: given.name }));
  }

  deletePicked() {
    const { picked, level } = this.store.state;
    if (this.mayEdit && picked.length === 1) void this.#edit({ operation: "delete", level, code: picked[0] });
  }

  /** @param {string} beside @param {number} count */
  #propose(beside, count) {
    return nextCodes(this.seen, beside, count);
  }

  // ---- edits

  /** Runs an act after those before it. @param {() => Promise<void>} act */
  #inTurn(act) {
    const done = this.turn.then(() => this.actions.attempt(act));
    this.turn = done.catch(() => {});
    return done;
  }

  /** @param {Edit} edit */
  #edit(edit) {
    // What the planner saw when drawing, by which it is told whether others have touched the same zones.
    const before = this.#zones(edit.level);
    return this.#inTurn(async () => {
      this.actions.map.showPlace(null);
      try {
        await this.#send(edit, before);
      } catch (error) {
        this.actions.map.restorePlan();
        if (error instanceof api.Problem && error.document.place) {
          const { place } = error.document;
          this.actions.map.showPlace(place);
          const box = bboxOf([place]);
          if (box) this.actions.map.flyTo(box);
        }
        throw error;
      }
    });
  }

  /** @param {Edit} edit @param {PlanZone[]} before @returns {Promise<void>} */
  async #send(edit, before) {
    const { plan } = this.store.state;
    if (!plan) return;
    try {
      this.#take(await api.editPlan(plan.id, plan.revision, edit));
    } catch (error) {
      if (!isStale(error)) throw error;
      await this.#refresh();
      const now = this.#zones(edit.level);
      const others = changedByOthers(touchedBy(edit, before), before, now);
      if (others.length > 0) {
        const again = await this.ask({
          title: t("stale.title"),
          lead: t("stale.lead", others.join("、")),
          fields: [],
          ok: t("stale.again"),
        });
        if (!again) return this.actions.map.restorePlan();
      }
      const taken = new Set(now.map(({ code }) => code));
      return this.#send(withFreeCodes(edit, taken, (beside, count) => this.#propose(beside, count)), now);
    }
  }

  /** @param {"undo" | "redo"} way */
  step(way) {
    if (!this.mayEdit) return Promise.resolve();
    return this.#inTurn(async () => {
      const { plan } = this.store.state;
      if (!plan) return;
      try {
        this.#take(await api.stepPlan(plan.id, plan.revision, way));
      } catch (error) {
        // Others' last edit is not undone unseen: it is fetched first, and the planner may ask again.
        if (isStale(error)) await this.#refresh();
        throw error;
      }
    });
  }

  /** @param {import("./contract").PlanAnswer} answer */
  #take(answer) {
    const { plan, level, tool } = this.store.state;
    if (plan?.id !== answer.plan) return;
    this.heard = Math.max(this.heard, answer.revision);
    for (const { code } of answer.deleted) this.seen.add(code);
    this.store.set({
      zones: applied(this.#zones(level), answer, level),
      plan: { ...plan, revision: answer.revision },
      savedAt: new Date(),
      problem: null,
      // Moving goes on; the other tools have done what they were taken for.
      tool: tool === "move" ? tool : "",
    });
  }

  // ---- publishing

  async publish() {
    const { plan, level } = this.store.state;
    if (!plan || !this.mayPublish) return;
    await this.actions.attempt(async () => {
      const moves = await api.ledger(plan.id);
      this.store.set({ moves });
      const given = await this.ask({
        title: t("publish.title", plan.name),
        lead: t("publish.lead", moved(moves, level, "household"), moved(moves, level, "business"), moved(moves, level, "institution")),
        ledger: { moves, level },
        fields: [{ name: "reason", label: t("publish.reason"), required: true, long: true, most: 500 }],
        ok: t("publish.ok"),
      });
      if (!given) return;
      const { job } = await api.publishPlan(plan.id, given.reason);
      const version = await this.#follow(job);
      this.#leave();
      const territories = await api.territories();
      this.store.set({ territories });
      await this.actions.openVersion(version);
    });
  }

  /** Waits for a job, and says how far it is. @param {number} number @returns {Promise<string>} the new version */
  async #follow(number) {
    try {
      for (;;) {
        const job = await api.job(number);
        this.store.set({ job });
        if (job.status === "done") return String(job.result?.version);
        if (job.status === "failed") throw new api.Problem({ title: t("publish.failed"), detail: job.message }, 409);
        await new Promise((resolve) => setTimeout(resolve, JOB_MS));
      }
    } finally {
      this.store.set({ job: null });
    }
  }
}

/** @param {unknown} error */
const isStale = (error) => error instanceof api.Problem && error.status === 409 && error.document.revision !== undefined;
