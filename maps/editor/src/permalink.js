// What the page shows, kept in the address after "#", so that a link opens the same map.

/**
 * @typedef {object} Link
 * @property {string} [version]
 * @property {string} [level]
 * @property {string} [zone]
 * @property {string} [colour]
 * @property {string} [plan] its number
 */

const KEYS = /** @type {const} */ (["version", "level", "zone", "colour", "plan"]);

/**
 * @param {string} hash
 * @returns {Link}
 */
export function read(hash) {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  /** @type {Link} */ const link = {};
  for (const key of KEYS) {
    const value = fields.get(key);
    if (value) link[key] = value;
  }
  return link;
}

/** @param {Link} link */
export function write(link) {
  const fields = new URLSearchParams();
  for (const key of KEYS) if (link[key]) fields.set(key, /** @type {string} */ (link[key]));
  const text = fields.toString();
  return text ? `#${text}` : "";
}
