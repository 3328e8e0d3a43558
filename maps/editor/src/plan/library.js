// Plans as documents: listed, made, named, shared, copied, put away and taken up again.
import * as api from "../api.js";
import * as plans from "../plans-api.js";
import { t } from "../language.js";
import { planList, sharingForm } from "../panels/plans.js";

/** The plans of the territory that is shown. */
export class Library {
  /** @param {import("../workbench").Workbench} bench */
  constructor(bench) {
    this.bench = bench;
    bench.store.on(["version"], ({ version }) => {
      if (version) void bench.actions.attempt(() => this.read(version.territory.code));
    });
  }

  /** @param {string} territory */
  async read(territory) {
    const { store } = this.bench;
    const list = await api.plans(territory);
    if (store.state.version?.territory.code === territory) store.set({ plans: list });
  }

  /** Reads the plan that is open again, without its zones. */
  async reread() {
    const { store } = this.bench;
    const { plan } = store.state;
    if (!plan) return;
    const fresh = await api.plan(plan.id);
    const now = store.state.plan;
    if (now?.id === fresh.id) store.set({ plan: { ...fresh, revision: Math.max(now.revision, fresh.revision) } });
    await this.read(fresh.territory);
  }

  async make() {
    const { version } = this.bench.store.state;
    if (!version) return;
    const given = await this.bench.ask({
      title: t("plan.new"),
      lead: t("plan.new.lead", version.territory.name),
      fields: [
        { name: "name", label: t("plan.name"), required: true, most: 100 },
        { name: "description", label: t("plan.description"), long: true, most: 2000 },
      ],
      ok: t("plan.create"),
    });
    if (!given) return;
    await this.bench.actions.attempt(async () => {
      const plan = await api.createPlan(version.territory.code, given.name, given.description);
      await this.read(plan.territory);
      await this.bench.openPlan(plan.id);
    });
  }

  /** Shows all plans, the archived and published ones too. */
  async list() {
    const { version } = this.bench.store.state;
    if (!version) return;
    await this.bench.actions.attempt(async () => {
      await this.read(version.territory.code);
      /** @type {() => Promise<unknown>} */ let then = () => Promise.resolve();
      const choose = (/** @type {() => Promise<unknown>} */ act) => {
        then = act;
        document.querySelector("dialog")?.close();
      };
      await this.bench.ask({
        title: t("plans.title", version.territory.name),
        lead: t("plans.lead"),
        fields: [],
        body: planList(this.bench.store.state, {
          open: ({ id }) => choose(() => this.bench.openPlan(id)),
          copy: (plan) => choose(() => this.copy(plan)),
          archive: this.bench.plans ? (plan) => choose(() => this.archive(plan)) : null,
          reopen: this.bench.plans ? (plan) => choose(() => this.reopen(plan)) : null,
        }),
        ok: "",
        wide: true,
      });
      await then();
    });
  }

  async describe() {
    const { plan } = this.bench.store.state;
    if (!plan) return;
    const given = await this.bench.ask({
      title: t("plan.describe"),
      lead: "",
      fields: [
        { name: "name", label: t("plan.name"), required: true, most: 100, value: plan.name },
        { name: "description", label: t("plan.description"), long: true, most: 2000, value: plan.description },
      ],
      ok: t("save"),
    });
    if (given) await this.#change(() => plans.describePlan(plan.id, given));
  }

  async share() {
    const { plan } = this.bench.store.state;
    if (!plan) return;
    await this.bench.actions.attempt(async () => {
      const form = sharingForm(plan, await plans.candidates(plan.id));
      const given = await this.bench.ask({ title: t("plan.share"), lead: t("plan.share.lead"), fields: [], body: form.element, ok: t("save") });
      if (given) await this.#change(() => plans.describePlan(plan.id, form.value()));
    });
  }

  /** @param {import("../contract").PlanEntry} plan */
  async copy(plan) {
    const given = await this.bench.ask({
      title: t("plan.copy"),
      lead: t("plan.copy.lead", plan.name),
      fields: [{ name: "name", label: t("plan.name"), required: true, most: 100, value: t("plan.copy.name", plan.name) }],
      ok: t("plan.create"),
    });
    if (!given) return;
    await this.bench.actions.attempt(async () => {
      const made = await plans.duplicatePlan(plan.id, given.name);
      await this.read(made.territory);
      await this.bench.openPlan(made.id);
    });
  }

  /** @param {import("../contract").PlanEntry} plan */
  async archive(plan) {
    const given = await this.bench.ask({ title: t("plan.archive.title", plan.name), lead: t("plan.archive.lead"), fields: [], ok: t("plan.archive") });
    if (given) await this.#change(() => plans.archivePlan(plan.id));
  }

  /** @param {import("../contract").PlanEntry} plan */
  reopen(plan) {
    return this.#change(() => plans.reopenPlan(plan.id));
  }

  /** @param {() => Promise<import("../contract").PlanEntry>} act */
  #change(act) {
    return this.bench.actions.attempt(async () => {
      const changed = await act();
      const { store } = this.bench;
      const { plan } = store.state;
      if (plan?.id === changed.id) store.set({ plan: { ...changed, revision: Math.max(plan.revision, changed.revision) } });
      await this.read(changed.territory);
    });
  }
}
