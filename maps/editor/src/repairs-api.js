// What the page asks the service about repairs.
import { ask, part } from "./api.js";

/** @typedef {import("./contract-fusion").RepairTable} RepairTable */
/** @typedef {import("./contract-fusion").RepairOptions} RepairOptions */

/** @param {string} version @returns {Promise<RepairTable>} */
export const proposals = (version) => ask(`/api/versions/${part(version)}/repair`);

/** @param {string} version @param {Partial<RepairOptions>} options @returns {Promise<{ job: number }>} */
export const propose = (version, options) => ask(`/api/versions/${part(version)}/repair`, { method: "POST", body: options });

/** @param {string} version @param {number[]} numbers @returns {Promise<{ job: number }>} */
export const accept = (version, numbers) => ask(`/api/versions/${part(version)}/repair/accept`, { method: "POST", body: { numbers } });

/** @param {string} version @param {number[]} numbers @param {boolean} declined @returns {Promise<RepairTable>} */
export const decline = (version, numbers, declined) =>
  ask(`/api/versions/${part(version)}/repair/decline`, { method: "POST", body: { numbers, declined } });

/** @param {string} version a draft @returns {Promise<{ job: number }>} */
export const undo = (version) => ask(`/api/versions/${part(version)}/repair/undo`, { method: "POST" });
