// Layers from the service's vector tiles: one per layer of zones, streets and footprints.
import MVT from "ol/format/MVT.js";
import VectorTileLayer from "ol/layer/VectorTile.js";
import VectorTileSource from "ol/source/VectorTile.js";
import * as styles from "./styles.js";

/** Zoom beyond which tiles are no longer cut: they are drawn larger instead. */
const FINEST_ZOOM = 17;

/** Milliseconds before tiles that failed are asked for again: at first, and at most. */
const RETRY_MS = 4_000;
const RETRY_MOST_MS = 60_000;

/**
 * @param {string} url
 * @param {(failed: boolean) => void} onload told of every tile, read or not
 */
function source(url, onload) {
  const tiles = new VectorTileSource({ format: new MVT({ layerName: "level" }), url, maxZoom: FINEST_ZOOM, minZoom: 0 });
  let pause = RETRY_MS;
  let waiting = 0;
  tiles.on("tileloaderror", () => {
    onload(true);
    // The library never asks again for a tile that failed.
    waiting ||= window.setTimeout(() => {
      waiting = 0;
      pause = Math.min(2 * pause, RETRY_MOST_MS);
      tiles.refresh();
    }, pause);
  });
  tiles.on("tileloadend", () => {
    pause = RETRY_MS;
    onload(false);
  });
  return tiles;
}

/**
 * Streets: lines, and their names from close by.
 *
 * @param {string} url
 * @param {(failed: boolean) => void} onload
 */
export function streetLayer(url, onload) {
  return new VectorTileLayer({
    source: source(url, onload),
    properties: { snaps: "streets" },
    // One group with the names of zones, which lie higher and so come first.
    declutter: "names",
    renderBuffer: 64,
    zIndex: 3,
    style: (feature, resolution) => {
      const line = styles.street(feature, resolution);
      if (!line || resolution > 2.5 || !feature.get("name")) return line;
      return [line, styles.streetName(feature)];
    },
  });
}

/**
 * Estates and buildings: only from close by.
 *
 * @param {string} url
 * @param {(failed: boolean) => void} onload
 */
export function footprintLayer(url, onload) {
  return new VectorTileLayer({
    source: source(url, onload),
    properties: { snaps: "footprints" },
    zIndex: 2,
    maxResolution: 8,
    style: styles.footprint,
  });
}

/**
 * @typedef {object} Look
 * @property {(level: string) => boolean} isShown
 * @property {(level: string) => boolean} isActive
 * @property {boolean} isDepartment
 * @property {(code: string) => string | null} colourOf
 */

/**
 * Zones of one layer: fills of the active level under the streets, borders of every level that is on over them.
 * Both read the same tiles.
 *
 * @param {string} url
 * @param {Look} look
 * @param {(failed: boolean) => void} onload
 */
export function zoneLayers(url, look, onload) {
  const tiles = source(url, onload);
  const fills = new VectorTileLayer({
    source: tiles,
    zIndex: 1,
    style: (feature) =>
      look.isActive(String(feature.get("level")))
        ? styles.zoneFill(look.colourOf(String(feature.get("code"))))
        : undefined,
  });
  const borders = new VectorTileLayer({
    source: tiles,
    zIndex: 4,
    renderBuffer: 24,
    style: (feature, resolution) => {
      const level = String(feature.get("level"));
      if (!look.isActive(level) && !look.isShown(level)) return undefined;
      if (look.isActive(level) && resolution > styles.CASED_M) return styles.border(level, look.isDepartment);
      return [styles.casing(level), styles.border(level, look.isDepartment)];
    },
  });
  return { fills, borders };
}
