// Drawing lines, areas and measurements over the zones: points snap, and with Shift the line follows a border or street.
import Draw from "ol/interaction/Draw.js";
import VectorLayer from "ol/layer/Vector.js";
import { never, noModifierKeys, shiftKeyOnly } from "ol/events/condition.js";
import { toLonLat } from "ol/proj.js";
import VectorSource from "ol/source/Vector.js";
import { quantised } from "../shapes.js";
import * as styles from "./styles.js";

/** @typedef {import("../contract").LonLat} LonLat */

/**
 * @typedef {object} DrawingEvents
 * @property {import("./plan").PlanEvents["ondrawing"]} ondrawing
 * @property {(coordinates: LonLat[], middle: number[]) => void} ondrawn `middle` is a place on the map inside or on it
 */

/** Draws one line or area after the other. */
export class Drawing {
  /**
   * @param {import("ol/Map.js").default} map
   * @param {"line" | "area" | "measure"} what
   * @param {import("./snapping").Surroundings} surroundings
   * @param {DrawingEvents} events
   */
  constructor(map, what, surroundings, events) {
    this.map = map;
    this.closed = what === "area";
    this.surroundings = surroundings;
    this.events = events;
    this.pixel = [0, 0];
    /** What was measured stays on the map until something else is drawn. */
    this.kept = what === "measure" ? new VectorLayer({ source: new VectorSource(), zIndex: 8, style: styles.sketch }) : null;
    this.draw = new Draw({
      type: this.closed ? "Polygon" : "LineString",
      style: styles.sketch,
      // A click with Shift is a point as well, from which a border or street is followed.
      condition: (event) => noModifierKeys(event) || shiftKeyOnly(event),
      freehandCondition: never,
      trace: shiftKeyOnly,
      traceSource: surroundings.source,
      source: this.kept?.getSource() ?? undefined,
    });
    this.draw.on("drawstart", ({ feature }) => {
      this.kept?.getSource()?.clear();
      feature.getGeometry()?.on("change", (event) => this.#drawing(/** @type {any} */ (event.target)));
    });
    this.draw.on("drawabort", () => events.ondrawing(null, this.pixel));
    this.draw.on("drawend", ({ feature }) => {
      const geometry = /** @type {any} */ (feature.getGeometry());
      const middle = this.closed ? geometry.getInteriorPoint().getCoordinates() : geometry.getCoordinateAt(0.5);
      events.ondrawn(this.#positions(geometry, false), middle);
    });
    this.snap = surroundings.interaction();
    this.hear = (/** @type {import("ol/MapBrowserEvent.js").default} */ event) => {
      this.pixel = event.pixel;
      surroundings.look(event.coordinate);
    };
    if (this.kept) map.addLayer(this.kept);
    map.addInteraction(this.draw);
    map.addInteraction(this.snap);
    map.on("pointermove", this.hear);
    map.on(/** @type {any} */ ("pointerdown"), this.hear);
  }

  dispose() {
    this.map.un("pointermove", this.hear);
    this.map.un(/** @type {any} */ ("pointerdown"), this.hear);
    this.map.removeInteraction(this.snap);
    this.map.removeInteraction(this.draw);
    if (this.kept) this.map.removeLayer(this.kept);
    this.surroundings.forget();
    this.events.ondrawing(null, this.pixel);
  }

  /** The zones have changed: what lies around is looked up anew. */
  reset() {
    this.surroundings.forget();
  }

  finish() {
    this.draw.finishDrawing();
  }

  /** @param {any} geometry with the point under the mouse as its last */
  #drawing(geometry) {
    const coordinates = this.#positions(geometry, true);
    const enough = coordinates.length >= (this.closed ? 4 : 2);
    this.events.ondrawing(enough ? { coordinates, closed: this.closed } : null, this.pixel);
  }

  /** @param {any} geometry @param {boolean} drawing @returns {LonLat[]} */
  #positions(geometry, drawing) {
    const all = (this.closed ? geometry.getCoordinates()[0] : geometry.getCoordinates()).map(
      (/** @type {number[]} */ at) => toLonLat(at).map(quantised),
    );
    if (!drawing) return all;
    const distinct = all.filter((/** @type {LonLat} */ at, /** @type {number} */ k) => k === 0 || at.join() !== all[k - 1].join());
    if (this.closed && distinct.length > 2 && distinct[0].join() !== distinct.at(-1)?.join()) distinct.push(distinct[0]);
    return distinct;
  }
}
