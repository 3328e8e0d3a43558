// The rules of an office: read with the territory, edited by publishers.
import * as plans from "../plans-api.js";
import { t } from "../language.js";
import { profileForm } from "../panels/profile.js";

/** The rule profile of the territory that is shown. */
export class Profiles {
  /** @param {import("../workbench").Workbench} bench */
  constructor(bench) {
    this.bench = bench;
    let read = "";
    bench.store.on(["version"], ({ version }) => {
      const territory = version?.territory.code ?? "";
      if (territory === read) return;
      read = territory;
      bench.store.set({ profile: null });
      if (territory) void bench.actions.attempt(() => this.#read(territory));
    });
  }

  /** @param {string} territory */
  async #read(territory) {
    const profile = await plans.profile(territory);
    if (this.bench.store.state.version?.territory.code === territory) this.bench.store.set({ profile });
  }

  get mayEdit() {
    const { me } = this.bench.store.state;
    return me?.role === "publisher" || me?.role === "admin";
  }

  async edit() {
    const { profile, version } = this.bench.store.state;
    if (!profile || !version) return;
    const form = profileForm(profile, this.mayEdit);
    const given = await this.bench.ask({
      title: t("profile.title", version.territory.name),
      lead: t("profile.lead"),
      fields: [],
      body: form.element,
      ok: this.mayEdit ? t("save") : "",
      wide: true,
    });
    if (!given || !this.mayEdit) return;
    await this.bench.actions.attempt(async () => {
      this.bench.store.set({ profile: await plans.setProfile(version.territory.code, form.value()) });
      // Warnings are the service's: they follow the new rules.
      if (this.bench.store.state.plan) await this.bench.refresh(true);
    });
  }
}
