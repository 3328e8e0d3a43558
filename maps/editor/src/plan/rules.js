// Which rules of the office zones break, as the service says, and how households are spread about its band.
import { messageOf } from "../language.js";

/**
 * @typedef {import("../contract").Zone} Zone
 * @typedef {import("../contract").Profile} Profile
 */

/**
 * Rules that a zone breaks, in words that stand beside its name. Only zones of plans are judged.
 *
 * @param {Zone} zone
 * @returns {{ words: string, severity: string }[]}
 */
export const messagesOf = (zone) =>
  (/** @type {import("../contract").PlanZone} */ (zone).warnings ?? []).map((warning) => {
    const message = messageOf(warning);
    const named = [zone.name, zone.code].find((name) => message.startsWith(name)) ?? "";
    return { words: message.slice(named.length).trim(), severity: warning.severity };
  });

/** The words alone. @param {Zone} zone @returns {string[]} */
export const warningsOf = (zone) => messagesOf(zone).map(({ words }) => words);

/** The rule that says how many households a zone should have. */
const HOUSEHOLDS = "households";

/**
 * Least and most households that the office asks of a zone of a level; null where it asks nothing.
 *
 * @param {Profile | null} profile
 * @param {string} level
 * @returns {[number, number] | null}
 */
export function bandOf(profile, level) {
  const rule = profile?.rules.find((one) => one.rule === HOUSEHOLDS && one.on && (one.level === level || one.level === null));
  return rule && rule.least !== null && rule.most !== null ? [rule.least, rule.most] : null;
}

/**
 * @typedef {object} Bin
 * @property {number} low households from
 * @property {number} high households below which
 * @property {number} zones
 * @property {boolean} inBand whether the whole bin lies in the band
 */

/** Bars that a histogram has at most, about. */
const BARS = 24;

/**
 * How many general zones have how many households, in bins of which the band's ends are edges.
 *
 * @param {Zone[]} zones
 * @param {readonly [number, number]} band
 * @returns {Bin[]} from 0 to at least the band's end; empty when no count is known
 */
export function histogram(zones, band) {
  const counts = zones.flatMap((zone) =>
    zone.kind === "general" && typeof zone.counts.household === "number" ? [zone.counts.household] : [],
  );
  if (counts.length === 0) return [];
  const highest = Math.max(...counts, band[1]);
  // A quarter of the band a bin, where its ends are then edges; wider by doubling where that makes too many bars.
  let width = [4, 3, 2, 1].map((parts) => (band[1] - band[0]) / parts).find((wide) => wide >= 1 && band[0] % wide === 0) ?? Math.max(1, common(band[0], band[1]));
  while (highest / width > BARS) width *= 2;
  const bins = Math.floor(highest / width) + 1;
  const found = Array.from({ length: bins }, (_, index) => ({
    low: index * width,
    high: (index + 1) * width,
    zones: 0,
    inBand: index * width >= band[0] && (index + 1) * width <= band[1],
  }));
  for (const count of counts) found[Math.floor(count / width)].zones += 1;
  return found;
}

/** Greatest common divisor. @param {number} a @param {number} b @returns {number} */
const common = (a, b) => (b === 0 ? a : common(b, a % b));
