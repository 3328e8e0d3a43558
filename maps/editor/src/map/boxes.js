// Picking several zones at once with a box: Shift and drag.
import DragBox from "ol/interaction/DragBox.js";
import { shiftKeyOnly } from "ol/events/condition.js";

/** Picks the zones that a box touches. */
export class BoxPick {
  /**
   * @param {import("ol/Map.js").default} map
   * @param {import("ol/source/Vector.js").default} source
   * @param {(codes: string[]) => void} onboxed
   */
  constructor(map, source, onboxed) {
    this.map = map;
    this.box = new DragBox({ condition: shiftKeyOnly, className: "pick-box" });
    this.box.on("boxend", () => {
      /** @type {string[]} */ const codes = [];
      source.forEachFeatureIntersectingExtent(this.box.getGeometry().getExtent(), (feature) => {
        codes.push(String(feature.getId()));
      });
      onboxed(codes.sort());
    });
    map.addInteraction(this.box);
  }

  /** Nothing is held between two boxes. @type {undefined} */
  reset;

  dispose() {
    this.map.removeInteraction(this.box);
  }
}
