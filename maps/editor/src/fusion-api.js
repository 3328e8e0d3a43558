// What the page asks the service about fusions (多格合一).
import { ask, part } from "./api.js";

/** @typedef {import("./contract").LonLat} LonLat */

/** @param {string} territory @param {string} version @param {string} [what] */
const path = (territory, version, what = "") => `/api/territories/${part(territory)}/fusion${what}?version=${part(version)}`;

/**
 * @param {string} territory
 * @param {import("./contract-fusion").FusionOptions & { version: string }} order
 * @returns {Promise<{ job: number }>}
 */
export const fuse = (territory, order) => ask(`/api/territories/${part(territory)}/fusion`, { method: "POST", body: order });

/** @param {string} territory @param {string} version @returns {Promise<import("./contract-fusion").FusionSummary>} */
export const summary = (territory, version) => ask(path(territory, version));

/** @param {string} territory @param {string} version @returns {Promise<import("./contract-fusion").Conflict[]>} */
export const conflicts = async (territory, version) => (await ask(path(territory, version, "/conflicts"))).conflicts;

/** @param {string} territory @param {string} version @returns {Promise<import("./contract-fusion").CrosswalkRow[]>} */
export const crosswalk = async (territory, version) => (await ask(path(territory, version, "/crosswalk"))).crosswalk;

/** @param {string} territory @param {string} version @returns {Promise<import("./contract-fusion").FusionProposal>} */
export const proposal = (territory, version) => ask(path(territory, version, "/proposal"));

/** @param {string} territory @param {string} version @param {LonLat} point @returns {Promise<import("./contract-fusion").FusionCell>} */
export const cell = (territory, version, [lon, lat]) =>
  ask(`${path(territory, version, "/cell")}&lon=${lon.toFixed(8)}&lat=${lat.toFixed(8)}`);

/** Everything as a workbook. @param {string} territory @param {string} version */
export const workbook = (territory, version) => path(territory, version, ".xlsx");

/**
 * @param {string} territory
 * @param {string} version whose fusion it is
 * @param {string} name of the plan
 * @param {string} level whose zones the proposal takes the place of
 * @returns {Promise<import("./contract").PlanEntry>}
 */
export const adopt = (territory, version, name, level) =>
  ask(`/api/territories/${part(territory)}/fusion/plan`, { method: "POST", body: { version, name, level } });
