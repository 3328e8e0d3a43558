// What the page asks the service about drafts that are no plan.
import { ask, part } from "./api.js";

/** @typedef {import("./contract").Readiness} Readiness */

/** @param {string} version @param {string} act @param {unknown} [body] */
const post = (version, act, body) => ask(`/api/versions/${part(version)}/${act}`, { method: "POST", body });

/** @param {string} version @returns {Promise<Readiness>} */
export const readiness = (version) => ask(`/api/versions/${part(version)}/readiness`);

/** @param {string} version @returns {Promise<{ job: number }>} */
export const check = (version) => post(version, "check");

/** @param {string} version @returns {Promise<{ job: number }>} */
export const assign = (version) => post(version, "assign");

/** @param {string} version @param {string} note @returns {Promise<Readiness>} */
export const askApproval = (version, note) => post(version, "approval/ask", note ? { note } : {});

/** @param {string} version @returns {Promise<Readiness>} */
export const giveApproval = (version) => post(version, "approval/give", {});

/** @param {string} version @param {string} reason @returns {Promise<import("./contract").VersionSummary>} */
export const publish = (version, reason) => post(version, "publish", { reason });
