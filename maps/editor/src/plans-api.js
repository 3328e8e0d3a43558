// What the service answers about plans beyond their zones: documents, comments, ledger, approval, comparisons,
// proposals, the office's rules. Every request goes through api.js.
import { ask, part } from "./api.js";

/** @typedef {import("./contract").PlanEntry} PlanEntry */

/** @param {string} path @param {unknown} [body] */
const post = (path, body = {}) => ask(path, { method: "POST", body });

/** @param {number} number */
const of = (number) => `/api/plans/${number}`;

/**
 * @param {number} number
 * @param {{ name?: string, description?: string, access?: string, members?: { account: string, role: string }[] }} change
 * @returns {Promise<PlanEntry>}
 */
export const describePlan = (number, change) => ask(of(number), { method: "PATCH", body: change });

/**
 * Whom a plan may be shared with.
 *
 * @param {number} number
 * @returns {Promise<{ account: string, name: string, may_edit: boolean }[]>}
 */
export const candidates = (number) => ask(`${of(number)}/candidates`);

/** @param {number} number @param {string} name @returns {Promise<PlanEntry>} */
export const duplicatePlan = (number, name) => post(`${of(number)}/duplicate`, { name });

/** @param {number} number @returns {Promise<PlanEntry>} */
export const archivePlan = (number) => ask(of(number), { method: "DELETE" });

/** @param {number} number @returns {Promise<PlanEntry>} */
export const reopenPlan = (number) => post(`${of(number)}/reopen`);

/**
 * Codes that zones would have, numbered from west to east and from north to south.
 *
 * @param {number} number
 * @param {string} level
 * @param {string} parent all parents when empty
 * @returns {Promise<{ revision: number, codes: Record<string, string> }>} old code → new code, in the order of the new ones
 */
export const renumbering = (number, level, parent) =>
  ask(`${of(number)}/renumbering?level=${part(level)}${parent ? `&parent=${part(parent)}` : ""}`);

/**
 * @param {string} territory
 * @param {string} level
 * @returns {Promise<{ taken: string[], retired: string[] }>}
 */
export const codes = (territory, level) => ask(`/api/territories/${part(territory)}/codes?level=${part(level)}`);

/**
 * Codes that are free, retired ones left out.
 *
 * @param {number} number
 * @param {string} level
 * @param {string} beside code of the zone that the new ones come from
 * @param {number} count
 * @returns {Promise<string[]>}
 */
export const freeCodes = (number, level, beside, count) => post(`${of(number)}/codes/next`, { level, beside, count });

/** @param {string} territory @returns {Promise<import("./contract").Profile>} */
export const profile = (territory) => ask(`/api/territories/${part(territory)}/profile`);

/** @param {string} territory @param {unknown} profile @returns {Promise<import("./contract").Profile>} */
export const setProfile = (territory, profile) =>
  ask(`/api/territories/${part(territory)}/profile`, { method: "PUT", body: profile });

// ---- comments and presence

/** @param {number} number @returns {Promise<import("./contract").Comment[]>} */
export const comments = (number) => ask(`${of(number)}/comments`);

/** @param {number} number @param {string} text @param {import("./contract").LonLat} point */
export const comment = (number, text, point) => post(`${of(number)}/comments`, { text, point });

/** @param {number} number @param {number} comment @param {string} text */
export const reply = (number, comment, text) => post(`${of(number)}/comments/${comment}/replies`, { text });

/** @param {number} number @param {number} comment @param {"resolve" | "reopen"} way */
export const settleComment = (number, comment, way) => post(`${of(number)}/comments/${comment}/${way}`);

/** @param {number} number @param {{ level?: string, code?: string }} at */
export const present = (number, at) => post(`${of(number)}/presence`, at);

// ---- moves, comparisons, approval

/** @param {number} number @param {string} level @returns {Promise<{ flows: import("./contract").PlanFlow[] }>} */
export const flows = (number, level) => ask(`${of(number)}/flows?level=${part(level)}`);

/**
 * @param {number} number
 * @param {string} level
 * @returns {Promise<{ features: { geometry: { coordinates: number[] }, properties: { kind: string, from: string | null, to: string | null } }[] }>}
 */
export const movePoints = (number, level) => ask(`${of(number)}/moves.geojson?level=${part(level)}`);

/** @param {number} number */
export const ledgerFile = (number) => `${of(number)}/ledger.xlsx`;

/** @param {number} number @param {string} level @returns {Promise<import("./contract").Comparison>} */
export const comparePlan = (number, level) => ask(`${of(number)}/compare?level=${part(level)}`);

/** @param {string} a @param {string} b @param {string} level @returns {Promise<import("./contract").Comparison>} */
export const compareVersions = (a, b, level) =>
  ask(`/api/versions/${part(a)}/compare/${part(b)}?level=${part(level)}`);

/** @param {number} number @param {string} note */
export const askApproval = (number, note) => post(`${of(number)}/approval/ask`, note ? { note } : {});

/** @param {number} number */
export const giveApproval = (number) => post(`${of(number)}/approval/give`);

// ---- proposals

/**
 * @param {string} territory
 * @param {Record<string, unknown>} options
 * @returns {Promise<{ job: number }>}
 */
export const propose = (territory, options) => post(`/api/territories/${part(territory)}/proposals`, options);

/** @param {number} number @returns {Promise<import("./contract").Proposal>} */
export const proposal = (number) => ask(`/api/proposals/${number}`);

/**
 * @param {number} number
 * @returns {Promise<{ features: { geometry: import("./contract").Geometry, properties: { code: string, note: string } }[] }>}
 */
export const proposedZones = (number) => ask(`/api/proposals/${number}/zones.geojson`);

/** @param {number} number @param {string} name @returns {Promise<PlanEntry>} */
export const adoptProposal = (number, name) => post(`/api/proposals/${number}/plan`, { name });
