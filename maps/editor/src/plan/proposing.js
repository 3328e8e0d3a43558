// Proposals of new grids: asked for, looked at on the map, taken as a plan.
import * as plans from "../plans-api.js";
import { t } from "../language.js";
import { proposalForm, proposalReport } from "../panels/proposal.js";

/**
 * @typedef {object} Shown
 * @property {import("../contract").Proposal} proposal
 * @property {{ code: string, note: string, geometry: import("../contract").Geometry }[]} zones
 */

/** Lets the service draw grids, and the planner look at them. */
export class Proposing {
  /** @param {import("../workbench").Workbench} bench */
  constructor(bench) {
    this.bench = bench;
    bench.store.on(["proposed"], ({ proposed }) => bench.actions.map?.marks.showProposed(proposed?.zones.map(({ geometry }) => geometry) ?? []));
    bench.store.on(["version", "plan"], ({ version, plan, proposed }) => {
      if (proposed && (plan || version?.territory.code !== proposed.proposal.territory)) bench.store.set({ proposed: null });
    });
  }

  async start() {
    const { version, profile } = this.bench.store.state;
    if (!version || !this.bench.plans) return;
    const band = profile?.rules.find(({ rule, level, least, most }) => rule === "households" && level === "grid" && least !== null && most !== null);
    const form = proposalForm(band?.least != null && band.most != null ? [band.least, band.most] : null);
    const given = await this.bench.ask({ title: t("propose.title", version.territory.name), lead: t("propose.lead"), fields: [], body: form.element, ok: t("propose.ok") });
    if (!given) return;
    await this.bench.actions.attempt(async () => {
      const { job } = await plans.propose(version.territory.code, { version: version.version, level: "grid", ...form.value() });
      const result = await this.bench.publishing.follow(job, t("propose.failed"));
      await this.show(Number(result.proposal));
    });
  }

  /** Shows a proposal on the map, and its report. @param {number} number */
  async show(number) {
    const [proposal, { features }] = await Promise.all([plans.proposal(number), plans.proposedZones(number)]);
    if (this.bench.store.state.plan) await this.bench.closePlan();
    const zones = features.map(({ geometry, properties: { code, note } }) => ({ code, note, geometry }));
    this.bench.store.set({ proposed: { proposal, zones } });
  }

  close() {
    this.bench.store.set({ proposed: null });
  }

  async adopt() {
    const { proposed } = this.bench.store.state;
    if (!proposed) return;
    const given = await this.bench.ask({
      title: t("propose.adopt"),
      lead: t("propose.adopt.lead"),
      body: proposalReport(proposed.proposal, proposed.zones),
      fields: [{ name: "name", label: t("plan.name"), required: true, most: 100, value: t("propose.name", proposed.proposal.zones) }],
      ok: t("plan.create"),
    });
    if (!given) return;
    await this.bench.actions.attempt(async () => {
      const plan = await plans.adoptProposal(proposed.proposal.id, given.name);
      this.close();
      await this.bench.library.read(plan.territory);
      await this.bench.openPlan(plan.id);
    });
  }
}
