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
 * What dragging did to borders: vertices by where they were and are, new ones with the ends of the segment that they
 * were put into, and those taken away. Everything that was is as the service has it.
 *
 * @typedef {{ moves: [from: LonLat, to: LonLat][], inserts: [start: LonLat, end: LonLat, at: LonLat][],
 *   removes: LonLat[] }} BorderChange
 */

/**
 * What is different in a zone. Vertices that nobody touched are the same numbers before and after.
 *
 * @param {Geometry} geometry as the service sent it
 * @param {number[][][]} was its rings on the map
 * @param {number[][][]} is the same rings now: the same vertices elsewhere, one more, or fewer
 * @param {(at: number[]) => LonLat} lonLat from the map
 * @returns {BorderChange}
 */
export function changeBetween(geometry, was, is, lonLat) {
  /** @type {BorderChange} */ const change = { moves: [], inserts: [], removes: [] };
  const served = coordinatesOf(geometry);
  const goes = (/** @type {number[]} */ at) => /** @type {LonLat} */ (lonLat(at).map(quantised));
  let first = 0;
  was.forEach((ring, number) => {
    const now = is[number];
    const start = first;
    const from = (/** @type {number} */ index) => served[start + index];
    first += ring.length;
    if (now.length === ring.length) {
      ring.forEach((at, index) => {
        if (!same(at, now[index])) change.moves.push([from(index), goes(now[index])]);
      });
    } else if (now.length > ring.length) {
      const index = now.findIndex((at, k) => k >= ring.length || !same(at, ring[k]));
      change.inserts.push([from(index - 1), from(index), goes(now[index])]);
    } else {
      const kept = new Set(now.map((at) => at.join()));
      ring.forEach((at, index) => {
        if (!kept.has(at.join())) change.removes.push(from(index));
      });
    }
  });
  return change;
}

/** @param {number[]} a @param {number[]} b */
const same = (a, b) => a[0] === b[0] && a[1] === b[1];

/**
 * What is different in several zones together: what they share is said once.
 *
 * @param {BorderChange[]} changes
 * @returns {BorderChange | null} null for nothing
 */
export function mergedChange(changes) {
  const [moves, inserts, removes] = [new Map(), new Map(), new Map()];
  for (const change of changes) {
    for (const move of change.moves) moves.set(move[0].join(), move);
    for (const insert of change.inserts) inserts.set([insert[0].join(), insert[1].join()].sort().join(";"), insert);
    for (const at of change.removes) removes.set(at.join(), at);
  }
  if (moves.size + inserts.size + removes.size === 0) return null;
  return { moves: [...moves.values()], inserts: [...inserts.values()], removes: [...removes.values()] };
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

/** The ellipsoid of CGCS2000: half its width in metres, and its first eccentricity squared. */
const HALF_WIDTH_M = 6378137;
const ECCENTRICITY_2 = 0.00669438002290;
const DEGREE = Math.PI / 180;

/** Metres per degree of longitude and of latitude there. @param {number} lat @returns {[number, number]} */
function metresPerDegree(lat) {
  const sine = Math.sin(lat * DEGREE);
  const root = Math.sqrt(1 - ECCENTRICITY_2 * sine * sine);
  const north = (HALF_WIDTH_M * (1 - ECCENTRICITY_2)) / root ** 3;
  return [(HALF_WIDTH_M / root) * Math.cos(lat * DEGREE) * DEGREE, north * DEGREE];
}

/** Length in metres of a line on the ellipsoid, for segments of up to some kilometres.
 * @param {LonLat[]} line
 */
export function lengthOf(line) {
  let length = 0;
  for (let k = 1; k < line.length; k += 1) {
    const [[x0, y0], [x1, y1]] = [line[k - 1], line[k]];
    const [east, north] = metresPerDegree((y0 + y1) / 2);
    length += Math.hypot((x1 - x0) * east, (y1 - y0) * north);
  }
  return length;
}

/** Area in m² on the ellipsoid of what a line encloses, its end joined to its start, for up to some kilometres.
 * @param {LonLat[]} line
 */
export function areaOf(line) {
  const lats = line.map(([, lat]) => lat);
  const middle = (Math.min(...lats) + Math.max(...lats)) / 2;
  const [, north] = metresPerDegree(middle);
  let twice = 0;
  line.forEach(([x0, y0], k) => {
    const [x1, y1] = line[(k + 1) % line.length];
    // Each strip between a side and the middle parallel, with the width of a degree where it lies.
    const [east] = metresPerDegree((y0 + y1) / 2);
    twice += (x1 - x0) * east * (y0 + y1 - 2 * middle) * north;
  });
  return Math.abs(twice) / 2;
}
