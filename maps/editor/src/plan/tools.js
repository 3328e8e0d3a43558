// The planner's tools: their keys, how many zones each is about, what is drawn for it, and the edit that follows.
import { lengthened } from "../shapes.js";

/**
 * @typedef {import("../contract").Edit} Edit
 * @typedef {import("../contract").LonLat} LonLat
 * @typedef {"move" | "redraw" | "split" | "merge" | "paint" | "carve"} ToolName
 * @typedef {"pick" | "drag" | "line" | "area"} Gesture what the mouse does on the map
 */

/**
 * @typedef {object} Tool
 * @property {ToolName} name
 * @property {string} key
 * @property {number} zones how many zones are picked before anything is drawn
 * @property {Gesture} gesture
 * @property {string} icon
 */

/** @type {Tool[]} */
export const TOOLS = [
  { name: "move", key: "V", zones: 0, gesture: "drag", icon: "M3 14 8 6l5 7 4-8M8 3.500a2.500 2.500 0 1 1 0 5a2.500 2.500 0 0 1 0-5" },
  { name: "redraw", key: "R", zones: 2, gesture: "line", icon: "M4 16c1-5 3-1 5-5s0-6 6-8M13 12l4 4M17 12l-4 4" },
  { name: "split", key: "S", zones: 1, gesture: "line", icon: "M3 4h14v12H3zM11 2 8 18" },
  { name: "merge", key: "M", zones: 2, gesture: "pick", icon: "M3 4h14v12H3zM10 4v2M10 14v2M5.500 10h3M14.500 10h-3M7 8.500 8.500 10 7 11.500M13 8.500 11.500 10l1.500 1.500" },
  { name: "paint", key: "P", zones: 1, gesture: "area", icon: "M5 3h8v5H5zM13 5.500h3v4h-6v2M9 11.500h2v6H9z" },
  { name: "carve", key: "C", zones: 0, gesture: "area", icon: "M3 3h14v14H3zM8 7l5 1 0 5-5 0z" },
];

/** @param {ToolName | ""} name */
export const toolOf = (name) => TOOLS.find((tool) => tool.name === name) ?? null;

/**
 * What the mouse does on the map now: zones are picked until there are enough of them.
 *
 * @param {ToolName | ""} name
 * @param {number} picked
 * @returns {Gesture}
 */
export function gestureOf(name, picked) {
  const tool = toolOf(name);
  return tool && picked >= tool.zones ? tool.gesture : "pick";
}

/**
 * Zones that are picked after a click.
 *
 * @param {string[]} picked
 * @param {string | null} code of the zone that was clicked; null for none
 * @param {boolean} adds whether the click adds to what is picked (or takes from it)
 * @returns {string[]}
 */
export function pickedAfter(picked, code, adds) {
  if (code === null) return adds ? picked : [];
  if (!adds) return [code];
  return picked.includes(code) ? picked.filter((one) => one !== code) : [...picked, code];
}

/**
 * The edit that a drawn line or area means. Lines and rings are lon/lat.
 *
 * @param {ToolName} name
 * @param {{ level: string, picked: string[], coordinates: LonLat[], codes: string[], name?: string }} how
 *   `codes` are free ones for the zones that are made
 * @returns {Edit}
 */
export function editOf(name, { level, picked, coordinates, codes, name: called = "" }) {
  switch (name) {
    case "redraw":
      return { operation: "redraw_border", level, codes: [picked[0], picked[1]], line: lengthened(coordinates) };
    case "split":
      return { operation: "split", level, code: picked[0], line: lengthened(coordinates), codes };
    case "paint":
      return { operation: "paint", level, code: picked[0], areas: [[coordinates]] };
    case "carve":
      return { operation: "carve", level, code: codes[0], name: called, area: [coordinates] };
    case "merge":
      return { operation: "merge", level, codes: picked };
    case "move":
      throw new Error("vertices are moved, not drawn");
  }
}
