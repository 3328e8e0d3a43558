// The zones of a plan on the map. They are drawn as images, so that what the mouse does over them costs the same for a
// hundred zones and for thousands; only what is picked, dragged or drawn is drawn anew in every frame.
import Feature from "ol/Feature.js";
import GeoJSON from "ol/format/GeoJSON.js";
import VectorLayer from "ol/layer/Vector.js";
import VectorImageLayer from "ol/layer/VectorImage.js";
import VectorSource from "ol/source/Vector.js";
import { BoxPick } from "./boxes.js";
import { BorderDrag } from "./dragging.js";
import { Drawing } from "./drawing.js";
import { Surroundings } from "./snapping.js";
import * as styles from "./styles.js";
import { UnitBrush } from "./units.js";

/**
 * @typedef {import("../contract").LonLat} LonLat
 * @typedef {import("../contract").PlanZone} PlanZone
 * @typedef {import("../plan/tools").Gesture} Gesture
 * @typedef {import("../shapes").BorderChange} BorderChange
 * @typedef {import("./units").Unit} Unit
 */

/**
 * @typedef {object} PlanEvents
 * @property {(change: BorderChange) => void} ondragged a border was moved
 * @property {(change: BorderChange | null, pixel: number[]) => void} ondragging it is where the pointer is now
 * @property {(coordinates: LonLat[], within: string | null) => void} ondrawn a line or a ring, and the zone it lies in
 * @property {(drawn: { coordinates: LonLat[], closed: boolean } | null, pixel: number[]) => void} ondrawing
 *   as far as it is drawn; null when it is given up
 * @property {(codes: string[]) => void} onboxed zones in a box
 * @property {(point: LonLat, alone: boolean) => Promise<Unit | null>} unitAt what could be given at a place: a
 *   building for itself with `alone`
 * @property {(units: Unit[], pixel: number[]) => void} onbrushing units that are given once the mouse lets go
 * @property {(units: Unit[]) => void} onbrushed
 */

const GEOJSON = new GeoJSON({ dataProjection: "EPSG:4326", featureProjection: "EPSG:3857" });

/** Zones of the level of a plan that is edited. */
export class PlanLayer {
  /** @param {import("ol/Map.js").default} map @param {PlanEvents} events */
  constructor(map, events) {
    this.map = map;
    this.events = events;
    this.level = "";
    /** @type {Map<string, string> | null} */
    this.colours = null;
    /** @type {string[]} */
    this.picked = [];
    this.source = new VectorSource();
    this.fills = new VectorImageLayer({
      source: this.source,
      zIndex: 1,
      style: (feature) => styles.zoneFill(this.colours?.get(String(feature.getId())) ?? null),
    });
    this.borders = new VectorImageLayer({
      source: this.source,
      zIndex: 4,
      style: (_feature, resolution) =>
        resolution > styles.CASED_M ? styles.border(this.level, false) : [styles.casing(this.level), styles.border(this.level, false)],
    });
    this.marked = new VectorLayer({ source: new VectorSource(), zIndex: 5, style: styles.selection });
    for (const layer of [this.fills, this.borders, this.marked]) map.addLayer(layer);
    this.surroundings = new Surroundings(map, this.source);
    /** What the mouse does. @type {BorderDrag | Drawing | UnitBrush | BoxPick | null} */
    this.gesture = null;
  }

  /** Shows zones; those that are shown already as they are stay untouched.
   * @param {PlanZone[]} zones none when no plan is open
   */
  show(zones) {
    const kept = new Map(zones.map((zone) => [zone.code, zone]));
    const gone = this.source.getFeatures().filter((feature) => kept.get(String(feature.getId())) !== feature.get("zone"));
    const here = new Set(this.source.getFeatures().map((feature) => feature.get("zone")));
    for (const feature of gone) this.source.removeFeature(feature);
    this.source.addFeatures(zones.filter((zone) => !here.has(zone)).map(featureOf));
    this.#mark();
    this.gesture?.reset?.();
  }

  /** Puts everything back to where the service has it, after a refusal. */
  restore() {
    this.gesture?.reset?.();
  }

  /** @param {{ level: string, colours: Map<string, string> | null, picked: string[] }} look */
  look({ level, colours, picked }) {
    const recoloured = !sameColours(colours, this.colours);
    const relevelled = level !== this.level;
    [this.level, this.colours, this.picked] = [level, colours, picked];
    if (recoloured) this.fills.changed();
    if (relevelled) this.borders.changed();
    this.#mark();
  }

  #mark() {
    const source = /** @type {VectorSource} */ (this.marked.getSource());
    const wanted = this.picked.flatMap((code) => this.source.getFeatureById(code) ?? []);
    const now = new Set(wanted);
    if (source.getFeatures().length === now.size && source.getFeatures().every((feature) => now.has(feature))) return;
    source.clear(true);
    source.addFeatures(/** @type {Feature[]} */ (wanted));
  }

  /** Lets the mouse do something else.
   * @param {Gesture | ""} gesture
   */
  use(gesture) {
    this.gesture?.dispose();
    this.gesture = this.#make(gesture);
  }

  /** @param {Gesture | ""} gesture */
  #make(gesture) {
    switch (gesture) {
      case "drag":
        return new BorderDrag(this.map, this.source, this.surroundings, this.events);
      case "line":
      case "area":
      case "measure":
        return new Drawing(this.map, gesture, this.surroundings, {
          ondrawing: this.events.ondrawing,
          ondrawn: (coordinates, middle) => this.events.ondrawn(coordinates, this.at(middle)),
        });
      case "units":
        return new UnitBrush(this.map, this.events);
      case "pick":
        return new BoxPick(this.map, this.source, this.events.onboxed);
      default:
        return null;
    }
  }

  /** Whether something is drawn now, or could be. For tests. */
  get draw() {
    return this.gesture instanceof Drawing ? this.gesture.draw : null;
  }

  /** Ends the line or area that is being drawn. */
  finish() {
    if (this.gesture instanceof Drawing) this.gesture.finish();
  }

  /** Code of the zone at a place on the map; the smallest one where several overlap.
   * @param {number[]} coordinate
   */
  at(coordinate) {
    const area = (/** @type {Feature} */ feature) => /** @type {any} */ (feature.getGeometry()).getArea();
    const [feature] = this.source.getFeaturesAtCoordinate(coordinate).sort((a, b) => area(a) - area(b));
    return feature ? String(feature.getId()) : null;
  }
}

/** @param {PlanZone} zone */
function featureOf(zone) {
  const feature = new Feature({ geometry: GEOJSON.readGeometry(zone.geometry) ?? undefined, zone });
  feature.setId(zone.code);
  return feature;
}

/** @param {Map<string, string> | null} a @param {Map<string, string> | null} b */
function sameColours(a, b) {
  if (a === null || b === null) return a === b;
  if (a.size !== b.size) return false;
  for (const [code, colour] of a) if (b.get(code) !== colour) return false;
  return true;
}
