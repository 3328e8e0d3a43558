// Dragging borders. The library's shared-vertex Modify works on copies of the zones near the pointer: the zones
// themselves stay as the service has them until it answers.
import Collection from "ol/Collection.js";
import Feature from "ol/Feature.js";
import Modify from "ol/interaction/Modify.js";
import VectorLayer from "ol/layer/Vector.js";
import { altKeyOnly } from "ol/events/condition.js";
import { toLonLat } from "ol/proj.js";
import VectorSource from "ol/source/Vector.js";
import { changeBetween, mergedChange } from "../shapes.js";
import * as styles from "./styles.js";

/**
 * @typedef {import("../contract").LonLat} LonLat
 * @typedef {import("../shapes").BorderChange} BorderChange
 */

/** Pixels around the pointer within which a border is taken hold of. */
const HOLD_PX = 10;

/** Pixels by which a new vertex has to be dragged away: a mere click on a border puts none in. */
const PULL_PX = 4;

/** Drags the borders of the zones of a source. */
export class BorderDrag {
  /**
   * @param {import("ol/Map.js").default} map
   * @param {VectorSource<Feature>} source
   * @param {import("./snapping").Surroundings} surroundings
   * @param {Pick<import("./plan").PlanEvents, "ondragged" | "ondragging">} events
   */
  constructor(map, source, surroundings, events) {
    this.map = map;
    this.source = source;
    this.surroundings = surroundings;
    this.events = events;
    /** Copies of the zones in reach of the pointer. @type {Collection<Feature>} */
    this.near = new Collection();
    /** Codes of the zones whose copies are moved; they are shown until the service has answered. @type {Set<Feature>} */
    this.moved = new Set();
    this.held = false;
    this.from = [0, 0];
    this.layer = new VectorLayer({
      source: new VectorSource({ features: this.near }),
      zIndex: 6,
      style: (feature) => (this.moved.has(/** @type {Feature} */ (feature)) ? styles.dragged : undefined),
      updateWhileInteracting: true,
    });
    this.modify = new Modify({
      features: this.near,
      pixelTolerance: HOLD_PX,
      // With Alt a vertex is taken away: never put in another first.
      insertVertexCondition: (event) => !altKeyOnly(event),
      deleteCondition: (event) => event.type === "click" && altKeyOnly(event),
      style: styles.vertex,
    });
    this.snap = surroundings.interaction();
    this.modify.on("modifystart", (event) => this.#start(event));
    this.modify.on("modifyend", (event) => this.#end(event));
    this.hear = (/** @type {import("ol/MapBrowserEvent.js").default} */ event) => this.#gather(event);
    this.watch = (/** @type {import("ol/MapBrowserEvent.js").default} */ event) => this.#dragging(event);
    map.addLayer(this.layer);
    map.addInteraction(this.modify);
    map.addInteraction(this.snap);
    // The map's own listeners come before its interactions, so that a border is at hand when it is pressed.
    map.on("pointermove", this.hear);
    map.on(/** @type {any} */ ("pointerdown"), this.hear);
    map.on("pointerdrag", this.watch);
  }

  dispose() {
    this.map.un("pointermove", this.hear);
    this.map.un(/** @type {any} */ ("pointerdown"), this.hear);
    this.map.un("pointerdrag", this.watch);
    this.map.removeInteraction(this.snap);
    this.map.removeInteraction(this.modify);
    this.map.removeLayer(this.layer);
    this.reset();
  }

  /** Lets go of the copies: the zones have changed, or stay as they are. */
  reset() {
    if (this.held) return;
    this.moved.clear();
    this.near.clear();
    this.surroundings.without.clear();
    this.surroundings.forget();
    this.events.ondragging(null, this.from);
  }

  /** Copies the zones in reach. @param {import("ol/MapBrowserEvent.js").default} event */
  #gather(event) {
    if (this.held || this.moved.size > 0 || event.dragging) return;
    const [x, y] = event.coordinate;
    const reach = 2 * HOLD_PX * (this.map.getView().getResolution() ?? 1);
    const extent = [x - reach, y - reach, x + reach, y + reach];
    const wanted = new Map(this.source.getFeaturesInExtent(extent).map((feature) => [feature.get("zone"), feature]));
    for (const copy of [...this.near.getArray()]) {
      if (!wanted.delete(copy.get("zone"))) this.near.remove(copy);
    }
    for (const [zone, feature] of wanted) {
      this.near.push(new Feature({ geometry: feature.getGeometry()?.clone(), zone, whole: feature.getGeometry() }));
    }
    this.surroundings.look(event.coordinate);
  }

  /** @param {import("ol/interaction/Modify.js").ModifyEvent} event */
  #start({ features, mapBrowserEvent }) {
    this.held = true;
    this.from = mapBrowserEvent?.pixel ?? [0, 0];
    this.moved = new Set(features.getArray());
    this.surroundings.without = new Set(features.getArray().map((copy) => copy.get("zone").code));
    this.surroundings.forget();
    this.layer.changed();
  }

  /** @param {import("ol/MapBrowserEvent.js").default} event */
  #dragging(event) {
    if (!this.held) return;
    this.surroundings.look(event.coordinate);
    this.events.ondragging(this.#change(), event.pixel);
  }

  /** @param {import("ol/interaction/Modify.js").ModifyEvent} event */
  #end({ mapBrowserEvent }) {
    this.held = false;
    const change = this.#change();
    const pixel = mapBrowserEvent?.pixel ?? this.from;
    const pulled = Math.hypot(pixel[0] - this.from[0], pixel[1] - this.from[1]) >= PULL_PX;
    this.surroundings.without.clear();
    if (change && (pulled || change.removes.length > 0)) {
      this.events.ondragging(null, pixel);
      this.events.ondragged(change);
    } else this.reset();
  }

  /** What is different from the service's zones; null for nothing. */
  #change() {
    const changes = [...this.moved].map((copy) => {
      const [was, is] = [ringsOf(copy.get("whole")), ringsOf(copy.getGeometry())];
      return changeBetween(copy.get("zone").geometry, was, is, lonLat);
    });
    return mergedChange(changes);
  }
}

/** Rings of a polygon or of all polygons. @param {any} geometry @returns {number[][][]} */
const ringsOf = (geometry) =>
  geometry.getType() === "Polygon" ? geometry.getCoordinates() : geometry.getCoordinates().flat(1);

/** @param {number[]} coordinate @returns {LonLat} */
const lonLat = (coordinate) => /** @type {LonLat} */ (toLonLat(coordinate));
