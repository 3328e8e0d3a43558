// What is compared with what: a plan with its base, or two versions of a territory.
import * as plans from "../plans-api.js";
import * as api from "../api.js";

/**
 * How two states are shown: by what differs, one over the other with a bar to swipe, or beside each other.
 *
 * @typedef {"difference" | "swipe" | "beside"} Way
 */

/**
 * @typedef {object} Shown
 * @property {string} before version on the left
 * @property {string} after version on the right; empty for the plan that is open
 * @property {Way} way
 * @property {import("../contract").Comparison | null} comparison null while it is read
 */

export const WAYS = /** @type {const} */ (["difference", "swipe", "beside"]);

/** Compares on the map of one workbench. */
export class Comparing {
  /** @param {import("../workbench").Workbench} bench */
  constructor(bench) {
    this.bench = bench;
    /** What was read last. */
    this.read = "";
    /** What zones were coloured by before they were compared. @type {import("../state").Colour | null} */
    this.coloured = null;
    const { store } = bench;
    store.on(["compared", "level", "plan"], () => this.#read());
    store.on(["compared", "version", "level", "plan", "shown"], () => this.#show());
    store.on(["version"], ({ version, compared }) => {
      // Another territory has other versions.
      if (compared && version && !version.version.startsWith(compared.before.replace(/\d+$/, ""))) this.close();
    });
    store.on(["plan"], ({ plan, compared }) => {
      if (compared && compared.after === "" && !plan) this.close();
      if (compared && compared.after !== "" && plan) this.close();
    });
  }

  /** Compares the plan with its base, or the version that is shown with the one before it. */
  start() {
    const { plan, version, versions } = this.bench.store.state;
    if (!version) return;
    const older = versions.filter(({ number, status }) => status === "published" && number < (versions.find((one) => one.version === version.version)?.number ?? 0));
    const before = plan ? plan.base : (older[0]?.version ?? versions.find((one) => one.version !== version.version)?.version ?? version.version);
    this.bench.store.set({ compared: { before, after: plan ? "" : version.version, way: "difference", comparison: null }, tab: "compare" });
    this.#mute();
  }

  close() {
    if (!this.bench.store.state.compared) return;
    const { plan, tab } = this.bench.store.state;
    this.bench.store.set({ compared: null, ...(tab === "compare" && { tab: plan ? "plan" : "zones" }) });
    this.#mute();
  }

  /** @param {Partial<Shown>} change */
  set(change) {
    const { compared } = this.bench.store.state;
    if (!compared) return;
    const other = "before" in change || "after" in change;
    this.bench.store.set({ compared: { ...compared, ...change, ...(other && { comparison: null }) } });
  }

  /** Takes the colour from the zones while they are compared, in which differences would drown, and gives it back after. */
  #mute() {
    const { compared, colour } = this.bench.store.state;
    if (compared && this.coloured === null) {
      this.coloured = colour;
      this.bench.actions.setColour("none");
    } else if (!compared && this.coloured !== null) {
      if (colour === "none") this.bench.actions.setColour(this.coloured);
      this.coloured = null;
    }
  }

  #read() {
    const { compared, plan, level } = this.bench.store.state;
    if (!compared) {
      this.read = "";
      return;
    }
    const key = [compared.before, compared.after, level, compared.after === "" ? `${plan?.id}.${plan?.revision}` : ""].join();
    if (key === this.read) return;
    this.read = key;
    void this.bench.actions.attempt(async () => {
      if (compared.before === compared.after) return;
      const comparison =
        compared.after === "" && plan ? await plans.comparePlan(plan.id, level) : await plans.compareVersions(compared.before, compared.after, level);
      const now = this.bench.store.state.compared;
      if (now && this.read === key) this.bench.store.set({ compared: { ...now, comparison } });
    });
  }

  #show() {
    const { compared, version, plan, level } = this.bench.store.state;
    const { map } = this.bench.actions;
    if (!map) return;
    if (!compared || !version) return map.compare.show(null);
    map.compare.show({
      way: compared.way,
      level,
      layers: version.layers.filter((layer) => layer.levels.some(({ code }) => code === level)).map(({ code }) => code),
      before: (layer) => api.tiles(compared.before, layer, compared.before),
      // What is on the right is drawn already when it is the plan or the version that is shown.
      after: compared.after === "" || compared.after === version.version ? null : (layer) => api.tiles(compared.after, layer, compared.after),
      names: [compared.before, compared.after === "" ? (plan?.name ?? "") : compared.after],
      differences: (compared.comparison?.differences.features ?? []).map(({ geometry, properties }) => ({ geometry, from: properties.from, to: properties.to })),
    });
  }
}
