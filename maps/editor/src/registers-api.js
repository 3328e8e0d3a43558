// What the service answers about registers and the bounds of zones. Every request goes through api.js.
import { ask, part } from "./api.js";

/** @param {string} version @param {string} level */
export const versionRegister = (version, level) => `/api/versions/${part(version)}/register.xlsx?level=${part(level)}`;

/** @param {number} plan @param {string} level */
export const planRegister = (plan, level) => `/api/plans/${plan}/register.xlsx?level=${part(level)}`;

/**
 * @param {number} plan
 * @param {string} level
 * @param {string} code
 * @returns {Promise<import("./contract").Bounds>}
 */
export const planBounds = (plan, level, code) => ask(`/api/plans/${plan}/zones/${part(level)}/${part(code)}/bounds`);
