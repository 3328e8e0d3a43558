// What is left to look at in a plan: rules that its zones break, and faults of the version that it is based on.

/**
 * @typedef {object} Check
 * @property {string} key
 * @property {string} code of the zone that it is about; empty when it is about none
 * @property {number} fault number of the fault; 0 when it is a rule
 * @property {import("../contract").Bbox} bbox
 */

/**
 * @param {import("../contract").Zone[]} zones of the level shown
 * @param {import("../contract").Fault[]} faults of the version
 * @param {string} level
 * @returns {Check[]} faults first, then zones by code
 */
export function checksOf(zones, faults, level) {
  const there = new Set(zones.map(({ code }) => code));
  // A fault goes with its zones: where an edit has taken them away, nothing is left of it.
  const left = faults.filter((fault) => fault.level === level && (fault.codes.length === 0 || fault.codes.some((code) => there.has(code))));
  const broken = /** @type {import("../contract").PlanZone[]} */ (zones).filter(({ warnings }) => warnings?.some(({ severity }) => severity === "warning"));
  return [
    ...left.map(({ number, bbox, codes }) => ({ key: `fault ${number}`, code: codes[0] ?? "", fault: number, bbox })),
    ...broken.map(({ code, bbox }) => ({ key: `zone ${code}`, code, fault: 0, bbox })),
  ];
}

/** The check after one, from the start again after the last. @param {Check[]} checks @param {string} key */
export function nextOf(checks, key) {
  if (checks.length === 0) return null;
  return checks[(checks.findIndex((check) => check.key === key) + 1) % checks.length];
}
