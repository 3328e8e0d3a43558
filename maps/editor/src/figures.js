// Numbers as planners read them: thousands separators, units, and "未知" where nothing is known (never zero).

// Made once: a formatter made for each of ten thousand cells takes longer than the cells.
const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** Separates thousands; a missing number is shown as unknown.
 * @param {number | null | undefined} value
 * @param {string} [unknown]
 */
export function whole(value, unknown = "未知") {
  if (value === null || value === undefined || Number.isNaN(value)) return unknown;
  return WHOLE.format(Math.round(value));
}

/** An area in m², in km² from 0.1 km² on.
 * @param {number | null | undefined} area_m2
 * @param {string} [unknown]
 */
export function area(area_m2, unknown = "未知") {
  if (area_m2 === null || area_m2 === undefined) return unknown;
  if (area_m2 >= 1e5) return `${decimals(area_m2 / 1e6, area_m2 >= 1e7 ? 1 : 3)} km²`;
  return `${decimals(area_m2, area_m2 < 10 ? 2 : 0)} m²`;
}

/** A length in m, in km from 10 km on.
 * @param {number | null | undefined} length_m
 * @param {string} [unknown]
 */
export function length(length_m, unknown = "未知") {
  if (length_m === null || length_m === undefined) return unknown;
  if (length_m >= 1e4) return `${decimals(length_m / 1e3, 1)} km`;
  return `${decimals(length_m, length_m < 1 ? 2 : length_m < 10 ? 1 : 0)} m`;
}

/** A share of one as a percentage; 99.96% is not rounded up to 100%.
 * @param {number | null | undefined} share
 * @param {string} [unknown]
 */
export function percent(share, unknown = "未知") {
  if (share === null || share === undefined) return unknown;
  const shown = (share * 100).toFixed(1);
  if (shown === "100.0" && share < 1) return ">99.9%";
  if (shown === "0.0" && share > 0) return "<0.1%";
  return `${shown.replace(/\.0$/, "")}%`;
}

/** Longitude and latitude to about 1 m.
 * @param {import("./contract").LonLat} point
 */
export const coordinates = ([lon, lat]) => `${lon.toFixed(5)}, ${lat.toFixed(5)}`;

/** The day of a timestamp, in local time.
 * @param {string | null | undefined} stamp ISO 8601
 */
export function day(stamp) {
  if (!stamp) return "";
  const at = new Date(stamp);
  if (Number.isNaN(at.getTime())) return stamp;
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** Day and time of a timestamp, in local time.
 * @param {string | null | undefined} stamp ISO 8601
 */
export const moment = (stamp) => (stamp ? `${day(stamp)} ${clock(new Date(stamp))}` : "");

/** A time of day to the second, in local time. @param {Date} at */
export const clock = (at) =>
  [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");

/** @param {number} value @param {number} digits */
function decimals(value, digits) {
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
