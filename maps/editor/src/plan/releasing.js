// From a draft that is no plan (repaired, or loaded from files) to the version in force: what it changes is shown, a
// second person approves where the office asks for it, and the page says where it went.
import * as api from "../api.js";
import * as drafts from "../drafts-api.js";
import * as figures from "../figures.js";
import { t } from "../language.js";
import { draftChanges } from "../panels/draft.js";

/** @typedef {import("../contract").Readiness} Readiness @typedef {import("../contract").Me} Me */

/**
 * What somebody may do with a draft as it is.
 *
 * @param {Readiness} ready
 * @param {Me | null} me
 * @returns {"publish" | "give" | "ask" | ""} empty: only look at it
 */
export function nextStep({ obstacles, approval }, me) {
  if (obstacles.length > 0 || me === null || me.role === "viewer") return "";
  const publishes = me.role !== "planner";
  const name = me.display_name || me.name;
  if (!approval.required) return publishes ? "publish" : "";
  if (approval.state === "none") return "ask";
  if (!publishes) return "";
  if (approval.state === "asked") return approval.asked_by === name ? "" : "give";
  return approval.approved_by === name ? "" : "publish";
}

/** Brings the draft shown into force. */
export class Releasing {
  /** @param {import("../workbench").Workbench} bench */
  constructor(bench) {
    this.bench = bench;
  }

  /** Whether the version shown is a draft that this user may look through. */
  get may() {
    const { me, version, plan } = this.bench.store.state;
    return version?.status === "draft" && !plan && me !== null && me.role !== "viewer";
  }

  /** Shows what the draft changes, and does the next step that is agreed to. */
  review() {
    const { version } = this.bench.store.state;
    if (!version || !this.may || this.bench.store.state.job) return Promise.resolve();
    return this.bench.actions.attempt(async () => {
      const ready = await this.#prepared(version.version);
      const { store } = this.bench;
      const step = nextStep(ready, store.state.me);
      const given = await this.bench.ask({
        title: t("draft.title", ready.version),
        lead: ready.in_force ? t("draft.lead", ready.in_force) : t("draft.lead.first"),
        body: draftChanges(store, ready),
        fields:
          step === "publish"
            ? [{ name: "reason", label: t("publish.reason"), required: true, long: true, most: 500 }]
            : step === "ask"
              ? [{ name: "note", label: t("approval.note"), long: true, most: 500 }]
              : [],
        ok: step && t(`draft.${step}`),
        wide: true,
      });
      if (!given || !step) return;
      if (step === "ask") await this.#say(t("draft.asked", ready.version), t("draft.asked.lead"), drafts.askApproval(ready.version, given.note));
      else if (step === "give") await this.#say(t("draft.given", ready.version), t("draft.given.lead"), drafts.giveApproval(ready.version));
      else await this.#publish(ready, given.reason);
    });
  }

  /** What stands against a draft may only be that it was not checked or assigned as it is now. @param {string} version */
  async #prepared(version) {
    const ready = await drafts.readiness(version);
    if (ready.obstacles.length === 0) return ready;
    for (const start of [drafts.check, drafts.assign]) {
      const { job } = await start(version);
      await this.bench.publishing.follow(job, t("draft.failed"));
    }
    const { actions, store } = this.bench;
    const { tab } = store.state;
    await actions.openVersion(version);
    actions.openTab(tab);
    return drafts.readiness(version);
  }

  /** @param {Readiness} ready @param {string} reason */
  async #publish(ready, reason) {
    const { store, actions } = this.bench;
    const published = await drafts.publish(ready.version, reason);
    store.set({ territories: await api.territories() });
    await actions.openVersion(published.version);
    const since = figures.moment(published.valid_from);
    await this.#say(
      t("draft.published", published.version),
      ready.in_force ? t("draft.published.lead", since, ready.in_force) : t("draft.published.first", since),
    );
  }

  /** Says what was done, once it is. @param {string} title @param {string} lead @param {Promise<unknown>} [done] */
  async #say(title, lead, done) {
    await done;
    await this.bench.ask({ title, lead, fields: [], ok: "" });
  }
}
