// What people leave on the map of a plan: edits that wait, comments, where others work, a proposal.
import Feature from "ol/Feature.js";
import GeoJSON from "ol/format/GeoJSON.js";
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
import { FONT } from "./styles.js";

const GEOJSON = new GeoJSON({ dataProjection: "EPSG:4326", featureProjection: "EPSG:3857" });

/** Others' zones: neither the blue of one's own selection nor the red and amber of faults and warnings. */
const COMPANY = "#00796b";

const WAITING = new Style({
  stroke: new Stroke({ color: palette.selection, width: 2, lineDash: [3, 5] }),
  fill: new Fill({ color: `${palette.selection}14` }),
});

const PROPOSED = [
  new Style({ stroke: new Stroke({ color: "#ffffff", width: 4.5 }) }),
  new Style({ stroke: new Stroke({ color: palette.selection, width: 2, lineDash: [7, 4] }) }),
];

/** Layers over the zones. */
export class Marks {
  /** @param {import("ol/Map.js").default} map */
  constructor(map) {
    this.waiting = layer(map, 7, () => WAITING);
    this.proposed = layer(map, 5, () => PROPOSED);
    this.company = layer(map, 6, (feature) => companyStyle(String(feature.get("name"))));
    this.comments = layer(map, 8, (feature) => pinStyle(String(feature.get("label")), Boolean(feature.get("resolved"))));
  }

  /** Where edits will be made once the service can be reached. @param {import("../contract").Geometry[]} geometries */
  showWaiting(geometries) {
    refill(this.waiting, geometries.map((geometry) => new Feature({ geometry: shapeOf(geometry) })));
  }

  /** @param {import("../contract").Geometry[]} geometries */
  showProposed(geometries) {
    refill(this.proposed, geometries.map((geometry) => new Feature({ geometry: shapeOf(geometry) })));
  }

  /** Zones that others work at, with their names. @param {{ name: string, geometry: import("../contract").Geometry }[]} others */
  showCompany(others) {
    refill(this.company, others.map(({ name, geometry }) => new Feature({ geometry: shapeOf(geometry), name })));
  }

  /** @param {import("../contract").Comment[]} comments */
  showComments(comments) {
    const order = comments.map(({ id }) => id).sort((a, b) => a - b);
    refill(
      this.comments,
      comments.map(
        ({ id, point, resolved_at }) =>
          new Feature({ geometry: new Point(fromLonLat(point)), id, label: order.indexOf(id) + 1, resolved: resolved_at !== null }),
      ),
    );
  }

  /** The comment at a pixel. @param {import("ol/Map.js").default} map @param {number[]} pixel @returns {number | null} */
  commentAt(map, pixel) {
    /** @type {number | null} */ let found = null;
    map.forEachFeatureAtPixel(pixel, (feature) => (found ??= feature.get("id")), { layerFilter: (one) => one === this.comments, hitTolerance: 3 });
    return found;
  }
}

/** @param {string} name */
function companyStyle(name) {
  return [
    new Style({ stroke: new Stroke({ color: COMPANY, width: 3, lineDash: [8, 4] }) }),
    new Style({
      text: new Text({
        text: name,
        font: `600 12px ${FONT}`,
        fill: new Fill({ color: "#ffffff" }),
        backgroundFill: new Fill({ color: COMPANY }),
        padding: [2, 5, 1, 5],
        offsetY: 18,
        overflow: true,
      }),
    }),
  ];
}

/** @param {string} label @param {boolean} resolved */
function pinStyle(label, resolved) {
  const color = resolved ? "#7a8593" : "#174ea6";
  return [
    new Style({ image: new RegularShape({ points: 3, radius: 7, rotation: Math.PI, displacement: [0, 5], fill: new Fill({ color }) }) }),
    new Style({
      image: new Circle({ radius: 10, displacement: [0, 16], fill: new Fill({ color }), stroke: new Stroke({ color: "#ffffff", width: 1.5 }) }),
      text: new Text({ text: resolved ? "✓" : label, font: `600 11px ${FONT}`, fill: new Fill({ color: "#ffffff" }), offsetY: -15.5 }),
    }),
  ];
}

/**
 * @param {import("ol/Map.js").default} map
 * @param {number} zIndex
 * @param {import("ol/style/Style.js").StyleFunction} style
 */
function layer(map, zIndex, style) {
  const made = new VectorLayer({ source: new VectorSource(), style, zIndex, updateWhileAnimating: true });
  map.addLayer(made);
  return made;
}

/** @param {VectorLayer} of @param {Feature[]} features */
function refill(of, features) {
  const source = /** @type {VectorSource} */ (of.getSource());
  source.clear(true);
  source.addFeatures(features);
}

/** @param {import("../contract").Geometry} geometry */
const shapeOf = (geometry) => GEOJSON.readGeometry(geometry) ?? undefined;
