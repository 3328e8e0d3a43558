// The zones of a plan on the map, as vectors that are picked, dragged and drawn over.
import GeoJSON from "ol/format/GeoJSON.js";
import Feature from "ol/Feature.js";
import Draw from "ol/interaction/Draw.js";
import Modify from "ol/interaction/Modify.js";
import Snap from "ol/interaction/Snap.js";
import VectorLayer from "ol/layer/Vector.js";
import { never } from "ol/events/condition.js";
import { toLonLat } from "ol/proj.js";
import VectorSource from "ol/source/Vector.js";
import { coordinatesOf, movesBetween, quantised } from "../shapes.js";
import * as styles from "./styles.js";

/**
 * @typedef {import("../contract").LonLat} LonLat
 * @typedef {import("../contract").PlanZone} PlanZone
 * @typedef {import("../plan/tools").Gesture} Gesture
 */

/**
 * @typedef {object} PlanEvents
 * @property {(moves: [LonLat, LonLat][]) => void} ondragged vertices, from where the service has them
 * @property {(coordinates: LonLat[], within: string | null) => void} ondrawn a line or a ring, and the zone it lies in
 */

const GEOJSON = new GeoJSON({ dataProjection: "EPSG:4326", featureProjection: "EPSG:3857" });

/** Pixels within which a drawn point takes the place of a vertex or a border. */
const SNAP_PX = 8;

/** Zones of the level of a plan that is edited. */
export class PlanLayer {
  /** @param {import("ol/Map.js").default} map @param {PlanEvents} events */
  constructor(map, events) {
    this.map = map;
    this.events = events;
    this.level = "";
    /** @type {Map<string, string> | null} */
    this.colours = null;
    /** @type {Set<string>} */
    this.picked = new Set();
    this.source = new VectorSource();
    this.fills = new VectorLayer({
      source: this.source,
      zIndex: 1,
      style: (feature) => styles.zoneFill(this.colours?.get(String(feature.getId())) ?? null),
    });
    this.borders = new VectorLayer({
      source: this.source,
      zIndex: 4,
      style: (feature) => {
        const line = [styles.casing(this.level), styles.border(this.level, false)];
        return this.picked.has(String(feature.getId())) ? [...line, ...styles.selection] : line;
      },
    });
    map.addLayer(this.fills);
    map.addLayer(this.borders);
    /** @type {import("ol/interaction/Interaction.js").default[]} */
    this.interactions = [];
    /** @type {Draw | null} */
    this.draw = null;
  }

  /** Shows zones; those that are shown already as they are stay untouched.
   * @param {PlanZone[]} zones none when no plan is open
   */
  show(zones) {
    const kept = new Set(zones.map(({ code }) => code));
    for (const feature of this.source.getFeatures()) {
      if (!kept.has(String(feature.getId()))) this.source.removeFeature(feature);
    }
    for (const zone of zones) {
      const old = this.source.getFeatureById(zone.code);
      if (old instanceof Feature && old.get("zone") === zone) continue;
      // A new feature, rather than a new geometry: what is dragged knows its segments by feature.
      if (old instanceof Feature) this.source.removeFeature(old);
      this.source.addFeature(featureOf(zone));
    }
  }

  /** Puts every zone back to where the service has it, after a refusal. */
  restore() {
    const zones = this.source.getFeatures().map((feature) => /** @type {PlanZone} */ (feature.get("zone")));
    this.source.clear(true);
    this.source.addFeatures(zones.map(featureOf));
  }

  /** @param {{ level: string, colours: Map<string, string> | null, picked: string[] }} look */
  look({ level, colours, picked }) {
    this.level = level;
    this.colours = colours;
    this.picked = new Set(picked);
    this.fills.changed();
    this.borders.changed();
  }

  /** Lets the mouse do something else.
   * @param {Gesture | ""} gesture
   */
  use(gesture) {
    for (const interaction of this.interactions) this.map.removeInteraction(interaction);
    this.interactions = [];
    this.draw = null;
    if (gesture === "drag") this.interactions = [this.#modify()];
    if (gesture === "line" || gesture === "area" || gesture === "units") {
      this.draw = this.#draw(gesture === "line" ? "line" : "area");
      this.interactions = [this.draw, new Snap({ source: this.source, pixelTolerance: SNAP_PX })];
    }
    for (const interaction of this.interactions) this.map.addInteraction(interaction);
  }

  /** Ends the line or area that is being drawn. */
  finish() {
    this.draw?.finishDrawing();
  }

  /** Code of the zone at a place on the map; the smallest one where several overlap.
   * @param {number[]} coordinate
   */
  at(coordinate) {
    const area = (/** @type {Feature} */ feature) => /** @type {any} */ (feature.getGeometry()).getArea();
    const [feature] = this.source.getFeaturesAtCoordinate(coordinate).sort((a, b) => area(a) - area(b));
    return feature ? String(feature.getId()) : null;
  }

  #modify() {
    // Vertices at the same place move together, so that a junction stays one. None are put in or taken away: the
    // service moves the vertices that it has.
    const modify = new Modify({
      source: this.source,
      pixelTolerance: 10,
      insertVertexCondition: never,
      deleteCondition: never,
      style: styles.vertex,
    });
    modify.on("modifyend", (event) => {
      /** @type {Map<string, [LonLat, LonLat]>} */ const moves = new Map();
      for (const feature of event.features.getArray()) {
        const zone = /** @type {PlanZone} */ (feature.get("zone"));
        const geometry = /** @type {any} */ (feature.getGeometry());
        const now = coordinatesOf({ type: geometry.getType(), coordinates: geometry.getCoordinates() }).map(lonLat);
        for (const move of movesBetween(zone.geometry, now)) moves.set(move[0].join(), move);
      }
      this.events.ondragged([...moves.values()]);
    });
    return modify;
  }

  /** @param {"line" | "area"} gesture */
  #draw(gesture) {
    const draw = new Draw({ type: gesture === "line" ? "LineString" : "Polygon", style: styles.sketch });
    draw.on("drawend", (event) => {
      const geometry = /** @type {any} */ (event.feature.getGeometry());
      const drawn = gesture === "line" ? geometry.getCoordinates() : geometry.getCoordinates()[0];
      const middle = gesture === "line" ? geometry.getCoordinateAt(0.5) : geometry.getInteriorPoint().getCoordinates();
      const rounded = drawn.map(lonLat).map((/** @type {LonLat} */ at) => at.map(quantised));
      this.events.ondrawn(rounded, this.at(middle));
    });
    return draw;
  }
}

/** @param {PlanZone} zone */
function featureOf(zone) {
  const feature = new Feature({ geometry: GEOJSON.readGeometry(zone.geometry) ?? undefined, zone });
  feature.setId(zone.code);
  return feature;
}

/** @param {number[]} coordinate @returns {LonLat} */
const lonLat = (coordinate) => /** @type {LonLat} */ (toLonLat(coordinate));
