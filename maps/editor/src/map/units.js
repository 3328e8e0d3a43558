// Giving blocks, estates and buildings to a zone by clicking or dragging over them. What would be given is shown under
// the pointer; the service says what lies there.
import Feature from "ol/Feature.js";
import GeoJSON from "ol/format/GeoJSON.js";
import Pointer from "ol/interaction/Pointer.js";
import VectorLayer from "ol/layer/Vector.js";
import { toLonLat } from "ol/proj.js";
import VectorSource from "ol/source/Vector.js";
import * as styles from "./styles.js";

/**
 * @typedef {import("../contract").LonLat} LonLat
 * @typedef {{ kind: "estate" | "building" | "block", name: string | null, geometry: import("../contract").Geometry }} Unit
 */

const GEOJSON = new GeoJSON({ dataProjection: "EPSG:4326", featureProjection: "EPSG:3857" });

/** Pixels between two places of a stroke at which the service is asked. */
const STEP_PX = 14;

/** Gives units to a zone. */
export class UnitBrush {
  /**
   * @param {import("ol/Map.js").default} map
   * @param {Pick<import("./plan").PlanEvents, "unitAt" | "onbrushing" | "onbrushed">} events
   */
  constructor(map, events) {
    this.map = map;
    this.events = events;
    /** Units of the stroke by what they are. @type {Map<string, Unit>} */
    this.given = new Map();
    /** Places of the stroke that the service was not asked about yet. @type {{ point: LonLat, alone: boolean }[]} */
    this.ahead = [];
    /** @type {Promise<void> | null} */
    this.asking = null;
    /** Where the pointer is, and was when the service was asked last. */
    this.pixel = [0, 0];
    this.asked = [-Infinity, -Infinity];
    /** What the pointer is over. @type {{ point: LonLat, alone: boolean } | null} */
    this.under = null;
    this.down = false;
    /** Whether a stroke is under way, from the press until all that it went over is given. */
    this.stroke = false;
    this.disposed = false;
    this.hovered = new VectorSource();
    this.painted = new VectorSource();
    this.layers = [
      new VectorLayer({ source: this.painted, zIndex: 6, style: styles.given }),
      new VectorLayer({ source: this.hovered, zIndex: 7, style: styles.offered }),
    ];
    this.pointer = new Pointer({
      handleDownEvent: (event) => this.#press(event),
      handleDragEvent: (event) => this.#stroke(event),
      handleUpEvent: () => this.#lift(),
      handleMoveEvent: (event) => this.#hover(event),
    });
    for (const layer of this.layers) map.addLayer(layer);
    map.addInteraction(this.pointer);
  }

  dispose() {
    this.disposed = true;
    this.map.removeInteraction(this.pointer);
    for (const layer of this.layers) this.map.removeLayer(layer);
    this.events.onbrushing([], this.pixel);
  }

  /** The zones have changed: the stroke is done. */
  reset() {
    if (this.stroke) return;
    this.given.clear();
    this.painted.clear();
    this.hovered.clear();
    this.asked = [-Infinity, -Infinity];
  }

  /** @param {import("ol/MapBrowserEvent.js").default} event */
  #place({ coordinate, originalEvent }) {
    return { point: /** @type {LonLat} */ (toLonLat(coordinate)), alone: /** @type {MouseEvent} */ (originalEvent).altKey };
  }

  /** Whether the pointer is away from where the service was asked. */
  get #far() {
    return Math.hypot(this.pixel[0] - this.asked[0], this.pixel[1] - this.asked[1]) >= STEP_PX;
  }

  /** @param {import("ol/MapBrowserEvent.js").default} event */
  #hover(event) {
    this.pixel = event.pixel;
    this.under = this.#place(event);
    this.#offer();
  }

  /** Asks what could be given under the pointer, and again if it has gone on when the answer comes. */
  #offer() {
    if (this.stroke || this.asking || this.disposed || !this.under || !this.#far) return;
    this.asked = this.pixel;
    this.asking = this.events.unitAt(this.under.point, this.under.alone).then((unit) => {
      this.asking = null;
      if (this.disposed || this.stroke) return;
      this.hovered.clear(true);
      if (unit) this.hovered.addFeature(featureOf(unit));
      this.events.onbrushing(unit ? [unit] : [], this.pixel);
      this.#offer();
    });
  }

  /** @param {import("ol/MapBrowserEvent.js").default} event */
  #press(event) {
    const { button, shiftKey } = /** @type {MouseEvent} */ (event.originalEvent);
    if (button !== 0 || shiftKey) return false;
    [this.down, this.stroke] = [true, true];
    this.given.clear();
    this.painted.clear();
    this.hovered.clear();
    this.asked = event.pixel;
    this.ahead = [this.#place(event)];
    this.#follow();
    return true;
  }

  /** @param {import("ol/MapBrowserEvent.js").default} event */
  #stroke(event) {
    this.pixel = event.pixel;
    if (!this.#far) return;
    this.asked = event.pixel;
    this.ahead.push(this.#place(event));
    this.#follow();
  }

  #lift() {
    this.down = false;
    this.#follow();
    return false;
  }

  /** Asks about the places of the stroke one after another; gives what was found when the mouse is up. */
  #follow() {
    if (this.asking) return void this.asking.then(() => this.#follow());
    const next = this.ahead.shift();
    if (next) {
      this.asking = this.events.unitAt(next.point, next.alone).then((unit) => {
        this.asking = null;
        if (this.disposed || !unit) return;
        const key = JSON.stringify(unit.geometry);
        if (this.given.has(key)) return;
        this.given.set(key, unit);
        this.painted.addFeature(featureOf(unit));
        this.events.onbrushing([...this.given.values()], this.pixel);
      });
      return void this.asking.then(() => this.#follow());
    }
    if (this.down || this.disposed) return;
    this.stroke = false;
    if (this.given.size === 0) return;
    const units = [...this.given.values()];
    this.given.clear();
    this.events.onbrushed(units);
  }
}

/** @param {Unit} unit */
const featureOf = ({ geometry }) => new Feature(GEOJSON.readGeometry(geometry) ?? undefined);
