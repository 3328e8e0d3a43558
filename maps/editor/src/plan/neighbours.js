// Who borders on whom: neighbours of a coverage share every vertex of their common border, so that common segments
// are equal by their coordinates.
import { overlaps } from "../shapes.js";

/**
 * @typedef {import("../contract").PlanZone} PlanZone
 * @typedef {import("../contract").LonLat} LonLat
 */

/**
 * @typedef {object} Neighbour
 * @property {string} code
 * @property {string} name
 * @property {string | null} parent
 * @property {number} border_m length of the common border, in metres on a sphere
 * @property {number | null} households null when not known
 */

const METRES_PER_DEGREE = (6_371_008.8 * Math.PI) / 180;

/**
 * Zones that share a border with one, the longest border first.
 *
 * @param {string} code
 * @param {PlanZone[]} zones of one level
 * @returns {Neighbour[]}
 */
export function neighboursOf(code, zones) {
  const zone = zones.find((one) => one.code === code);
  if (!zone) return [];
  const own = new Set(segments(zone.geometry).map(keyOf));
  /** @type {Neighbour[]} */ const found = [];
  for (const other of zones) {
    if (other === zone || !overlaps(zone.bbox, other.bbox)) continue;
    let border_m = 0;
    for (const segment of segments(other.geometry)) if (own.has(keyOf(segment))) border_m += lengthOf(segment);
    if (border_m > 0) {
      found.push({ code: other.code, name: other.name, parent: other.parent, border_m, households: other.counts.household ?? null });
    }
  }
  return found.sort((a, b) => b.border_m - a.border_m);
}

/** @param {import("../contract").Geometry} geometry @returns {[LonLat, LonLat][]} */
function segments(geometry) {
  const polygons = geometry.type === "Polygon" ? [geometry.coordinates] : geometry.type === "MultiPolygon" ? geometry.coordinates : [];
  return polygons.flatMap((rings) =>
    rings.flatMap((ring) => ring.slice(1).map((at, index) => /** @type {[LonLat, LonLat]} */ ([ring[index], at]))),
  );
}

/** The same whichever way round. @param {[LonLat, LonLat]} segment */
function keyOf([a, b]) {
  const [first, second] = [a.join(), b.join()];
  return first < second ? `${first} ${second}` : `${second} ${first}`;
}

/** @param {[LonLat, LonLat]} segment */
function lengthOf([[x, y], [u, v]]) {
  const east = (u - x) * Math.cos(((y + v) * Math.PI) / 360);
  return Math.hypot(east, v - y) * METRES_PER_DEGREE;
}
