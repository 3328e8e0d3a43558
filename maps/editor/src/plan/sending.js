// How edits reach the service: one after another, each on the newest revision. Where others were faster, an edit that
// they do not concern is made again, and the planner is asked about the others; where the service cannot be reached,
// edits wait and are sent in order when it can.
import * as api from "../api.js";
import { t } from "../language.js";
import { bboxOf } from "../shapes.js";
import { changedByOthers, withFreeCodes } from "./changes.js";
import { Outbox, sketchOf } from "./outbox.js";

/**
 * @typedef {import("../contract").Edit} Edit
 * @typedef {import("../contract").PlanZone} PlanZone
 * @typedef {import("./outbox").Item} Item
 */

/** Milliseconds between two attempts to reach the service while edits wait. */
const AGAIN_MS = 3_000;

/** Sends the edits of one workbench. */
export class Sending {
  /** @param {import("../workbench").Workbench} bench */
  constructor(bench) {
    this.bench = bench;
    /** @type {Outbox | null} of the plan that is open */
    this.outbox = null;
    this.timer = 0;
    /** What the planner had in hand when an edit was made. @type {WeakMap<Item, import("../workbench").Hand>} */
    this.hands = new WeakMap();
    bench.store.on(["plan"], ({ plan }) => this.#open(plan?.id ?? 0));
    addEventListener("online", () => this.soon());
  }

  /** @param {number} plan 0 for none */
  #open(plan) {
    if (plan === (this.outbox?.plan ?? 0)) return;
    this.outbox = plan ? new Outbox(localStorage, this.bench.store.state.me?.name ?? "", plan) : null;
    this.#say();
    if (this.outbox && this.outbox.items.length > 0) this.soon();
  }

  /** Edits that the service has not answered. */
  get waiting() {
    return this.outbox?.items.length ?? 0;
  }

  #say() {
    const items = this.outbox?.items ?? [];
    this.bench.store.set({ waiting: items.length });
    this.bench.actions.map?.marks.showWaiting(items.flatMap(sketchOf));
  }

  /** Makes an edit: it is written down at once, and sent after those before it.
   * @param {Edit} edit
   */
  async edit(edit) {
    if (!this.outbox) return;
    this.hands.set(this.outbox.add(edit, this.bench.zones(edit.level)), this.bench.hand);
    await this.soon();
  }

  /** Takes back the last edit that still waits; false when none does. */
  unsay() {
    const last = this.outbox?.items.at(-1);
    if (!this.outbox || !last || this.bench.store.state.waiting === 0) return false;
    this.outbox.remove(last);
    this.bench.actions.map.restorePlan();
    this.#say();
    return true;
  }

  /** Sends what waits, after what is under way. */
  soon() {
    clearTimeout(this.timer);
    this.timer = 0;
    return this.bench.inTurn(() => this.#alone(() => this.#sendAll()));
  }

  /**
   * Acts while no other page of the account sends edits of this plan: pages share what waits. Browsers have locks on
   * secure addresses only; elsewhere each page goes by itself. Either way the service makes none twice: what one page
   * has written down another may see a little later.
   *
   * @param {() => Promise<void>} act
   */
  async #alone(act) {
    const { outbox } = this;
    if (!outbox || !navigator.locks) return act();
    await navigator.locks.request(outbox.key, async () => {
      if (outbox === this.outbox && outbox.sync() && this.bench.store.state.waiting > 0) this.#say();
      await act();
    });
  }

  async #sendAll() {
    const { outbox } = this;
    while (outbox && outbox === this.outbox && outbox.items.length > 0) {
      const [item] = outbox.items;
      // Whether the planner has turned to other things since: then a refusal must not go by unseen.
      const late = this.bench.store.state.waiting > 0 || !outbox.own.has(item.id);
      this.bench.actions.map.showPlace(null);
      try {
        await this.#send(outbox, item);
      } catch (error) {
        if (!(error instanceof api.Problem) || error.status === 401) throw error;
        if (isUnreachable(error)) {
          this.#say();
          for (const one of outbox.items) this.bench.putAway(this.hands.get(one));
          this.timer ||= window.setTimeout(() => void this.soon(), AGAIN_MS);
          return;
        }
        outbox.remove(item);
        this.#show(error);
        if (!late) throw error;
        this.#say();
        const lead = `${t(`operation.${item.edit.operation}`)}: ${error.message} ${error.remedy}`;
        await this.bench.ask({ title: t("late.refused"), lead, fields: [], ok: "" });
        continue;
      }
      outbox.remove(item);
      if (late) this.#say();
    }
  }

  /** Puts the map back and marks where an edit was refused. @param {import("../api").Problem} error */
  #show({ document: { place } }) {
    this.bench.actions.map.restorePlan();
    if (!place) return;
    this.bench.actions.map.showPlace(place);
    const box = bboxOf([place]);
    if (box) this.bench.actions.map.flyTo(box);
  }

  /**
   * Sends one edit, on the newest revision. What others changed under it since it was drawn is asked about, whether
   * the page has heard of that before sending or hears of it by the answer.
   *
   * @param {Outbox} outbox
   * @param {Item} item
   */
  async #send(outbox, item) {
    for (;;) {
      const { plan } = this.bench.store.state;
      if (!plan) return;
      const now = await this.#zonesNow(item.edit.level);
      const codes = item.before.map(({ code }) => code);
      const others = changedByOthers(codes, /** @type {PlanZone[]} */ (item.before), now);
      if (others.length > 0) {
        // The change may be this edit itself, whose answer was lost.
        if ((await api.planChanges(plan.id)).some(({ key }) => key === item.id)) return this.bench.putAway(this.hands.get(item));
        const lead = t("stale.lead", others.join("、"));
        const again = await this.bench.ask({ title: t("stale.title"), lead, fields: [], ok: t("stale.again") });
        if (!again) return this.bench.actions.map.restorePlan();
      }
      const taken = new Set(now.map(({ code }) => code));
      const edit = withFreeCodes(item.edit, taken, (beside, count) => this.bench.propose(beside, count));
      const revision = this.bench.store.state.plan?.revision ?? plan.revision;
      outbox.note(item, { edit, before: now.filter(({ code }) => codes.includes(code)) });
      try {
        const answer = await api.editPlan(plan.id, revision, edit, item.id);
        outbox.carry(answer);
        this.bench.accept(answer, edit, this.hands.get(item));
        return this.bench.putAway(this.hands.get(item));
      } catch (error) {
        if (!isStale(error)) throw error;
        await this.bench.refresh();
        if (error.document.made) return this.bench.putAway(this.hands.get(item));
      }
    }
  }

  /** Zones of a level as the page knows them, or else as the service has them. @param {string} level */
  async #zonesNow(level) {
    const { plan, zones, level: shown } = this.bench.store.state;
    return level === shown && zones ? this.bench.zones(level) : plan ? this.bench.read(plan, level) : [];
  }
}

/** @param {api.Problem} error */
const isUnreachable = ({ status }) => status === 0 || (status >= 502 && status <= 504);

/** @param {unknown} error @returns {error is api.Problem} */
export const isStale = (error) =>
  error instanceof api.Problem && error.status === 409 && error.document.revision !== undefined;
