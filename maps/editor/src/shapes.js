// Shapes as GeoJSON in lon/lat: boxes, vertices, lines drawn by hand.

/**
 * @typedef {import("./contract").LonLat} LonLat
 * @typedef {import("./contract").Bbox} Bbox
 * @typedef {import("./contract").Geometry} Geometry
 */

/** Coordinates lie on a grid of 1e-8 degrees. @param {number} degrees */
export const quantised = (degrees) => Number(degrees.toFixed(8));

/** Every position of a geometry. @param {Geometry} geometry @returns {LonLat[]} */
export function coordinatesOf(geometry) {
  if (geometry.type === "GeometryCollection") return geometry.geometries.flatMap(coordinatesOf);
  /** @type {LonLat[]} */ const found = [];
  const visit = (/** @type {any} */ coordinates) => {
    if (typeof coordinates[0] === "number") found.push([coordinates[0], coordinates[1]]);
    else coordinates.forEach(visit);
  };
  visit(geometry.coordinates);
  return found;
}

/** @param {Geometry[]} geometries @returns {Bbox | null} */
export function bboxOf(geometries) {
  const bbox = /** @type {Bbox} */ ([Infinity, Infinity, -Infinity, -Infinity]);
  for (const geometry of geometries) {
    for (const [lon, lat] of coordinatesOf(geometry)) {
      bbox[0] = Math.min(bbox[0], lon);
      bbox[1] = Math.min(bbox[1], lat);
      bbox[2] = Math.max(bbox[2], lon);
      bbox[3] = Math.max(bbox[3], lat);
    }
  }
  return bbox[0] <= bbox[2] ? bbox : null;
}

/** @param {Bbox} a @param {Bbox} b */
export const overlaps = (a, b) => a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];

/**
 * Vertices that were dragged, from where the service has them to where they are now. Dragging neither adds nor takes
 * vertices, so that both lists run alike.
 *
 * @param {Geometry} before as the service sent it
 * @param {LonLat[]} now every position after dragging, which may differ from the sent one by rounding
 * @returns {[from: LonLat, to: LonLat][]}
 */
export function movesBetween(before, now) {
  /** @type {Map<string, [LonLat, LonLat]>} */ const moves = new Map();
  coordinatesOf(before).forEach((from, index) => {
    const to = now[index];
    if (Math.abs(from[0] - to[0]) < 5e-9 && Math.abs(from[1] - to[1]) < 5e-9) return;
    moves.set(from.join(), [from, [quantised(to[0]), quantised(to[1])]]);
  });
  return [...moves.values()];
}

/**
 * A line made a little longer at both ends: one drawn from border to border ends on them only up to rounding, and
 * would miss them by a hair.
 *
 * @param {LonLat[]} line
 * @param {number} [degrees] about a decimetre
 * @returns {LonLat[]}
 */
export function lengthened(line, degrees = 1e-6) {
  const beyond = (/** @type {LonLat} */ end, /** @type {LonLat} */ before) => {
    const [dx, dy] = [end[0] - before[0], end[1] - before[1]];
    const length = Math.hypot(dx, dy);
    if (length === 0) return end;
    return /** @type {LonLat} */ ([quantised(end[0] + (dx / length) * degrees), quantised(end[1] + (dy / length) * degrees)]);
  };
  if (line.length < 2) return line;
  return [beyond(line[0], line[1]), ...line.slice(1, -1), beyond(line[line.length - 1], line[line.length - 2])];
}

/** Degrees around a small place, so that one sees where it is: about 25 m. */
const ROOM = 0.00025;

/** A box with room around it. @param {import("./contract").Bbox} bbox @returns {import("./contract").Bbox} */
export function roomy([west, south, east, north]) {
  const [x, y] = [Math.max(0.3 * (east - west), ROOM), Math.max(0.3 * (north - south), ROOM)];
  return [west - x, south - y, east + x, north + y];
}
