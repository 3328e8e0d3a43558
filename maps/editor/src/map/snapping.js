// What a drawn point or a dragged vertex snaps to: borders of zones, streets, estates, buildings near the pointer.
// Only what is near is indexed, so that it costs the same however much the map shows.
import Collection from "ol/Collection.js";
import Feature from "ol/Feature.js";
import Snap from "ol/interaction/Snap.js";
import VectorTileLayer from "ol/layer/VectorTile.js";
import { toFeature } from "ol/render/Feature.js";
import VectorSource from "ol/source/Vector.js";

/** Pixels within which a point takes the place of a vertex or a border. */
const SNAP_PX = 8;

/** Pixels around the pointer that are indexed, and by which it moves before they are indexed anew. */
const REACH_PX = 72;
const STRIDE_PX = 40;

/** Layers of tiles whose features are snapped to: their z-index tells them from zones. */
const SNAPPED = new Set(["streets", "footprints"]);

/** Borders, streets and footprints near the pointer. */
export class Surroundings {
  /** @param {import("ol/Map.js").default} map @param {VectorSource<Feature>} zones */
  constructor(map, zones) {
    this.map = map;
    this.zones = zones;
    /** Whether points snap at all. */
    this.on = true;
    /** @type {Collection<Feature>} */
    this.features = new Collection();
    /** The same, as what lines are traced along. */
    this.source = new VectorSource({ features: this.features });
    /** Zones that are dragged: their borders are on the move. @type {Set<string>} */
    this.without = new Set();
    /** @type {number[] | null} */
    this.around = null;
    this.shownAt = 0;
  }

  /** @returns {Snap} */
  interaction() {
    return new Snap({ features: this.features, pixelTolerance: SNAP_PX });
  }

  /** Looks around a place on the map, if it is not the one that was looked around already.
   * @param {number[]} coordinate
   */
  look(coordinate) {
    const resolution = this.map.getView().getResolution() ?? 1;
    const near =
      this.around &&
      this.shownAt === resolution &&
      Math.hypot(coordinate[0] - this.around[0], coordinate[1] - this.around[1]) < STRIDE_PX * resolution;
    if (near) return;
    [this.around, this.shownAt] = [coordinate, resolution];
    this.#gather();
  }

  /** Switches snapping on or off: without it lines are not traced either. @param {boolean} on */
  turn(on) {
    if (on === this.on) return;
    this.on = on;
    this.forget();
  }

  /** Forgets what lies around, since it changed. */
  forget() {
    this.around = null;
    this.features.clear();
  }

  #gather() {
    this.features.clear();
    if (!this.on || !this.around) return;
    const [[x, y], reach] = [this.around, REACH_PX * this.shownAt];
    const extent = [x - reach, y - reach, x + reach, y + reach];
    /** @type {Feature[]} */ const found = [];
    this.zones.forEachFeatureIntersectingExtent(extent, (feature) => {
      if (!this.without.has(String(feature.getId()))) found.push(new Feature(feature.getGeometry()));
    });
    for (const layer of this.map.getLayers().getArray()) {
      if (!(layer instanceof VectorTileLayer) || !layer.getVisible() || !SNAPPED.has(layer.get("snaps"))) continue;
      for (const feature of layer.getFeaturesInExtent(extent)) found.push(toFeature(/** @type {any} */ (feature)));
    }
    this.features.extend(found);
  }
}
