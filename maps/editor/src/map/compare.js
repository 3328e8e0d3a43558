// Two states of the zones on the map: pieces that differ, a bar that is swiped over them, or two maps beside each
// other that move as one.
import Feature from "ol/Feature.js";
import GeoJSON from "ol/format/GeoJSON.js";
import VectorLayer from "ol/layer/Vector.js";
import OlMap from "ol/Map.js";
import { getRenderPixel } from "ol/render.js";
import VectorSource from "ol/source/Vector.js";
import Fill from "ol/style/Fill.js";
import Stroke from "ol/style/Stroke.js";
import Style from "ol/style/Style.js";
import Text from "ol/style/Text.js";
import palette from "../../palette.json";
import { tailOf } from "../plan/codes.js";
import * as layers from "./layers.js";
import { FONT } from "./styles.js";

const GEOJSON = new GeoJSON({ dataProjection: "EPSG:4326", featureProjection: "EPSG:3857" });

/**
 * @typedef {object} View
 * @property {import("../plan/comparing").Way} way
 * @property {string} level
 * @property {string[]} layers that the level is in
 * @property {(layer: string) => string} before address template of the tiles on the left
 * @property {((layer: string) => string) | null} after those on the right; null when they are on the map already
 * @property {[string, string]} names
 * @property {{ geometry: import("../contract").Geometry, from: string | null, to: string | null }[]} differences
 */

/** @typedef {{ fills: import("ol/layer/VectorTile.js").default, borders: import("ol/layer/VectorTile.js").default }} Pair */

/** How far an arrow key moves the bar, as a share of the map's width. */
const STEP = 0.05;

/** What is compared on one map. */
export class CompareView {
  /**
   * @param {OlMap} map
   * @param {HTMLElement} element that the map is in
   * @param {() => import("ol/layer/Layer.js").default[]} drawn layers of the zones that are on the map now
   */
  constructor(map, element, drawn) {
    this.map = map;
    this.element = element;
    this.drawn = drawn;
    /** Where the bar is, as a share of the map's width. */
    this.at = 0.5;
    this.key = "";
    /** @type {(() => void)[]} what undoes what is shown */
    this.undo = [];
    this.pieces = new VectorLayer({ source: new VectorSource(), zIndex: 5, style: pieceStyle, declutter: true });
    map.addLayer(this.pieces);
    this.bar = document.createElement("div");
    this.bar.className = "swipe";
    this.bar.tabIndex = 0;
    this.bar.setAttribute("role", "slider");
    this.bar.setAttribute("aria-valuemin", "0");
    this.bar.setAttribute("aria-valuemax", "100");
    this.bar.hidden = true;
    this.bar.addEventListener("pointerdown", (event) => this.bar.setPointerCapture(event.pointerId));
    this.bar.addEventListener("pointermove", (event) => {
      if (this.bar.hasPointerCapture(event.pointerId)) this.#swipe((event.clientX - element.getBoundingClientRect().left) / element.clientWidth);
    });
    this.bar.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      this.#swipe(this.at + step);
    });
    this.second = document.createElement("div");
    this.second.className = "map second";
    this.second.id = "map-before";
    this.second.hidden = true;
    element.after(this.second, this.bar);
  }

  /** @param {View | null} view null for nothing */
  show(view) {
    const source = /** @type {VectorSource} */ (this.pieces.getSource());
    source.clear(true);
    for (const { geometry, from, to } of view?.way === "difference" ? view.differences : []) {
      source.addFeature(new Feature({ geometry: GEOJSON.readGeometry(geometry) ?? undefined, from, to }));
    }
    const key = view ? JSON.stringify([view.way, view.level, view.layers.map(view.before), view.after && view.layers.map(view.after), view.names]) : "";
    // Layers come and go with edits and look: what is shown is set up again only when it is another comparison.
    if (key === this.key && view?.way !== "swipe") return;
    this.key = key;
    for (const act of this.undo.splice(0)) act();
    if (!view || view.way === "difference") return;
    if (view.way === "swipe") this.#showSwipe(view);
    else this.#showBeside(view);
  }

  /** @param {number} at */
  #swipe(at) {
    this.at = Math.min(0.98, Math.max(0.02, at));
    this.bar.style.left = `${this.at * 100}%`;
    this.bar.setAttribute("aria-valuenow", String(Math.round(this.at * 100)));
    this.map.render();
  }

  /** @param {View} view */
  #showSwipe(view) {
    const before = this.#pairs(view, view.before);
    const after = view.after ? this.#pairs(view, view.after) : [];
    for (const layer of [...before, ...after].flatMap(({ fills, borders }) => [fills, borders])) {
      this.map.addLayer(layer);
      this.undo.push(() => this.map.removeLayer(layer));
    }
    for (const { fills, borders } of before) for (const layer of [fills, borders]) this.#clip(layer, "left");
    const drawn = this.drawn();
    if (after.length > 0) {
      for (const { fills, borders } of after) for (const layer of [fills, borders]) this.#clip(layer, "right");
      for (const layer of drawn) this.#clip(layer, "none");
    } else for (const layer of drawn) this.#clip(layer, "right");
    this.bar.hidden = false;
    this.bar.dataset.before = view.names[0];
    this.bar.dataset.after = view.names[1];
    this.bar.setAttribute("aria-label", view.names.join(" | "));
    this.undo.push(() => {
      this.bar.hidden = true;
      this.map.render();
    });
    this.#swipe(this.at);
  }

  /** Draws a layer on one side of the bar only.
   * @param {import("ol/layer/Layer.js").default} layer
   * @param {"left" | "right" | "none"} side
   */
  #clip(layer, side) {
    const before = (/** @type {import("ol/render/Event.js").default} */ event) => {
      const context = /** @type {CanvasRenderingContext2D} */ (event.context);
      const [width, height] = this.map.getSize() ?? [0, 0];
      const [from, to] = side === "left" ? [0, this.at * width] : side === "right" ? [this.at * width, width] : [0, 0];
      const corners = [[from, 0], [to, 0], [to, height], [from, height]].map((pixel) => getRenderPixel(event, pixel));
      context.save();
      context.beginPath();
      corners.forEach(([x, y], index) => (index === 0 ? context.moveTo(x, y) : context.lineTo(x, y)));
      context.closePath();
      context.clip();
    };
    const after = (/** @type {import("ol/render/Event.js").default} */ event) => /** @type {CanvasRenderingContext2D} */ (event.context).restore();
    layer.on("prerender", before);
    layer.on("postrender", after);
    this.undo.push(() => {
      layer.un("prerender", before);
      layer.un("postrender", after);
    });
  }

  /** @param {View} view */
  #showBeside(view) {
    const extent = this.map.getView().calculateExtent(this.map.getSize());
    this.second.hidden = false;
    this.second.dataset.name = view.names[0];
    this.element.dataset.name = view.names[1];
    this.element.parentElement?.classList.add("beside");
    const pairs = this.#pairs(view, view.before);
    // One view for both maps: they move and zoom as one.
    const map = new OlMap({
      target: this.second,
      controls: [],
      view: this.map.getView(),
      layers: [layers.streetLayer(view.before("streets"), () => {}), ...pairs.flatMap(({ fills, borders }) => [fills, borders])],
    });
    const after = view.after ? this.#pairs(view, view.after).flatMap(({ fills, borders }) => [fills, borders]) : [];
    for (const layer of after) this.map.addLayer(layer);
    if (after.length > 0) for (const layer of this.drawn()) this.#clip(layer, "none");
    this.map.updateSize();
    // What was in view stays in view on half the width, and comes back to its size afterwards.
    this.map.getView().fit(extent, { size: this.map.getSize() });
    this.undo.push(() => {
      const now = this.map.getView().calculateExtent(this.map.getSize());
      map.setTarget(undefined);
      for (const layer of after) this.map.removeLayer(layer);
      this.second.hidden = true;
      delete this.element.dataset.name;
      this.element.parentElement?.classList.remove("beside");
      this.map.updateSize();
      this.map.getView().fit(now, { size: this.map.getSize() });
    });
  }

  /** @param {View} view @param {(layer: string) => string} tilesOf @returns {Pair[]} */
  #pairs(view, tilesOf) {
    return view.layers.map((layer) =>
      layers.zoneLayers(
        tilesOf(layer),
        { isShown: () => false, isActive: (level) => level === view.level, isDepartment: false, colourOf: () => null },
        () => {},
      ),
    );
  }
}

/** @param {import("ol/Feature.js").FeatureLike} feature @param {number} resolution */
function pieceStyle(feature, resolution) {
  const [from, to] = [feature.get("from"), feature.get("to")];
  const outer = from === null || to === null;
  return new Style({
    fill: new Fill({ color: `${palette.selection}${outer ? "26" : "59"}` }),
    stroke: new Stroke({ color: palette.selection, width: 1.5, lineDash: outer ? [5, 4] : undefined }),
    text:
      resolution > 12
        ? undefined
        : new Text({
            text: [from, to].map((code) => (code === null ? "∅" : tailOf(code))).join(" → "),
            font: `600 12px ${FONT}`,
            fill: new Fill({ color: palette.selection }),
            stroke: new Stroke({ color: "#ffffffe6", width: 3.5 }),
            overflow: true,
          }),
  });
}
