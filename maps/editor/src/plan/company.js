// Those who work in the plan together: who is where, and what they say to one another on the map.
import * as plans from "../plans-api.js";
import { t } from "../language.js";

/** Milliseconds between two signs that the page is still open. */
const PRESENT_MS = 15_000;

/** Presence and comments of one workbench. */
export class Company {
  /** @param {import("../workbench").Workbench} bench */
  constructor(bench) {
    this.bench = bench;
    this.timer = 0;
    /** Zone that was told last. */
    this.told = "";
    bench.store.on(["plan", "picked"], ({ plan, picked }) => {
      const now = plan ? `${plan.id}.${picked.at(-1) ?? ""}` : "";
      if (now === this.told) return;
      this.told = now;
      this.#tell();
    });
    /** Plan whose comments are read. */
    this.opened = 0;
    bench.store.on(["plan"], ({ plan }) => {
      if ((plan?.id ?? 0) === this.opened) return;
      this.opened = plan?.id ?? 0;
      bench.store.set({ comments: null, company: [] });
      if (plan) void this.read();
    });
    bench.store.on(["comments", "plan"], ({ comments, plan }) => bench.actions.map?.marks.showComments((plan && comments) || []));
    bench.store.on(["company", "zones", "me"], ({ company, zones, me, level }) => {
      const planned = /** @type {import("../contract").PlanZone[]} */ (zones ?? []);
      bench.actions.map?.marks.showCompany(
        company.flatMap(({ account, name, at }) => {
          const zone = at && account !== me?.name && at.level === level ? planned.find(({ code }) => code === at.code) : undefined;
          return zone?.geometry ? [{ name, geometry: zone.geometry }] : [];
        }),
      );
    });
  }

  /** Tells the service that the page is open, and at which zone. */
  #tell() {
    clearTimeout(this.timer);
    const { plan, level, picked } = this.bench.store.state;
    if (!plan || plan.status !== "open" || plan.may_edit === undefined) return;
    const code = picked.at(-1);
    // A sign that does not arrive is of no account: the next one follows.
    plans.present(plan.id, code ? { level, code } : {}).catch(() => {});
    this.timer = window.setTimeout(() => this.#tell(), PRESENT_MS);
  }

  /** @param {{ who: import("../contract").Presence[] }} news */
  hearPresence({ who }) {
    this.bench.store.set({ company: who });
  }

  /** Reads the comments again. */
  read() {
    return this.bench.actions.attempt(async () => {
      const { plan } = this.bench.store.state;
      if (!plan || plan.may_edit === undefined) return;
      const comments = await plans.comments(plan.id);
      if (this.bench.store.state.plan?.id === plan.id) this.bench.store.set({ comments });
    });
  }

  /** Asks for words and pins them to a place. @param {import("../contract").LonLat} point */
  async pin(point) {
    const { plan } = this.bench.store.state;
    if (!plan) return;
    this.bench.actions.map.showPins([point]);
    const given = await this.bench.ask({
      title: t("comment.new"),
      lead: t("comment.lead"),
      fields: [{ name: "text", label: t("comment.text"), required: true, long: true, most: 2000 }],
      ok: t("comment.ok"),
    });
    this.bench.actions.map.showPins([]);
    this.bench.store.set({ pinning: false });
    if (given) await this.#write(() => plans.comment(plan.id, given.text, point));
    if (given) this.bench.actions.openTab("comments");
  }

  /** @param {number} comment @param {string} text */
  reply(comment, text) {
    return this.#write((plan) => plans.reply(plan, comment, text));
  }

  /** @param {number} comment @param {"resolve" | "reopen"} way */
  settle(comment, way) {
    return this.#write((plan) => plans.settleComment(plan, comment, way));
  }

  /** @param {(plan: number) => Promise<unknown>} act */
  #write(act) {
    return this.bench.actions.attempt(async () => {
      const { plan } = this.bench.store.state;
      if (!plan) return;
      await act(plan.id);
      await this.read();
    });
  }
}
