// Layers from the service's vector tiles: one per layer of zones, streets and footprints.
import MVT from "ol/format/MVT.js";
import VectorTileLayer from "ol/layer/VectorTile.js";
import VectorTileSource from "ol/source/VectorTile.js";
import * as styles from "./styles.js";

/** Zoom beyond which tiles are no longer cut: they are drawn larger instead. */
const FINEST_ZOOM = 17;

/**
 * @param {string} url
 * @param {(failed: boolean) => void} onload told of every tile, read or not
 */
function source(url, onload) {
  const tiles = new VectorTileSource({ format: new MVT({ layerName: "level" }), url, maxZoom: FINEST_ZOOM, minZoom: 0 });
  tiles.on("tileloaderror", () => onload(true));
  tiles.on("tileloadend", () => onload(false));
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
    declutter: "streets",
    renderBuffer: 64,
    zIndex: 2,
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
  return new VectorTileLayer({ source: source(url, onload), zIndex: 1, maxResolution: 8, style: styles.footprint });
}

/**
 * Zones of one layer: a fill at the active level, and borders of every level that is on.
 *
 * @param {string} url
 * @param {{ isShown: (level: string) => boolean, isDepartment: boolean, isActive: (level: string) => boolean,
 *   colourOf: (code: string) => string | null }} look
 * @param {(failed: boolean) => void} onload
 */
export function zoneLayer(url, look, onload) {
  return new VectorTileLayer({
    source: source(url, onload),
    zIndex: 3,
    renderBuffer: 24,
    style: (feature) => {
      const level = String(feature.get("level"));
      const active = look.isActive(level);
      if (!active && !look.isShown(level)) return undefined;
      const drawn = [];
      if (active) drawn.push(styles.zoneFill(look.colourOf(String(feature.get("code")))));
      drawn.push(styles.casing(level), styles.border(level, look.isDepartment));
      return drawn;
    },
  });
}
