// How features are drawn: thin dark borders with a white casing, thickness by level; red only for faults, blue
// only for the selection.
import Circle from "ol/style/Circle.js";
import Fill from "ol/style/Fill.js";
import Stroke from "ol/style/Stroke.js";
import Style from "ol/style/Style.js";
import Text from "ol/style/Text.js";
import palette from "../../palette.json";

export const FONT = '"Noto Sans SC","Source Han Sans SC","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif';

/** @typedef {import("ol/Feature.js").FeatureLike} FeatureLike */

/** @param {string} level */
const widthOf = (level) =>
  /** @type {Record<string, number>} */ (palette.level_width)[level] ?? palette.level_width.other;

/** @type {Map<string, Style>} */
const cache = new Map();

/** @param {string} key @param {() => Style} make */
function kept(key, make) {
  let style = cache.get(key);
  if (!style) cache.set(key, (style = make()));
  return style;
}

/** Fill of a zone at the active level. A fill that cannot be seen still takes the click.
 * @param {string | null} colour
 */
export const zoneFill = (colour) =>
  kept(`fill ${colour}`, () => new Style({ fill: new Fill({ color: colour ? `${colour}b8` : "#ffffff01" }), zIndex: 0 }));

/** Metres per pixel beyond which the borders of the level that is coloured have no casing: it would hide what is
 * between them, and costs as much to draw as the borders. */
export const CASED_M = 30;

/** @param {string} level */
export const casing = (level) =>
  kept(
    `casing ${level}`,
    () => new Style({ stroke: new Stroke({ color: `${palette.casing}d9`, width: widthOf(level) + 2 }), zIndex: 10 }),
  );

/** Dashes that tell the departments' borders apart where several lie over one another. */
const DASHES = /** @type {Record<string, number[]>} */ ({
  party: [6, 4],
  order: [2, 4],
  civil: [12, 4],
  urban: [10, 3, 2, 3],
  police: [6, 3, 2, 3, 2, 3],
});

/** @param {string} level @param {boolean} department a department's layer is dashed: it is no partition */
export const border = (level, department) =>
  kept(
    `border ${level} ${department}`,
    () =>
      new Style({
        stroke: new Stroke({
          color: palette.line,
          width: widthOf(level),
          lineDash: department ? (DASHES[level] ?? DASHES.party) : undefined,
          lineJoin: "round",
        }),
        zIndex: 20 + widthOf(level),
      }),
  );

const MAJOR = /^(motorway|trunk|primary)/;
const MIDDLE = /^(secondary|tertiary)/;
const PATH = /^(footway|path|steps|pedestrian|cycleway|corridor|platform|track)/;

/** @param {FeatureLike} feature @param {number} resolution metres per pixel */
export function street(feature, resolution) {
  const kind = String(feature.get("kind") ?? "");
  const scale = Math.min(2.4, Math.max(0.45, 3 / resolution));
  const rounded = Math.round(scale * 8) / 8;
  if (MAJOR.test(kind)) return road("major", palette.street.major, 2.6 * rounded);
  if (MIDDLE.test(kind)) return road("middle", palette.street.middle, 2 * rounded);
  if (PATH.test(kind)) return resolution > 6 ? undefined : road("path", palette.street.path, 0.8 * rounded, [3, 2]);
  return resolution > 24 ? undefined : road("minor", palette.street.minor, 1.3 * rounded);
}

/** @param {string} kind @param {string} color @param {number} width @param {number[]} [lineDash] */
const road = (kind, color, width, lineDash) =>
  kept(
    `street ${kind} ${width}`,
    () => new Style({ stroke: new Stroke({ color, width, lineDash, lineCap: "round", lineJoin: "round" }) }),
  );

/** @param {FeatureLike} feature */
export function streetName(feature) {
  return new Style({
    text: new Text({
      text: String(feature.get("name") ?? ""),
      font: `11px ${FONT}`,
      placement: "line",
      fill: new Fill({ color: "#8a867c" }),
      stroke: new Stroke({ color: "#ffffffd9", width: 3 }),
      maxAngle: 0.5,
    }),
  });
}

/** @param {FeatureLike} feature */
export function footprint(feature) {
  const estate = feature.get("kind") === "estate";
  return kept(
    `footprint ${estate}`,
    () =>
      new Style({
        fill: new Fill({ color: estate ? `${palette.footprint.estate}80` : palette.footprint.building }),
        stroke: new Stroke({ color: "#cbc7bd", width: estate ? 0.8 : 0.5 }),
        zIndex: estate ? 0 : 1,
      }),
  );
}

/** @param {string} name @param {boolean} strong */
export const zoneLabel = (name, strong) =>
  new Style({
    text: new Text({
      text: name,
      font: `${strong ? "600 " : ""}12px ${FONT}`,
      fill: new Fill({ color: palette.ink }),
      stroke: new Stroke({ color: "#ffffffe6", width: 3.5 }),
      overflow: true,
    }),
  });

export const selection = [
  new Style({ stroke: new Stroke({ color: "#ffffff", width: 6 }), zIndex: 1 }),
  new Style({
    stroke: new Stroke({ color: palette.selection, width: 3 }),
    fill: new Fill({ color: `${palette.selection}2e` }),
    zIndex: 2,
  }),
];

export const hover = new Style({ stroke: new Stroke({ color: palette.selection, width: 2 }) });

/** @param {number} minutes */
export const circle = (minutes) =>
  kept(`circle ${minutes}`, () => {
    const color = /** @type {Record<string, string>} */ (palette.circles)[String(minutes)] ?? "#9e9ac8";
    return new Style({
      stroke: new Stroke({ color, width: 1.6, lineDash: minutes > 10 ? [7, 4] : undefined }),
      fill: new Fill({ color: `${color}1f` }),
      zIndex: 100 - minutes,
    });
  });

/** @param {string} kind @param {boolean} chosen */
export const station = (kind, chosen) =>
  kept(`station ${kind} ${chosen}`, () => {
    const radius = { center: 8, zone: 6.5 }[kind] ?? 5;
    return new Style({
      image: new Circle({
        radius: chosen ? radius + 2 : radius,
        fill: new Fill({ color: palette.station }),
        stroke: new Stroke({ color: chosen ? palette.selection : "#ffffff", width: chosen ? 3 : 1.8 }),
        declutterMode: "none",
      }),
      zIndex: chosen ? 9 : radius,
    });
  });

/** @param {string} name */
export const stationLabel = (name) =>
  new Style({
    text: new Text({
      text: name,
      font: `11px ${FONT}`,
      offsetY: 15,
      fill: new Fill({ color: palette.station }),
      stroke: new Stroke({ color: "#ffffffe6", width: 3 }),
    }),
  });

/** The place of a fault, and its number in red (amber for a warning).
 * @param {number} number
 * @param {string} severity
 * @param {boolean} chosen
 */
/**
 * @param {number} number
 * @param {string} severity
 * @param {boolean} chosen
 * @param {boolean} [hollow] something else is drawn in it
 */
export function fault(number, severity, chosen, hollow = false) {
  const color = severity === "error" ? palette.fault : palette.warning;
  // Beside the place, which may be smaller than its number.
  const lift = chosen ? 26 : 0;
  const shape = kept(
    `fault ${severity} ${chosen} ${hollow}`,
    () =>
      new Style({
        stroke: new Stroke({ color, width: chosen ? 3 : 1.5 }),
        fill: hollow ? undefined : new Fill({ color: `${color}${chosen ? "66" : "40"}` }),
        zIndex: chosen ? 6 : 5,
      }),
  );
  const badge = kept(
    `fault ${severity} ${number} ${chosen}`,
    () =>
      new Style({
        geometry: (feature) => feature.get("badge"),
        image: new Circle({
          radius: (String(number).length > 2 ? 11 : 9) + (chosen ? 2 : 0),
          fill: new Fill({ color }),
          stroke: new Stroke({ color: "#ffffff", width: chosen ? 2.5 : 1.5 }),
          displacement: [0, lift],
        }),
        text: new Text({
          text: String(number),
          font: `600 ${chosen ? 12 : 11}px ${FONT}`,
          fill: new Fill({ color: "#ffffff" }),
          offsetY: 0.5 - lift,
        }),
        zIndex: chosen ? 2e6 : 1e6 - number,
      }),
  );
  return [shape, badge];
}

export const pin = [
  new Style({
    image: new Circle({ radius: 10, fill: new Fill({ color: `${palette.selection}33` }), declutterMode: "none" }),
    zIndex: 50,
  }),
  new Style({
    image: new Circle({
      radius: 5,
      fill: new Fill({ color: palette.selection }),
      stroke: new Stroke({ color: "#ffffff", width: 2 }),
      declutterMode: "none",
    }),
    zIndex: 51,
  }),
];

/** What is being drawn: a blue line, its area, the point under the mouse. */
export const sketch = [
  new Style({
    stroke: new Stroke({ color: palette.selection, width: 2.5, lineDash: [8, 5] }),
    fill: new Fill({ color: `${palette.selection}1f` }),
    image: new Circle({
      radius: 5,
      fill: new Fill({ color: "#ffffff" }),
      stroke: new Stroke({ color: palette.selection, width: 2 }),
    }),
  }),
];

/** The vertex under the mouse that would be dragged. */
export const vertex = new Style({
  image: new Circle({
    radius: 7,
    fill: new Fill({ color: `${palette.selection}66` }),
    stroke: new Stroke({ color: palette.selection, width: 2 }),
  }),
});

/** Where an edit was refused. */
export const place = new Style({
  stroke: new Stroke({ color: palette.fault, width: 3 }),
  fill: new Fill({ color: `${palette.fault}40` }),
  image: new Circle({
    radius: 8,
    fill: new Fill({ color: `${palette.fault}40` }),
    stroke: new Stroke({ color: palette.fault, width: 2.5 }),
  }),
});

/** A zone whose border is dragged: as it would be. */
export const dragged = [
  new Style({ stroke: new Stroke({ color: "#ffffff", width: 5 }), zIndex: 1 }),
  new Style({
    stroke: new Stroke({ color: palette.selection, width: 2.5, lineJoin: "round" }),
    fill: new Fill({ color: `${palette.selection}14` }),
    zIndex: 2,
  }),
];

/** A block, estate or building under the pointer that could be given to the zone, and those that are. */
export const offered = new Style({
  stroke: new Stroke({ color: palette.selection, width: 2, lineDash: [6, 4] }),
  fill: new Fill({ color: `${palette.selection}1f` }),
});
export const given = new Style({
  stroke: new Stroke({ color: palette.selection, width: 2 }),
  fill: new Fill({ color: `${palette.selection}59` }),
});
