// The planner's tools: their keys, how many zones each is about, what is drawn for it, and the edit that follows.
import { lengthened } from "../shapes.js";

/**
 * @typedef {import("../contract").Edit} Edit
 * @typedef {import("../contract").LonLat} LonLat
 * @typedef {"move" | "redraw" | "split" | "merge" | "paint" | "lasso" | "reshape" | "carve" | "fill" | "inherit" | "except" | "measure"} ToolName
 * @typedef {"pick" | "drag" | "line" | "area" | "units" | "measure"} Gesture what the mouse does on the map
 */

/**
 * @typedef {object} Tool
 * @property {ToolName} name
 * @property {string} key
 * @property {string} [also] another key
 * @property {number} zones how many zones are picked before anything is drawn
 * @property {number} most how many picked zones the tool starts with: those beyond mean nothing to it
 * @property {Gesture} gesture
 * @property {boolean} [stays] whether it is still at hand after an edit, for the next one
 * @property {boolean} [reads] whether it changes nothing, so that whoever may see the plan may use it
 * @property {boolean} [rare] whether it is found in the menu of operations rather than in the row of tools
 * @property {string} icon
 */

/** @type {Tool[]} */
export const TOOLS = [
  { name: "move", key: "V", zones: 0, most: 0, gesture: "drag", stays: true, icon: "M3 14 8 6l5 7 4-8M8 3.500a2.500 2.500 0 1 1 0 5a2.500 2.500 0 0 1 0-5" },
  { name: "redraw", key: "R", zones: 2, most: 2, gesture: "line", icon: "M4 16c1-5 3-1 5-5s0-6 6-8M13 12l4 4M17 12l-4 4" },
  { name: "split", key: "S", zones: 1, most: 1, gesture: "line", icon: "M3 4h14v12H3zM11 2 8 18" },
  { name: "merge", key: "M", zones: 2, most: Infinity, gesture: "pick", icon: "M3 4h14v12H3zM10 4v2M10 14v2M5.500 10h3M14.500 10h-3M7 8.500 8.500 10 7 11.500M13 8.500 11.500 10l1.500 1.500" },
  { name: "paint", key: "P", zones: 1, most: 1, gesture: "units", stays: true, icon: "M5 3h8v5H5zM13 5.500h3v4h-6v2M9 11.500h2v6H9z" },
  { name: "lasso", key: "L", zones: 1, most: 1, gesture: "area", icon: "M10 3c4 0 7 2 7 5s-3 5-7 5-7-2-7-5 3-5 7-5M6.500 12.500c-1 2 1 2.500 1 4.500" },
  { name: "reshape", key: "E", zones: 1, most: 2, gesture: "area", icon: "M4 7 9 3l7 3 1 8-7 3-6-4zM7 9l3-2 3 2v3l-3 1.500L7.500 12z" },
  { name: "carve", key: "C", zones: 0, most: 0, gesture: "area", icon: "M3 3h14v14H3zM8 7l5 1 0 5-5 0z" },
  { name: "fill", key: "G", also: "F", zones: 0, most: 1, gesture: "area", icon: "M3 3h5v5h4V3h5v14H3zM10 10.500v4M8 12.500h4" },
  { name: "inherit", key: "X", zones: 2, most: 1, gesture: "pick", icon: "M3 5h6v10H3zM12 5h5v10h-5M6 10h8M12 8l2 2-2 2" },
  { name: "except", key: "H", zones: 0, most: 0, gesture: "area", rare: true, icon: "M3 3h14v14H3zM6 10h8M7 13l6-6" },
  { name: "measure", key: "D", zones: 0, most: Infinity, gesture: "measure", reads: true, icon: "M3 13 13 3l4 4L7 17zM6 10l1.500 1.500M8.500 7.500 11 10M11 5l1.500 1.500" },
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
 * Zones that stay picked when a tool is taken: all, or none where they are more than it is about.
 *
 * @param {ToolName} name
 * @param {string[]} picked
 * @returns {string[]}
 */
export const keptBy = (name, picked) => (picked.length <= (toolOf(name)?.most ?? 0) ? picked : []);

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
 * @param {{ level: string, picked: string[], coordinates: LonLat[], codes: string[], name?: string, parent?: string }} how
 *   `codes` are free ones for the zones that are made; `parent` is that of a zone drawn into a gap
 * @returns {Edit}
 */
export function editOf(name, { level, picked, coordinates, codes, name: called = "", parent }) {
  switch (name) {
    case "redraw":
      return { operation: "redraw_border", level, codes: [picked[0], picked[1]], line: lengthened(coordinates) };
    case "split":
      return { operation: "split", level, code: picked[0], line: lengthened(coordinates), codes };
    case "paint":
    case "lasso":
      return { operation: "paint", level, code: picked[0], areas: [[coordinates]] };
    case "reshape":
      return { operation: "reshape", level, code: picked[0], area: [coordinates], ...(picked[1] && { heir: picked[1] }) };
    case "carve":
      return { operation: "carve", level, code: codes[0], name: called, area: [coordinates] };
    case "fill":
      // Into the zone that is picked, else into a new one.
      if (picked[0]) return { operation: "fill_gap", level, code: picked[0], area: [coordinates] };
      return { operation: "fill_gap", level, code: codes[0], name: called, ...(parent && { parent }), area: [coordinates] };
    case "merge":
      return { operation: "merge", level, codes: picked };
    case "inherit":
      return { operation: "delete", level, code: picked[0], heir: picked[1] };
    case "except":
      return { operation: "exception", level, code: codes[0], name: called, cause: "", area: [coordinates] };
    case "move":
    case "measure":
      throw new Error(`nothing is drawn with ${name}`);
  }
}
