// What is compared with what: a plan with its base, or two versions of a territory.

/**
 * How two states are shown: one over the other with a bar to swipe, beside each other, or by what differs.
 *
 * @typedef {"difference" | "swipe" | "beside"} Way
 */

/**
 * @typedef {object} Shown
 * @property {string} before version on the left
 * @property {string} after version on the right; empty for the plan that is open
 * @property {Way} way
 * @property {import("../contract").Comparison | null} comparison null while it is read
 */
export {};
