// What an office asks of its grids, and which grids break it: the defaults of the service's rule profile for grids.
import { t } from "../language.js";

/** @typedef {import("../contract").Zone} Zone */

/** Least and most per grid; the service's own warnings follow the same numbers (geo/plans/rules.py). */
export const BANDS = /** @type {const} */ ({ households: [300, 500], people: [800, 1500] });

/** Levels that the bands are about. */
const BANDED = "grid";

/**
 * Rules that a zone breaks, in words; dedicated zones are exempt, unknown counts break nothing.
 *
 * @param {Zone} zone
 * @param {string} level
 * @returns {string[]}
 */
export function warningsOf(zone, level) {
  if (level !== BANDED) return [];
  /** @type {string[]} */ const found = [];
  if (zone.kind === "general") {
    found.push(...within(zone.counts.household, BANDS.households, t("unit.households")));
    found.push(...within(zone.people, BANDS.people, t("unit.people")));
  }
  if ((zone.parts ?? 1) > 1) found.push(t("rule.parts", zone.parts ?? 1));
  if ((zone.compactness ?? 1) < 0.1) found.push(t("rule.compactness"));
  return found;
}

/** @param {number | null | undefined} value @param {readonly [number, number]} band @param {string} unit */
function within(value, [least, most], unit) {
  if (value === null || value === undefined) return [];
  if (value < least) return [t("rule.few", (least - value).toLocaleString("en-US"), unit)];
  if (value > most) return [t("rule.many", (value - most).toLocaleString("en-US"), unit)];
  return [];
}

/**
 * @typedef {object} Bin
 * @property {number} low households from
 * @property {number} high households below which
 * @property {number} zones
 * @property {boolean} inBand whether the whole bin lies in the band
 */

/**
 * How many general zones have how many households, in bins of which the band's ends are edges.
 *
 * @param {Zone[]} zones
 * @param {readonly [number, number]} [band]
 * @returns {Bin[]} from 0 to at least the band's end; empty when no count is known
 */
export function histogram(zones, band = BANDS.households) {
  const counts = zones.flatMap((zone) =>
    zone.kind === "general" && typeof zone.counts.household === "number" ? [zone.counts.household] : [],
  );
  if (counts.length === 0) return [];
  const highest = Math.max(...counts, band[1]);
  // 50 households a bin; wider by doubling where that would make too many bars.
  let width = 50;
  while (highest / width > 24) width *= 2;
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
