// What zones are coloured by beside their own figures: names of their parents, and the department's zone that each is
// in. Read when they are asked for.
import * as api from "../api.js";
import { levelOf } from "../state.js";
import { middleOf } from "./operations.js";

/** Points that are asked for at once. */
const BATCH = 1_000;

/** @param {import("../state").State} state @returns {import("../colouring").Context} */
export const contextOf = ({ level, profile, parents, departments }) => ({ level, profile, names: parents ?? undefined, departments });

/** Reads the groups of zones for their colours. */
export class Departments {
  /** @param {import("../state").Store} store @param {import("../actions").Actions} actions */
  constructor(store, actions) {
    this.store = store;
    this.actions = actions;
    /** What was read last. */
    this.read = { parents: "", departments: "" };
    store.on(["colour", "zones", "version", "level", "plan"], ({ colour, plan }) => {
      // The card of a plan's zone names its parent.
      if (colour === "parent" || plan) this.#parents();
      if (colour === "department") this.#departments();
    });
  }

  #parents() {
    const { version, level } = this.store.state;
    const named = version && levelOf(version, level);
    if (!version || !named || this.read.parents === `${version.version}.${level}`) return;
    this.read.parents = `${version.version}.${level}`;
    const above = version.layers.flatMap((layer) => layer.levels).filter((one) => one.partition && one.code !== level && one.zones > 0 && one.zones <= named.level.zones);
    void this.actions.attempt(async () => {
      const lists = await Promise.all(above.map((one) => api.zones(version.version, one.code)));
      this.store.set({ parents: new Map(lists.flat().map(({ code, name }) => [code, name])) });
    });
  }

  #departments() {
    const { version, level, zones, shown } = this.store.state;
    if (!version || !zones || zones.length === 0) return;
    const levels = version.layers.flatMap((layer) => layer.levels).filter((one) => !one.partition && one.zones > 0);
    const department = levels.find(({ code }) => shown.has(code)) ?? levels[0];
    const key = `${version.version}.${level}.${department?.code}.${zones.map(({ code }) => code).join()}`;
    if (this.read.departments === key) return;
    this.read.departments = key;
    if (!department) return this.store.set({ departments: new Map() });
    void this.actions.attempt(async () => {
      /** @type {Map<string, string>} */ const found = new Map();
      for (let from = 0; from < zones.length; from += BATCH) {
        const some = zones.slice(from, from + BATCH);
        const answers = await api.lookupPoints(
          some.map((zone) => ("geometry" in zone ? middleOf(/** @type {import("../contract").PlanZone} */ (zone)) : (zone.point ?? [(zone.bbox[0] + zone.bbox[2]) / 2, (zone.bbox[1] + zone.bbox[3]) / 2]))),
          version.territory.code,
          version.valid_to ? version.valid_from : null,
        );
        answers.forEach((answer, index) => {
          const zone = answer.matches.flatMap((match) => match.zones).find((one) => one.level === department.code);
          if (zone) found.set(some[index].code, zone.name);
        });
      }
      if (this.read.departments === key) this.store.set({ departments: found });
    });
  }
}
