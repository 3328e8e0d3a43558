// The map itself. With its neighbours in this folder it is the only part that knows the map library; the rest of
// the page speaks lon/lat EPSG:4490 and GeoJSON.
import Feature from "ol/Feature.js";
import GeoJSON from "ol/format/GeoJSON.js";
import Point from "ol/geom/Point.js";
import ScaleLine from "ol/control/ScaleLine.js";
import { isEmpty } from "ol/extent.js";
import VectorLayer from "ol/layer/Vector.js";
import OlMap from "ol/Map.js";
import { fromLonLat, toLonLat, transformExtent } from "ol/proj.js";
import VectorSource from "ol/source/Vector.js";
import View from "ol/View.js";
import { CompareView } from "./compare.js";
import * as layers from "./layers.js";
import { Marks } from "./marks.js";
import { MovesLayer } from "./moves.js";
import { PlanLayer } from "./plan.js";
import * as styles from "./styles.js";

/**
 * @typedef {import("../contract").LonLat} LonLat
 * @typedef {import("../contract").Bbox} Bbox
 * @typedef {{ type: "zone", level: string, code: string } | { type: "station", code: string }
 *   | { type: "fault", number: number }} Hit
 */

/**
 * @typedef {object} Events
 * @property {(hits: Hit[], point: LonLat, adds: boolean) => void} onclick `adds` with Shift or Ctrl held
 * @property {(point: LonLat | null) => void} onpointer
 * @property {(hit: Hit | null, pixel: number[]) => void} onhover
 * @property {(failed: boolean) => void} ontile
 */

const GEOJSON = new GeoJSON({ dataProjection: "EPSG:4326", featureProjection: "EPSG:3857" });

/** Pixels kept free around a place that the map flies to: the cards lie on the left. */
const PADDING = [30, 60, 30, 246];

/** The same while a plan is open: the tools lie above. */
const PLAN_PADDING = [104, 60, 30, 246];

/** Pixels by which the mouse may slip between press and release for a click to be one: without, a hand that trembles
 * (or a move that the browser itself reports after the page's layout changed) makes it a drag, and it is lost. */
const SLIP_PX = 5;

/** Milliseconds within which two clicks at one place are a double click, as in the map library. */
const TWICE_MS = 250;

/** Pixels that a zone is wide at least for its name to be written. */
const LABEL_PX = 36;

/** Degrees of CGCS2000 are used as those of WGS 84: they differ by less than a decimetre. */
const extentOf = (/** @type {Bbox} */ bbox) => transformExtent(bbox, "EPSG:4326", "EPSG:3857");

/** A map of one version's zones, with what is laid over them. */
export class GridMap {
  /**
   * @param {{ map: HTMLElement, scale: HTMLElement }} elements
   * @param {Events & import("./plan").PlanEvents} events
   */
  constructor(elements, events) {
    this.events = events;
    this.element = elements.map;
    /** @type {{ level: string, shown: Set<string>, colours: Map<string, string> | null }} */
    this.look = { level: "", shown: new Set(), colours: null };
    /** @type {ReturnType<typeof layers.zoneLayers>[]} */
    this.zoneLayers = [];
    /** @type {Map<string, import("ol/layer/VectorTile.js").default>} */
    this.baseLayers = new Map();
    this.chosen = { station: "", fault: 0 };
    /** Faults whose place is drawn by something else. @type {Set<number>} */
    this.hollow = new Set();
    this.overlays = {
      circles: overlay(4, (feature) => styles.circle(feature.get("minutes"))),
      labels: overlay(6, (feature, resolution) => this.#label(feature, resolution), "names"),
      selection: overlay(5, () => styles.selection),
      stations: overlay(7, (feature, resolution) => this.#station(feature, resolution), "stations"),
      faults: overlay(8, (feature) =>
        styles.fault(feature.get("number"), feature.get("severity"), feature.get("number") === this.chosen.fault, this.hollow.has(feature.get("number"))),
      ),
      pin: overlay(9, () => styles.pin),
      place: overlay(9, () => styles.place),
    };
    /** @type {string[][]} codes of the levels of each layer of zones */
    this.levelsOf = [];
    this.map = new OlMap({
      target: elements.map,
      moveTolerance: SLIP_PX,
      layers: Object.values(this.overlays),
      controls: [new ScaleLine({ target: elements.scale, minWidth: 70 })],
      view: new View({ center: [0, 0], zoom: 2, maxZoom: 20, minZoom: 3, enableRotation: false }),
    });
    /** Level whose zones are a plan's: those of the version are not drawn. */
    this.planned = "";
    this.plan = new PlanLayer(this.map, events);
    this.marks = new Marks(this.map);
    this.moves = new MovesLayer(this.map);
    this.compare = new CompareView(this.map, elements.map, () =>
      this.planned
        ? [this.plan.fills, this.plan.borders]
        : this.zoneLayers.flatMap(({ fills, borders }) => [fills, borders]).filter((layer) => layer.getVisible()),
    );
    let twice = false;
    /** Tells of the last click: what lay under it then. */
    let tell = () => {};
    this.map.on(/** @type {any} */ ("pointerdown"), (/** @type {import("ol/MapBrowserEvent.js").default} */ { originalEvent }) => {
      this.pressed = originalEvent.timeStamp;
    });
    // In a plan a click counts at once, so that it is never taken for a part of the click before or after it. While
    // reading, the map waits whether a second click follows, which zooms in.
    this.map.on("click", (event) => {
      const { shiftKey, ctrlKey, metaKey } = /** @type {MouseEvent} */ (event.originalEvent);
      const [hits, point] = [this.#hits(event.pixel), lonLat(event.coordinate)];
      twice = this.#again(event);
      tell = () => events.onclick(hits, point, shiftKey || ctrlKey || metaKey);
      if (this.planned && !twice) tell();
    });
    this.map.on("singleclick", () => {
      if (!this.planned) tell();
    });
    // The library takes any two quick clicks for a double click, at whatever places: only one at one place zooms in.
    this.map.on("dblclick", () => {
      if (!twice && !this.planned) tell();
      return twice;
    });
    this.map.on("pointermove", (event) => {
      if (event.dragging) {
        // The figures of the edit stand beside the pointer now, not those of the zone under it.
        events.onhover(null, event.pixel);
        return;
      }
      events.onpointer(lonLat(event.coordinate));
      const [first] = this.#hits(event.pixel);
      elements.map.style.cursor = first ? "pointer" : "";
      events.onhover(first ?? null, event.pixel);
    });
    elements.map.addEventListener("pointerleave", () => {
      events.onpointer(null);
      events.onhover(null, [0, 0]);
    });
  }

  /**
   * Shows another version: its zones, streets and footprints.
   *
   * @param {import("../contract").Version} version
   * @param {(layer: string) => string} tilesOf address template of a layer's tiles
   */
  showVersion(version, tilesOf) {
    for (const layer of this.#tiled()) this.map.removeLayer(layer);
    const ontile = this.events.ontile;
    this.baseLayers = new Map([
      ["footprints", layers.footprintLayer(tilesOf("footprints"), ontile)],
      ["streets", layers.streetLayer(tilesOf("streets"), ontile)],
    ]);
    this.zoneLayers = version.layers.map((layer) =>
      layers.zoneLayers(
        tilesOf(layer.code),
        {
          isShown: (level) => this.look.shown.has(level) && level !== this.planned,
          isActive: (level) => level === this.look.level && level !== this.planned,
          isDepartment: layer.levels.every((level) => !level.partition),
          colourOf: (code) => this.look.colours?.get(code) ?? null,
        },
        ontile,
      ),
    );
    this.levelsOf = version.layers.map((layer) => layer.levels.map((level) => level.code));
    for (const layer of this.#tiled()) this.map.addLayer(layer);
    this.clearOverlays();
    this.#applyLook();
  }

  /**
   * What is drawn: the active level, levels and overlays that are on, colour of each zone.
   *
   * @param {{ level: string, shown: Set<string>, colours: Map<string, string> | null }} look
   */
  showLook(look) {
    this.look = look;
    this.#applyLook();
  }

  #applyLook() {
    const { shown, level } = this.look;
    for (const [name, layer] of this.baseLayers) layer.setVisible(shown.has(name));
    this.zoneLayers.forEach(({ fills, borders }, index) => {
      const levels = this.levelsOf[index] ?? [];
      // Tiles of which nothing is drawn, as those of the level that a plan is drawn instead of, are not even read.
      const drawn = levels.filter((code) => code !== this.planned);
      fills.setVisible(drawn.includes(level));
      fills.changed();
      borders.setVisible(drawn.some((code) => code === level || shown.has(code)));
      borders.changed();
    });
    this.overlays.stations.setVisible(shown.has("stations"));
    this.overlays.faults.setVisible(shown.has("faults"));
    this.overlays.labels.setVisible(shown.has("labels"));
  }

  /** Shows the zones of a plan in the place of the version's.
   * @param {{ level: string, zones: import("../contract").PlanZone[], colours: Map<string, string> | null,
   *   picked: string[] } | null} plan null when none is open
   */
  showPlan(plan) {
    const planned = plan?.level ?? "";
    if (planned !== this.planned) {
      this.planned = planned;
      this.#applyLook();
    }
    this.plan.show(plan?.zones ?? []);
    if (plan) this.plan.look(plan);
  }

  /** Puts the plan's zones back to where they were before dragging. */
  restorePlan() {
    this.plan.restore();
  }

  /** Marks where an edit was refused; null for nowhere.
   * @param {import("../contract").Geometry | null} place
   */
  showPlace(place) {
    refill(this.overlays.place, place ? [new Feature(shapeOf(place))] : []);
  }

  /** Names of zones, each at a point inside it.
   * @param {{ name: string, width: number, point: LonLat }[]} labels `width` of the zone in degrees
   */
  showLabels(labels) {
    refill(
      this.overlays.labels,
      labels.map(({ name, width, point }) => new Feature({ geometry: new Point(fromLonLat(point)), name, width: fromLonLat([width, 0])[0] })),
    );
  }

  /** @param {import("../contract").Station[]} stations */
  showStations(stations) {
    refill(
      this.overlays.stations,
      stations.map(
        ({ point, code, name, kind }) => new Feature({ geometry: new Point(fromLonLat(point)), code, name, kind }),
      ),
    );
  }

  /** @param {import("../contract").Fault[]} faults */
  showFaults(faults) {
    refill(
      this.overlays.faults,
      faults.map(({ geometry, point, number, severity }) => {
        const feature = new Feature({ geometry: shapeOf(geometry), number, severity });
        feature.set("badge", new Point(fromLonLat(point)));
        return feature;
      }),
    );
  }

  /** Outline of what is selected; null for nothing.
   * @param {import("../contract").Geometry | null} geometry
   */
  select(geometry) {
    refill(this.overlays.selection, geometry ? [new Feature(shapeOf(geometry))] : []);
  }

  /** @param {import("../contract").Circle[]} circles @param {string} station code of the station they are around */
  showCircles(circles, station) {
    this.chosen.station = station;
    refill(
      this.overlays.circles,
      circles.map(({ geometry, minutes }) => new Feature({ geometry: shapeOf(geometry), minutes })),
    );
    this.overlays.stations.changed();
  }

  /** @param {number} number 0 for none */
  chooseFault(number) {
    this.chosen.fault = number;
    this.overlays.faults.changed();
  }

  /** @param {number[]} numbers of faults of which only outline and number are drawn */
  hollowFaults(numbers) {
    this.hollow = new Set(numbers);
    this.overlays.faults.changed();
  }

  /** Marks points, such as those of a lookup.
   * @param {LonLat[]} points
   */
  showPins(points) {
    refill(
      this.overlays.pin,
      points.map((point) => new Feature(new Point(fromLonLat(point)))),
    );
  }

  clearOverlays() {
    for (const layer of Object.values(this.overlays)) layer.getSource()?.clear();
    this.chosen = { station: "", fault: 0 };
  }

  /** Fits the view to a box at once, without a flight.
   * @param {Bbox} bbox
   */
  fit(bbox) {
    const extent = extentOf(bbox);
    // The row of tools may just have taken room from the map.
    this.map.updateSize();
    if (!isEmpty(extent)) this.map.getView().fit(extent, { maxZoom: 18, padding: PADDING });
  }

  /** Flies to a box, never closer than where streets can still be told apart.
   * @param {Bbox} bbox
   * @param {number} [maxZoom]
   */
  flyTo(bbox, maxZoom = 17.5) {
    const view = this.map.getView();
    view.cancelAnimations();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const padding = this.planned ? PLAN_PADDING : PADDING;
    view.fit(extentOf(bbox), { maxZoom, duration: still ? 0 : 450, padding });
  }

  /** @param {LonLat} point @param {number} [zoom] */
  flyToPoint(point, zoom = 17) {
    const view = this.map.getView();
    view.cancelAnimations();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    view.animate({ center: fromLonLat(point), zoom: Math.max(zoom, view.getZoom() ?? zoom), duration: still ? 0 : 450 });
  }

  /** @param {number} steps */
  zoomBy(steps) {
    const view = this.map.getView();
    view.cancelAnimations();
    view.animate({ zoom: (view.getZoom() ?? 12) + steps, duration: 150 });
  }

  /** Reads tiles again that failed. */
  refresh() {
    for (const layer of this.#tiled()) layer.getSource()?.refresh();
  }

  #tiled() {
    return [...this.baseLayers.values(), ...this.zoneLayers.flatMap(({ fills, borders }) => [fills, borders])];
  }

  /** Centre and zoom, for tests and links. */
  where() {
    const view = this.map.getView();
    return { centre: lonLat(view.getCenter() ?? [0, 0]), zoom: view.getZoom() ?? 0, moving: view.getAnimating() };
  }

  /** Resolves when no flight is on and everything in view is drawn.
   * @returns {Promise<void>}
   */
  settled() {
    // The page may have been laid out anew since the last frame.
    this.map.updateSize();
    return new Promise((resolve) => {
      const listen = () =>
        this.map.once("rendercomplete", () => {
          if (this.map.getView().getAnimating()) listen();
          else resolve();
        });
      listen();
      this.map.render();
    });
  }

  /** Where a point is in the map's own coordinates. @param {LonLat} point */
  coordinateOf(point) {
    return fromLonLat(point);
  }

  /** Where a point is on the screen, in CSS pixels of the page.
   * @param {LonLat} point
   */
  pixelOf(point) {
    const pixel = this.map.getPixelFromCoordinate(fromLonLat(point));
    const box = this.element.getBoundingClientRect();
    return pixel ? [pixel[0] + box.left, pixel[1] + box.top] : null;
  }

  /** Whether a click is the second of a double click: the first has counted. It matters when the mouse was pressed: a
   * busy page sees it later.
   * @param {import("ol/MapBrowserEvent.js").default} event
   */
  #again(event) {
    const [at, { pixel, time }] = [this.pressed, this.clicked];
    const again = at - time < TWICE_MS && Math.hypot(event.pixel[0] - pixel[0], event.pixel[1] - pixel[1]) <= SLIP_PX;
    this.clicked = { pixel: event.pixel, time: again ? -Infinity : at };
    return again;
  }

  /** Where and when the map was clicked last. */
  clicked = { pixel: [0, 0], time: -Infinity };

  /** When the mouse was pressed last. */
  pressed = 0;

  /** What lies under a pixel, topmost first: fault, station, zone of the active level.
   * @param {number[]} pixel
   * @returns {Hit[]}
   */
  #hits(pixel) {
    /** @type {Hit[]} */ const hits = [];
    // The zones of a plan are asked for exactly, whether they are drawn already or not.
    const zones = this.planned ? [] : this.zoneLayers.map(({ fills }) => fills);
    const wanted = new Set([this.overlays.faults, this.overlays.stations, ...zones]);
    this.map.forEachFeatureAtPixel(
      pixel,
      (feature, layer) => {
        if (layer === this.overlays.faults) hits.push({ type: "fault", number: feature.get("number") });
        else if (layer === this.overlays.stations) hits.push({ type: "station", code: feature.get("code") });
        else if (feature.get("level") === this.look.level) {
          hits.push({ type: "zone", level: this.look.level, code: String(feature.get("code")) });
        }
      },
      { layerFilter: (layer) => wanted.has(/** @type {any} */ (layer)), hitTolerance: 2 },
    );
    const planned = this.planned && this.plan.at(this.map.getCoordinateFromPixel(pixel));
    if (planned) hits.push({ type: "zone", level: this.planned, code: planned });
    const rank = { fault: 0, station: 1, zone: 2 };
    return hits.sort((a, b) => rank[a.type] - rank[b.type]);
  }

  /** Names of zones too small for any are not even tried: thousands of them would slow every frame.
   * @param {import("ol/Feature.js").FeatureLike} feature
   * @param {number} resolution
   */
  #label(feature, resolution) {
    return feature.get("width") / resolution < LABEL_PX ? undefined : styles.zoneLabel(feature.get("name"), true);
  }

  /** @param {import("ol/Feature.js").FeatureLike} feature @param {number} resolution */
  #station(feature, resolution) {
    const chosen = feature.get("code") === this.chosen.station;
    const point = styles.station(feature.get("kind"), chosen);
    return chosen || resolution < 2.5 ? [point, styles.stationLabel(feature.get("name"))] : point;
  }
}

/** @param {import("../contract").Geometry} geometry */
const shapeOf = (geometry) => GEOJSON.readGeometry(geometry) ?? undefined;

/** @param {number[]} coordinate @returns {LonLat} */
const lonLat = (coordinate) => /** @type {LonLat} */ (toLonLat(coordinate));

/**
 * @param {number} zIndex
 * @param {import("ol/style/Style.js").StyleFunction} style
 * @param {string} [declutter] name of the group whose labels give way to one another
 */
const overlay = (zIndex, style, declutter) =>
  new VectorLayer({ source: new VectorSource(), style, zIndex, declutter: declutter ?? false, updateWhileAnimating: true });

/** @param {VectorLayer} layer @param {Feature[]} features */
function refill(layer, features) {
  const source = /** @type {VectorSource} */ (layer.getSource());
  source.clear(true);
  source.addFeatures(features);
}
