// Who moves, on the map: arrows from zone to zone, as wide as there are households; from close by the subjects
// themselves, by kind.
import Feature from "ol/Feature.js";
import LineString from "ol/geom/LineString.js";
import Point from "ol/geom/Point.js";
import VectorLayer from "ol/layer/Vector.js";
import { fromLonLat } from "ol/proj.js";
import VectorSource from "ol/source/Vector.js";
import Circle from "ol/style/Circle.js";
import Fill from "ol/style/Fill.js";
import RegularShape from "ol/style/RegularShape.js";
import Stroke from "ol/style/Stroke.js";
import Style from "ol/style/Style.js";
import Text from "ol/style/Text.js";
import palette from "../../palette.json";
import { KIND_MARKS } from "../plan/kinds.js";
import { FONT } from "./styles.js";

/** Metres per pixel below which subjects are drawn one by one. */
const CLOSE = 3.5;

/** Width of the thickest arrow, in pixels. */
const WIDEST_PX = 14;

/**
 * @typedef {object} MoveView
 * @property {import("../contract").PlanFlow[]} flows
 * @property {{ kind: string, point: import("../contract").LonLat }[]} points
 */

/** Arrows and points. */
export class MovesLayer {
  /** @param {import("ol/Map.js").default} map */
  constructor(map) {
    this.most = 1;
    this.flows = new VectorLayer({ source: new VectorSource(), zIndex: 7, updateWhileAnimating: true, style: (feature) => this.#arrow(/** @type {Feature} */ (feature)) });
    this.points = new VectorLayer({ source: new VectorSource(), zIndex: 6, maxResolution: CLOSE, style: (feature) => pointStyle(String(feature.get("kind"))) });
    map.addLayer(this.points);
    map.addLayer(this.flows);
  }

  /** @param {MoveView | null} view null for none */
  show(view) {
    const drawn = (view?.flows ?? []).filter(({ from_point, to_point }) => from_point && to_point);
    this.most = Math.max(1, ...drawn.map(sizeOf));
    refill(
      this.flows,
      drawn.map((flow) => {
        const ends = [flow.from_point, flow.to_point].map((point) => fromLonLat(/** @type {import("../contract").LonLat} */ (point)));
        return new Feature({ geometry: new LineString(bent(ends[0], ends[1])), size: sizeOf(flow), from: flow.from, to: flow.to });
      }),
    );
    refill(this.points, (view?.points ?? []).map(({ kind, point }) => new Feature({ geometry: new Point(fromLonLat(point)), kind })));
  }

  /** @param {Feature} feature */
  #arrow(feature) {
    const line = /** @type {LineString} */ (feature.getGeometry());
    const size = Number(feature.get("size"));
    const width = widthOf(size, this.most);
    const coordinates = line.getCoordinates();
    const [before, tip] = coordinates.slice(-2);
    const rotation = -Math.atan2(tip[1] - before[1], tip[0] - before[0]) + Math.PI / 2;
    const color = palette.selection;
    return [
      new Style({ stroke: new Stroke({ color: "#ffffffcc", width: width + 3, lineCap: "butt" }) }),
      new Style({ stroke: new Stroke({ color: `${color}c0`, width, lineCap: "butt" }) }),
      new Style({
        geometry: new Point(tip),
        image: new RegularShape({ points: 3, radius: width / 2 + 7, rotation, rotateWithView: true, fill: new Fill({ color }), stroke: new Stroke({ color: "#ffffff", width: 1.5 }) }),
      }),
      new Style({
        geometry: new Point(line.getCoordinateAt(0.5)),
        text: new Text({ text: size.toLocaleString("en-US"), font: `600 12px ${FONT}`, fill: new Fill({ color: palette.ink }), stroke: new Stroke({ color: "#ffffffe6", width: 3.5 }), overflow: true }),
      }),
    ];
  }
}

/** Subjects of a flow: households, or all of them where no household moves.
 * @param {import("../contract").PlanFlow} flow
 */
const sizeOf = ({ counts }) => counts.household || Object.values(counts).reduce((sum, count) => Number(sum) + Number(count ?? 0), 0) || 0;

/** @param {number} size @param {number} most */
export const widthOf = (size, most) => 2 + (WIDEST_PX - 2) * Math.sqrt(size / most);

/** A gentle curve, so that the arrow back is another. @param {number[]} from @param {number[]} to */
function bent([x, y], [u, v]) {
  const [mx, my] = [(x + u) / 2 - (v - y) * 0.15, (y + v) / 2 + (u - x) * 0.15];
  return Array.from({ length: 17 }, (_, step) => {
    const s = step / 16;
    return [(1 - s) ** 2 * x + 2 * s * (1 - s) * mx + s * s * u, (1 - s) ** 2 * y + 2 * s * (1 - s) * my + s * s * v];
  });
}

/** @type {Map<string, Style>} */
const marks = new Map();

/** @param {string} kind */
function pointStyle(kind) {
  let style = marks.get(kind);
  if (!style) {
    const { color, points } = /** @type {Record<string, { color: string, points: number }>} */ (KIND_MARKS)[kind] ?? { color: "#636363", points: 0 };
    const fill = new Fill({ color });
    const stroke = new Stroke({ color: "#ffffff", width: 0.8 });
    style = new Style({ image: points ? new RegularShape({ points, radius: 5.5, angle: points === 4 ? Math.PI / 4 : 0, fill, stroke }) : new Circle({ radius: 3, fill, stroke }) });
    marks.set(kind, style);
  }
  return style;
}

/** @param {VectorLayer} layer @param {Feature[]} features */
function refill(layer, features) {
  const source = /** @type {VectorSource} */ (layer.getSource());
  source.clear(true);
  source.addFeatures(features);
}
