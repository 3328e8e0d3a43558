// Land that repairs would give to another zone: hatched blue, and for the one that is looked at who loses and who has it.
import Feature from "ol/Feature.js";
import GeoJSON from "ol/format/GeoJSON.js";
import Point from "ol/geom/Point.js";
import VectorLayer from "ol/layer/Vector.js";
import { fromLonLat } from "ol/proj.js";
import VectorSource from "ol/source/Vector.js";
import Fill from "ol/style/Fill.js";
import Stroke from "ol/style/Stroke.js";
import Style from "ol/style/Style.js";
import Text from "ol/style/Text.js";
import palette from "../../palette.json";
import { hatch } from "./hatch.js";
import { FONT } from "./styles.js";

/**
 * @typedef {import("../contract").Geometry} Geometry
 * @typedef {import("../contract").LonLat} LonLat
 */

/**
 * @typedef {object} Land
 * @property {number} number of the fault
 * @property {Geometry} geometry
 * @property {LonLat | null} point
 * @property {"open" | "accepted" | "declined"} state
 * @property {string} words who has it, from whom
 */

/**
 * A zone that a repair concerns.
 *
 * @typedef {{ code: string, name: string, geometry: Geometry, role: "from" | "to" }} Party
 */

const GEOJSON = new GeoJSON({ dataProjection: "EPSG:4326", featureProjection: "EPSG:3857" });

const LOSER = "#b26a00";

/** Proposals of repair on the map. */
export class RepairLayer {
  /** @param {import("ol/Map.js").default} map */
  constructor(map) {
    this.chosen = 0;
    this.land = layer(7.5, (feature) => this.#land(feature));
    this.parties = layer(5, (feature) => party(feature.get("role")));
    // Words lie over the borders of faults, the land below them.
    this.words = new VectorLayer({ source: /** @type {VectorSource} */ (this.land.getSource()), zIndex: 9.5, style: (feature) => (feature.get("number") === this.chosen && feature.get("at") ? callout(feature.get("words")) : undefined) });
    for (const each of [this.parties, this.land, this.words]) map.addLayer(each);
  }

  /** @param {Land[]} lands */
  show(lands) {
    refill(
      this.land,
      lands.map(({ number, geometry, point, state, words }) => {
        const feature = new Feature({ geometry: GEOJSON.readGeometry(geometry) ?? undefined, number, state, words });
        if (point) feature.set("at", new Point(fromLonLat(point)));
        return feature;
      }),
    );
  }

  /** @param {number} number of the fault looked at; 0 for none @param {Party[]} parties */
  choose(number, parties) {
    this.chosen = number;
    this.land.changed();
    this.words.changed();
    refill(
      this.parties,
      parties.map(({ geometry, role, code }) => new Feature({ geometry: GEOJSON.readGeometry(geometry) ?? undefined, role, code })),
    );
  }

  /** What is drawn, for tests: numbers of the land shown, codes of the zones that lose and have it. */
  drawn() {
    const features = /** @type {VectorSource} */ (this.land.getSource()).getFeatures();
    const parties = /** @type {VectorSource} */ (this.parties.getSource()).getFeatures();
    return {
      land: features.map((feature) => ({ number: feature.get("number"), state: feature.get("state") })),
      parties: parties.map((feature) => ({ code: feature.get("code"), role: feature.get("role") })),
    };
  }

  /** @param {import("ol/Feature.js").FeatureLike} feature */
  #land(feature) {
    return land(feature.get("state"), feature.get("number") === this.chosen);
  }
}

/** @type {Map<string, Style>} */
const cache = new Map();

/** @param {"open" | "accepted" | "declined"} state @param {boolean} chosen */
function land(state, chosen) {
  const key = `${state} ${chosen}`;
  let style = cache.get(key);
  if (!style) {
    const colour = state === "declined" ? "#8a929c" : palette.selection;
    style = new Style({
      fill: new Fill({ color: hatch(colour, state === "accepted" ? 4 : 7, state === "accepted" ? `${colour}55` : `${colour}1f`) }),
      stroke: new Stroke({ color: colour, width: chosen ? 2.5 : 1.6, lineDash: state === "accepted" ? undefined : [5, 3] }),
      zIndex: chosen ? 2 : 1,
    });
    cache.set(key, style);
  }
  return style;
}

/** Words beside the land that is looked at. @param {string} words */
const callout = (words) =>
  new Style({
    geometry: (feature) => /** @type {Point} */ (feature.get("at")),
    text: new Text({
      text: words,
      font: `600 13px ${FONT}`,
      fill: new Fill({ color: "#ffffff" }),
      backgroundFill: new Fill({ color: `${palette.selection}f2` }),
      padding: [4, 8, 3, 8],
      offsetY: 30,
      overflow: true,
    }),
    zIndex: 9,
  });

/** @param {"from" | "to"} role */
function party(role) {
  const to = role === "to";
  return [
    new Style({ stroke: new Stroke({ color: "#ffffffd9", width: 6 }), zIndex: 1 }),
    new Style({
      stroke: new Stroke({ color: to ? palette.selection : LOSER, width: to ? 3 : 2.5, lineDash: to ? undefined : [9, 6] }),
      fill: new Fill({ color: to ? `${palette.selection}14` : `${LOSER}14` }),
      zIndex: to ? 3 : 2,
    }),
  ];
}

/** @param {number} zIndex @param {import("ol/style/Style.js").StyleFunction} style */
const layer = (zIndex, style) => new VectorLayer({ source: new VectorSource(), style, zIndex, updateWhileAnimating: true });

/** @param {VectorLayer} layer @param {Feature[]} features */
function refill(layer, features) {
  const source = /** @type {VectorSource} */ (layer.getSource());
  source.clear(true);
  source.addFeatures(features);
}
