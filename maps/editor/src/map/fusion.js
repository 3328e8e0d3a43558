// A fusion on the map: departments' borders, conflicts by class, the proposed grids, the cell that is looked at.
import Feature from "ol/Feature.js";
import GeoJSON from "ol/format/GeoJSON.js";
import Point from "ol/geom/Point.js";
import VectorLayer from "ol/layer/Vector.js";
import VectorTileLayer from "ol/layer/VectorTile.js";
import { fromLonLat } from "ol/proj.js";
import VectorSource from "ol/source/Vector.js";
import Circle from "ol/style/Circle.js";
import Fill from "ol/style/Fill.js";
import Stroke from "ol/style/Stroke.js";
import Style from "ol/style/Style.js";
import Text from "ol/style/Text.js";
import palette from "../../palette.json";
import { CONFLICTS, departmentLine, GRID } from "../fusion-looks.js";
import { hatch } from "./hatch.js";
import { FONT } from "./styles.js";

/**
 * @typedef {import("../contract").LonLat} LonLat
 * @typedef {import("../contract-fusion").Conflict} Conflict
 * @typedef {import("../contract-fusion").ConflictKind} ConflictKind
 * @typedef {import("../contract-fusion").FusionProposal} FusionProposal
 * @typedef {import("../contract-fusion").FusionCell} FusionCell
 */

/**
 * @typedef {object} Shown
 * @property {Conflict[]} conflicts
 * @property {Set<ConflictKind>} kinds of conflicts that are drawn
 * @property {number} chosen number of the conflict looked at
 * @property {FusionProposal | null} proposal null when it is switched off
 * @property {FusionProposal | null} all the proposal, switched on or off
 * @property {{ cell: FusionCell | null, point: LonLat } | null} ground
 */

const GEOJSON = new GeoJSON({ dataProjection: "EPSG:4326", featureProjection: "EPSG:3857" });

/** Metres per pixel from which on proposed grids carry their codes. */
const NAMED_FROM = 7;

/** What a fusion adds to the map; nothing while it is not shown. */
export class FusionLayer {
  /** @param {import("./view").GridMap} view */
  constructor(view) {
    this.view = view;
    this.map = view.map;
    /** @type {Set<ConflictKind>} */
    this.kinds = new Set();
    this.chosen = 0;
    /** @type {VectorTileLayer[]} */
    this.ghosts = [];
    this.ghosted = "";
    /** @type {Conflict[]} */
    this.shownConflicts = [];
    /** @type {FusionProposal | null} */
    this.shownProposal = null;
    this.conflicts = layer(4.2, (feature) => this.#conflict(feature));
    this.grids = layer(4.8, (feature, resolution) => grid(feature, resolution), "grids");
    this.ground = layer(9, (feature) => ground(feature.get("role")));
    for (const each of [this.conflicts, this.grids, this.ground]) this.map.addLayer(each);
  }

  /** @param {Shown | null} shown null takes everything away */
  show(shown) {
    const conflicts = shown?.conflicts ?? [];
    if (conflicts !== this.shownConflicts) {
      this.shownConflicts = conflicts;
      refill(
        this.conflicts,
        conflicts.map(({ number, kind, geometry }) => new Feature({ geometry: GEOJSON.readGeometry(geometry) ?? undefined, number, kind })),
      );
    }
    this.kinds = shown?.kinds ?? new Set();
    this.chosen = shown?.chosen ?? 0;
    this.conflicts.changed();
    const proposal = shown?.proposal ?? null;
    if (proposal !== this.shownProposal) {
      this.shownProposal = proposal;
      refill(
        this.grids,
        (proposal?.features ?? []).map(({ geometry, properties }) => new Feature({ geometry: GEOJSON.readGeometry(geometry) ?? undefined, code: properties.code, households: properties.household, broken: properties.rule !== "" })),
      );
    }
    const { cell = null, point = null } = shown?.ground ?? {};
    const home = cell && shown?.all?.features.find(({ properties }) => properties.code === cell.grid);
    refill(this.ground, [
      ...(home ? [new Feature({ geometry: GEOJSON.readGeometry(home.geometry) ?? undefined, role: "grid" })] : []),
      ...(cell ? [new Feature({ geometry: GEOJSON.readGeometry(cell.geometry) ?? undefined, role: "cell" })] : []),
      ...(point ? [new Feature({ geometry: new Point(fromLonLat(point)), role: "point" })] : []),
    ]);
  }

  /** Borders of departments, read from the tiles that are there already.
   * @param {{ level: string, index: number }[]} levels with their place among the departments
   */
  showGhosts(levels) {
    const wanted = levels.map(({ level, index }) => `${level} ${index}`).join();
    const sources = this.view.zoneLayers.map(({ borders }) => borders.getSource());
    const key = `${wanted} ${sources.map((source) => /** @type {any} */ (source).ol_uid).join()}`;
    if (key === this.ghosted) return;
    this.ghosted = key;
    for (const ghost of this.ghosts) this.map.removeLayer(ghost);
    this.ghosts = levels.flatMap(({ level, index }) => {
      const source = sources[this.view.levelsOf.findIndex((codes) => codes.includes(level))];
      const line = departmentLine(index);
      const style = new Style({ stroke: new Stroke({ color: line.colour, width: line.width, lineDash: line.dash, lineDashOffset: index * 3 }) });
      return source ? [new VectorTileLayer({ source, zIndex: 4.4 + index / 100, renderBuffer: 24, style: (feature) => (feature.get("level") === level ? style : undefined) })] : [];
    });
    for (const ghost of this.ghosts) this.map.addLayer(ghost);
  }

  /** Numbers of the conflicts drawn at a place, the most serious first. @param {LonLat} point @returns {number[]} */
  at(point) {
    const source = /** @type {VectorSource} */ (this.conflicts.getSource());
    return source
      .getFeaturesAtCoordinate(fromLonLat(point))
      .filter((feature) => this.kinds.has(feature.get("kind")))
      .map((feature) => feature.get("number"))
      .sort((a, b) => a - b);
  }

  /** What is drawn, for tests. */
  drawn() {
    const features = (/** @type {VectorLayer} */ layer) => /** @type {VectorSource} */ (layer.getSource()).getFeatures();
    return {
      conflicts: features(this.conflicts).filter((feature) => this.kinds.has(feature.get("kind"))).length,
      grids: features(this.grids).length,
      ghosts: this.ghosts.length,
      ground: features(this.ground).map((feature) => feature.get("role")),
    };
  }

  /** @param {import("ol/Feature.js").FeatureLike} feature */
  #conflict(feature) {
    const kind = /** @type {ConflictKind} */ (feature.get("kind"));
    if (!this.kinds.has(kind)) return undefined;
    return feature.get("number") === this.chosen ? [conflict(kind), marked] : conflict(kind);
  }
}

/** @type {Map<string, Style>} */
const cache = new Map();

/** @param {ConflictKind} kind */
function conflict(kind) {
  let style = cache.get(kind);
  if (!style) {
    const { colour, ground, way, weight } = CONFLICTS[kind];
    style = new Style({
      fill: new Fill({ color: way ? hatch(colour, 6, ground, way) : ground }),
      stroke: new Stroke({ color: colour, width: weight }),
      zIndex: 10 - Object.keys(CONFLICTS).indexOf(kind),
    });
    cache.set(kind, style);
  }
  return style;
}

const marked = new Style({ stroke: new Stroke({ color: palette.selection, width: 3.5 }), zIndex: 99 });

/** @param {import("ol/Feature.js").FeatureLike} feature @param {number} resolution metres per pixel */
function grid(feature, resolution) {
  const lines = [gridCasing, gridLine];
  if (resolution > NAMED_FROM) return lines;
  const broken = feature.get("broken");
  return [
    ...lines,
    new Style({
      text: new Text({
        text: `${feature.get("code")}\n${feature.get("households")} 户${broken ? " ▲" : ""}`,
        font: `600 11px ${FONT}`,
        fill: new Fill({ color: broken ? "#8a5200" : palette.ink }),
        stroke: new Stroke({ color: "#ffffffe6", width: 3.5 }),
      }),
      zIndex: 30,
    }),
  ];
}

const gridCasing = new Style({ stroke: new Stroke({ color: "#ffffffcc", width: GRID.width + 2.4 }), zIndex: 1 });
const gridLine = new Style({ stroke: new Stroke({ color: GRID.colour, width: GRID.width, lineJoin: "round" }), zIndex: 2 });

/** @param {"grid" | "cell" | "point"} role */
function ground(role) {
  if (role === "grid") return new Style({ stroke: new Stroke({ color: palette.selection, width: 3.5 }), fill: new Fill({ color: `${palette.selection}12` }), zIndex: 1 });
  if (role === "cell") return new Style({ stroke: new Stroke({ color: palette.selection, width: 2 }), fill: new Fill({ color: `${palette.selection}59` }), zIndex: 2 });
  return new Style({ image: new Circle({ radius: 5, fill: new Fill({ color: palette.selection }), stroke: new Stroke({ color: "#ffffff", width: 2 }) }), zIndex: 3 });
}

/** @param {number} zIndex @param {import("ol/style/Style.js").StyleFunction} style @param {string} [declutter] */
const layer = (zIndex, style, declutter) => new VectorLayer({ source: new VectorSource(), style, zIndex, declutter: declutter ?? false });

/** @param {VectorLayer} layer @param {Feature[]} features */
function refill(layer, features) {
  const source = /** @type {VectorSource} */ (layer.getSource());
  source.clear(true);
  source.addFeatures(features);
}
