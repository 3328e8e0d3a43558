// Which colour a zone has: its class among the zones of its level, how far it is from the office's band, or the group
// that it belongs to.
import { classOf, naturalClasses } from "./classes.js";
import { bandOf } from "./plan/rules.js";
import { valueOf } from "./state.js";
import palette from "../palette.json";

export const UNKNOWN = palette.unknown;

/**
 * @typedef {import("./contract").Zone} Zone
 * @typedef {import("./state").Colour} Colour
 * @typedef {{ level: string, profile: import("./contract").Profile | null, names?: Map<string, string>,
 *   departments?: Map<string, string> | null }} Context what zones are seen against: their level, the office's rules,
 *   names of their parents, the department's zone that each is in
 */

/** Groups that have a colour of their own; the others share one. */
const GROUPS = 4;

/** @param {Zone[]} zones @param {Colour} colour */
function classesOf(zones, colour) {
  const values = zones.map((zone) => valueOf(zone, colour));
  return { classes: naturalClasses(values), unknown: values.filter((value) => value === null).length };
}

/** Fewer classes than colours take the colours from both ends of the scale.
 * @param {number} index
 * @param {number} classes
 */
const classColour = (index, classes) =>
  palette.classes[classes === 1 ? 2 : Math.round((index * (palette.classes.length - 1)) / (classes - 1))];

/**
 * How far a zone's households are from the band, as a class from 0 (far too few) to 4 (far too many); 2 is in it. Far
 * is by more than a quarter of the nearer end.
 *
 * @param {Zone} zone
 * @param {[number, number]} band
 * @returns {number} -1 when it is unknown or the band is not for it
 */
function balanceOf({ kind, counts: { household } }, [least, most]) {
  if (kind !== "general" || household === null || household === undefined) return -1;
  if (household < least) return household < least * 0.75 ? 0 : 1;
  if (household > most) return household > most * 1.25 ? 4 : 3;
  return 2;
}

/**
 * What the legend says: at most five classes, each with its colour, words or ends, and how many zones it has.
 *
 * @typedef {object} Entry
 * @property {string} color
 * @property {string} [key] of the words
 * @property {(string | number)[]} [values] that the words hold
 * @property {string} [name] of a group
 * @property {number} [low]
 * @property {number} [high]
 * @property {number} zones
 */

/**
 * Colour of every zone by its code, and the legend; null when nothing is coloured.
 *
 * @param {Zone[]} zones
 * @param {Colour} colour
 * @param {Context} context
 * @returns {{ colours: Map<string, string>, entries: Entry[], unknown: number } | null}
 */
export function coloured(zones, colour, { level, profile, names = new Map(), departments }) {
  if (colour === "none") return null;
  if (colour === "balance") {
    const band = bandOf(profile, level);
    const classes = zones.map((zone) => (band ? balanceOf(zone, band) : -1));
    const [least, most] = band ?? [0, 0];
    const ends = [Math.ceil(least * 0.75), least, most, Math.floor(most * 1.25)];
    return {
      colours: new Map(zones.map(({ code }, index) => [code, classes[index] < 0 ? UNKNOWN : palette.balance[classes[index]]])),
      entries: band
        ? palette.balance.map((color, index) => ({ color, key: `legend.balance.${index}`, values: ends, zones: classes.filter((one) => one === index).length }))
        : [],
      unknown: classes.filter((one) => one < 0).length,
    };
  }
  if (colour === "parent" || colour === "department") {
    const groups = zones.map((zone) => (colour === "parent" ? zone.parent : departments?.get(zone.code)) ?? "");
    /** @type {Map<string, number>} */ const sizes = new Map();
    for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1);
    sizes.delete("");
    const order = [...sizes].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([group]) => group);
    // Five classes at most: the largest have a colour of their own.
    const own = order.length <= GROUPS + 1 ? order : order.slice(0, GROUPS);
    const rest = order.slice(own.length);
    const colorOf = (/** @type {string} */ group) => (group === "" ? UNKNOWN : (palette.groups[own.indexOf(group)] ?? palette.groups[GROUPS]));
    return {
      colours: new Map(zones.map(({ code }, index) => [code, colorOf(groups[index])])),
      entries: [
        ...own.map((group) => ({ color: colorOf(group), name: names.get(group) ?? group, zones: sizes.get(group) ?? 0 })),
        ...(rest.length > 0
          ? [{ color: palette.groups[GROUPS], key: "legend.others", values: [rest.length], zones: rest.reduce((sum, group) => sum + (sizes.get(group) ?? 0), 0) }]
          : []),
      ],
      unknown: groups.filter((group) => group === "").length,
    };
  }
  const { classes, unknown } = classesOf(zones, colour);
  return {
    colours: new Map(
      zones.map((zone) => {
        const index = classOf(classes, valueOf(zone, colour));
        return [zone.code, index < 0 ? UNKNOWN : classColour(index, classes.length)];
      }),
    ),
    entries: classes.map(({ low, high, zones: count }, index) => ({ color: classColour(index, classes.length), low, high, zones: count })),
    unknown,
  };
}
