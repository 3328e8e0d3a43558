// What the map's tools ask while the mouse is at work. Every request goes through api.js.
import { ask, part } from "./api.js";

/**
 * What an edit would do; nothing is stored.
 *
 * @param {number} number
 * @param {number} revision
 * @param {import("./contract").Edit} edit
 * @returns {Promise<import("./contract").PlanAnswer>}
 */
export const previewEdit = (number, revision, edit) =>
  ask(`/api/plans/${number}/preview`, { method: "POST", body: { revision, edit } });

/**
 * The block, estate or building at a place; null for none.
 *
 * @param {number} number
 * @param {import("./contract").LonLat} point
 * @param {"auto" | "block" | "estate" | "building"} kind
 * @returns {Promise<import("./map/units").Unit | null>}
 */
export const unitAt = (number, [lon, lat], kind) =>
  ask(`/api/plans/${number}/units?lon=${lon.toFixed(8)}&lat=${lat.toFixed(8)}&kind=${part(kind)}`);
