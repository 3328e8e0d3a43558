// Words of the page: Chinese first, English by a switch. The service's own messages come in both languages.
import drafts from "./words/drafts.js";
import fusion from "./words/fusion.js";
import page from "./words/page.js";
import panels from "./words/panels.js";
import plan from "./words/plan.js";
import register from "./words/register.js";
import repairs from "./words/repairs.js";
import tools from "./words/tools.js";

/** @typedef {"zh" | "en"} Language */

/** @type {Record<string, [zh: string, en: string]>} */
const WORDS = { ...page, ...panels, ...plan, ...drafts, ...repairs, ...fusion, ...tools, ...register };

let current = /** @type {Language} */ ("zh");

/** @param {Language} language */
export function use(language) {
  current = language;
}

/**
 * The words for a key, with `{0}`, `{1}` filled in.
 *
 * @param {string} key
 * @param {...(string | number)} values
 */
export function t(key, ...values) {
  const words = WORDS[key];
  if (!words) throw new Error(`no words for ${key}`);
  const text = words[current === "en" ? 1 : 0];
  return text.replace(/\{(\d)\}/g, (_, index) => String(values[Number(index)] ?? ""));
}

export const isEnglish = () => current === "en";

/** English names of what the service names in Chinese. */
const LEVELS_EN = /** @type {Record<string, string>} */ ({
  county: "County",
  street: "Street / town",
  functional: "Functional zone",
  community: "Community",
  grid: "Grid",
  microgrid: "Microgrid",
  party: "Party grid",
  order: "Public-order grid",
  civil: "Civil-affairs grid",
  urban: "Urban-management grid",
  police: "Police grid",
  admin: "Administrative",
});

/** Name of a level or layer in the language of the page.
 * @param {{ code: string, name: string }} named
 */
export const nameOf = (named) => (current === "en" ? (LEVELS_EN[named.code] ?? named.name) : named.name);

const FAULTS_EN = /** @type {Record<string, string>} */ ({
  overlap: "Overlap",
  gap: "Gap",
  inlet: "Inlet",
  sliver: "Sliver",
  outside_parent: "Outside its parent",
  uncovered: "Uncovered",
  duplicate: "Duplicate",
  contained: "Contained",
  invalid: "Invalid shape",
  stray: "Stray part",
  near_miss: "Near miss",
  crossing_levels: "Crosses levels",
  cut_estate: "Cuts an estate",
  cut_building: "Cuts a building",
  cut_barrier: "Crosses a barrier",
});

/** @param {{ kind: string, kind_name: string }} fault */
export const faultName = (fault) =>
  current === "en" ? (FAULTS_EN[fault.kind] ?? fault.kind_name) : fault.kind_name;

/** @param {{ message: string, message_en: string }} said */
export const messageOf = (said) => (current === "en" && said.message_en ? said.message_en : said.message);

/** Every key, for the test that both languages say something. */
export const keys = () => Object.keys(WORDS);
