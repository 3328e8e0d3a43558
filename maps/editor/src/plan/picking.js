// What is picked after an edit: what the planner was at work on, as far as it is still there.

/**
 * @param {import("../contract").Edit | null} edit null for a step back or forth
 * @param {{ zones: { level: string, code: string }[] }} answer
 * @param {string} level that is shown
 * @param {string[]} picked before
 * @param {{ code: string }[]} zones after
 * @returns {string[]}
 */
export function pickedAfterEdit(edit, answer, level, picked, zones) {
  const there = new Set(zones.map(({ code }) => code));
  const wanted = edit && edit.level === level ? subjectOf(edit, answer, level) : null;
  const kept = (wanted ?? (edit?.operation === "renumber" ? picked.map((code) => edit.codes[code] ?? code) : picked)).filter((code) => there.has(code));
  // The same list stays the same object, so that nothing is drawn again for it.
  return kept.length === picked.length && kept.every((code, index) => code === picked[index]) ? picked : kept;
}

/** Zones that an edit is about once it is made; null when what was picked before stays so.
 * @param {import("../contract").Edit} edit
 * @param {{ zones: { level: string, code: string }[] }} answer
 * @param {string} level
 */
function subjectOf(edit, answer, level) {
  switch (edit.operation) {
    case "split":
      return [edit.code, ...edit.codes];
    case "merge":
      return [edit.codes[0]];
    case "carve":
    case "fill_gap":
    case "regroup":
      return [edit.code];
    case "delete":
      return edit.heir ? [edit.heir] : answer.zones.filter((zone) => zone.level === level).map(({ code }) => code).slice(0, 1);
    default:
      return null;
  }
}
