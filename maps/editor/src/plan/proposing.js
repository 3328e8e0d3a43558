// Proposals of new grids: asked for, looked at on the map, taken as a plan.

/**
 * @typedef {object} Shown
 * @property {import("../contract").Proposal} proposal
 * @property {{ code: string, geometry: import("../contract").Geometry }[]} zones
 */
export {};
