// From a plan to a version: what is shown before publishing, a second person's approval, the job that publishes.
import * as api from "../api.js";
import * as plans from "../plans-api.js";
import { h } from "../dom.js";
import { t } from "../language.js";
import { isApprover, readiness } from "../panels/readiness.js";
import { moved } from "./changes.js";

/** Milliseconds between two looks at a job. */
const JOB_MS = 500;

/** Publishes the plan of one workbench. */
export class Publishing {
  /** @param {import("../workbench").Workbench} bench */
  constructor(bench) {
    this.bench = bench;
  }

  async publish() {
    const { plan, level } = this.bench.store.state;
    if (!plan || !this.bench.mayPublish) return;
    await this.bench.actions.attempt(async () => {
      const { store } = this.bench;
      const [fresh, moves] = await Promise.all([api.plan(plan.id), api.ledger(plan.id)]);
      store.set({ moves, plan: { ...fresh, revision: store.state.plan?.revision ?? fresh.revision } });
      const blocked = this.bench.sending.waiting > 0 || (fresh.approval?.required === true && (fresh.approval.state !== "given" || isApprover(fresh.approval, store.state.me)));
      const given = await this.bench.ask({
        title: t("publish.title", plan.name),
        lead: t("publish.lead", moved(moves, level, "household"), moved(moves, level, "business"), moved(moves, level, "institution")),
        ledger: { moves, level },
        body: readiness(store.state, this.bench.sending.waiting),
        fields: blocked ? [] : [{ name: "reason", label: t("publish.reason"), required: true, long: true, most: 500 }],
        ok: blocked ? "" : t("publish.ok"),
        wide: true,
      });
      if (!given || blocked) return;
      const { job } = await api.publishPlan(plan.id, given.reason);
      const result = await this.follow(job, t("publish.failed"));
      this.bench.leave();
      store.set({ territories: await api.territories() });
      await this.bench.actions.openVersion(String(result.version));
    });
  }

  /** Asks for approval, or gives it. */
  async approve() {
    const { plan } = this.bench.store.state;
    if (!plan?.approval) return;
    const gives = plan.approval.state === "asked" && this.bench.mayPublish;
    await this.bench.actions.attempt(async () => {
      const moves = await api.ledger(plan.id);
      const { level } = this.bench.store.state;
      const given = await this.bench.ask({
        title: gives ? t("approval.give.title", plan.name) : t("approval.ask.title", plan.name),
        lead: gives ? t("approval.give.lead", plan.approval?.asked_by ?? "") : t("approval.ask.lead"),
        ledger: { moves, level },
        body: h("div", {}, readiness(this.bench.store.state, this.bench.sending.waiting)),
        fields: gives ? [] : [{ name: "note", label: t("approval.note"), long: true, most: 500 }],
        ok: gives ? t("approval.give") : t("approval.ask"),
        wide: true,
      });
      if (!given) return;
      if (gives) await plans.giveApproval(plan.id);
      else await plans.askApproval(plan.id, given.note);
      await this.bench.library.reread();
    });
  }

  /**
   * Waits for a job, and says how far it is.
   *
   * @param {number} number
   * @param {string} failed title of the trouble when it fails
   * @returns {Promise<Record<string, unknown>>} what it made
   */
  async follow(number, failed) {
    const { store } = this.bench;
    try {
      for (;;) {
        const job = await api.job(number);
        store.set({ job });
        if (job.status === "done") return job.result ?? {};
        if (job.status === "failed") throw new api.Problem({ title: failed, detail: job.message }, 409);
        await new Promise((resolve) => setTimeout(resolve, JOB_MS));
      }
    } finally {
      store.set({ job: null });
    }
  }
}
