// Colours of a fusion, shared by map and legend. Classes of conflicts have the hues of Okabe and Ito (Color Universal
// Design, 2008), which colour-blind readers tell apart, and differ by hatching too; departments differ by hue and dash.

/**
 * @typedef {object} ConflictLook
 * @property {string} colour of border and hatching
 * @property {string} ground of the area
 * @property {"/" | "\\" | "x" | null} way of the hatching; null for a plain area
 * @property {number} weight of the border, in pixels
 */

/** @type {Record<import("./contract-fusion").ConflictKind, ConflictLook>} */
export const CONFLICTS = {
  overlap: { colour: "#cc3f8e", ground: "#cc3f8e66", way: "x", weight: 1.6 },
  conflict: { colour: "#d55e00", ground: "#d55e0073", way: null, weight: 0.8 },
  missing: { colour: "#5f6670", ground: "#8a929c33", way: "\\", weight: 1 },
  noise: { colour: "#b58900", ground: "#f0e442cc", way: null, weight: 1 },
  containment: { colour: "#009e73", ground: "#009e7333", way: "/", weight: 1 },
  grain: { colour: "#3b9bd6", ground: "#56b4e933", way: null, weight: 1 },
};

/** Lines of departments, in the order in which they are fused: eight are told apart. */
const LINES = [
  { colour: "#7b1fa2", width: 1.6, dash: undefined },
  { colour: "#00629b", width: 1.6, dash: [9, 4] },
  { colour: "#1b6e3c", width: 1.8, dash: [2, 4] },
  { colour: "#4a4f57", width: 1.2, dash: [10, 3, 2, 3] },
  { colour: "#b3123f", width: 1.6, dash: [5, 3] },
  { colour: "#00707a", width: 1.8, dash: [14, 4, 2, 4, 2, 4] },
  { colour: "#5a5f00", width: 1.6, dash: [4, 6] },
  { colour: "#8c4a12", width: 1.6, dash: [1, 3] },
];

/** @param {number} index place of the department among those fused */
export const departmentLine = (index) => LINES[index % LINES.length];

/** Borders of the proposal. */
export const GRID = { colour: "#111a26", width: 2.6 };
