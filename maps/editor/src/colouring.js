// Which colour a zone has: its class among the zones of its level.
import { classOf, naturalClasses } from "./classes.js";
import { valueOf } from "./state.js";
import palette from "../palette.json";

export const UNKNOWN = palette.unknown;

/** @param {import("./contract").Zone[]} zones @param {import("./state").Colour} colour */
export function classesOf(zones, colour) {
  const values = zones.map((zone) => valueOf(zone, colour));
  return { classes: naturalClasses(values), unknown: values.filter((value) => value === null).length };
}

/** Fewer classes than colours take the colours from both ends of the scale.
 * @param {number} index
 * @param {number} classes
 */
export const classColour = (index, classes) =>
  palette.classes[classes === 1 ? 2 : Math.round((index * (palette.classes.length - 1)) / (classes - 1))];

/** Colour of every zone by its code; null when nothing is coloured.
 * @param {import("./contract").Zone[]} zones
 * @param {import("./state").Colour} colour
 */
export function coloursOf(zones, colour) {
  if (colour === "none") return null;
  const { classes } = classesOf(zones, colour);
  return new Map(
    zones.map((zone) => {
      const index = classOf(classes, valueOf(zone, colour));
      return [zone.code, index < 0 ? UNKNOWN : classColour(index, classes.length)];
    }),
  );
}
