// Codes for zones that an edit makes: the next free sequence beside the zone that they come from.

/** A code's last digits are its sequence: three of them, as in DB11, fewer where a code has fewer. */
const SEQUENCE = /^(.*?)(\d{1,3})$/;

/**
 * Proposes codes that no zone has, counting on from the highest sequence with the same prefix: a gap may be the code
 * of a zone that was retired, which is never used again. Only when the sequence is full are gaps filled.
 *
 * @param {Iterable<string>} taken codes that zones have or had
 * @param {string} beside code of the zone that the new ones come from
 * @param {number} [count]
 * @returns {string[]}
 */
export function nextCodes(taken, beside, count = 1) {
  const used = new Set(taken);
  const [, prefix, digits] = SEQUENCE.exec(beside) ?? ["", `${beside}-`, "00"];
  const most = 10 ** digits.length - 1;
  let highest = 0;
  for (const code of used) {
    const rest = code.slice(prefix.length);
    if (code.startsWith(prefix) && rest.length === digits.length && /^\d+$/.test(rest)) highest = Math.max(highest, Number(rest));
  }
  /** @type {string[]} */ const found = [];
  const offer = (/** @type {number} */ sequence) => {
    const code = prefix + String(sequence).padStart(digits.length, "0");
    if (!used.has(code)) found.push(code);
  };
  for (let sequence = highest + 1; sequence <= most && found.length < count; sequence += 1) offer(sequence);
  for (let sequence = 1; sequence <= Math.min(highest, most) && found.length < count; sequence += 1) offer(sequence);
  return found;
}

/** The end of a code, by which neighbours differ. @param {string} code */
export const tailOf = (code) => (code.length > 6 ? `…${code.slice(-3)}` : code);
