import assert from "node:assert/strict";
import test from "node:test";
import { Problem } from "../src/api.js";
import { use } from "../src/language.js";
import { linesOf, Live } from "../src/plan/live.js";
import { editOf, gestureOf, keptBy, TOOLS } from "../src/plan/tools.js";
import { areaOf, changeBetween, lengthOf, mergedChange } from "../src/shapes.js";

/** @typedef {import("../src/contract").LonLat} LonLat */

const GEOMETRY = /** @type {const} */ ({ type: "Polygon", coordinates: [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]] });

/** The map of these tests: ten times the degrees. @param {number[]} at @returns {LonLat} */
const lonLat = ([x, y]) => [x / 10, y / 10];

/** @returns {number[][][]} */
const rings = () => [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]];

/** @param {number[][][]} is */
const change = (is) => changeBetween(/** @type {any} */ (GEOMETRY), rings(), is, lonLat);

test("a dragged vertex is told by where the service has it; the first one, which is the last too, once", () => {
  assert.equal(mergedChange([change(rings())]), null);
  const is = rings();
  [is[0][0], is[0][4]] = [[-1, 0.123456789012], [-1, 0.123456789012]];
  assert.deepEqual(mergedChange([change(is)]), { moves: [[[0, 0], [-0.1, 0.01234568]]], inserts: [], removes: [] });
});

test("a new vertex is told with the ends of its segment, also of the ring's last one, once for both neighbours", () => {
  const is = rings();
  is[0].splice(4, 0, [-2, 5]);
  const found = change(is);
  assert.deepEqual(found.inserts, [[[0, 1], [0, 0], [-0.2, 0.5]]]);
  const other = { moves: [], inserts: [/** @type {[LonLat, LonLat, LonLat]} */ ([[0, 0], [0, 1], [-0.2, 0.5]])], removes: [] };
  assert.equal(mergedChange([found, other])?.inserts.length, 1);
});

test("a vertex that was taken away is told, also the first", () => {
  const without = rings();
  without[0].splice(2, 1);
  assert.deepEqual(change(without).removes, [[1, 1]]);
  const first = [[[10, 0], [10, 10], [0, 10], [10, 0]]];
  assert.deepEqual(mergedChange([change(first)])?.removes, [[0, 0]]);
});

test("lengths and areas are those of the ellipsoid", () => {
  // A degree of the meridian at 31° (Snyder 1987, table 8, between 110,849 at 30° and 110,941 at 35°), and of the equator.
  assert.ok(Math.abs(lengthOf([[121, 30.5], [121, 31], [121, 31.5]]) - 110_867) < 3);
  assert.ok(Math.abs(lengthOf([[0, 0], [1, 0]]) - 111_319.49) < 0.1);
  /** @type {LonLat[]} */ const square = [[121.4, 31.06], [121.41, 31.06], [121.41, 31.07], [121.4, 31.07]];
  const [width, height] = [lengthOf([[121.4, 31.065], [121.41, 31.065]]), lengthOf([[121.4, 31.06], [121.4, 31.07]])];
  assert.ok(Math.abs(areaOf(square) / (width * height) - 1) < 1e-6);
  assert.ok(Math.abs(areaOf([...square, square[0]]) / areaOf(square) - 1) < 1e-12);
  assert.equal(areaOf([[0, 0], [1, 1]]), 0);
});

test("every tool has a key of its own, and keeps the zones that it is about", () => {
  const keys = TOOLS.flatMap(({ key, also }) => (also ? [key, also] : [key]));
  assert.equal(new Set(keys).size, keys.length);
  assert.deepEqual(keptBy("split", ["a"]), ["a"]);
  assert.deepEqual(keptBy("split", ["a", "b"]), []);
  assert.deepEqual(keptBy("merge", ["a", "b", "c"]), ["a", "b", "c"]);
  assert.equal(gestureOf("paint", 1), "units");
  assert.equal(gestureOf("inherit", 1), "pick");
});

test("what the tools draw becomes edits", () => {
  const [level, coordinates] = ["grid", /** @type {LonLat[]} */ ([[0, 0], [1, 0], [1, 1], [0, 0]])];
  assert.deepEqual(editOf("reshape", { level, picked: ["a"], coordinates, codes: [] }), { operation: "reshape", level, code: "a", area: [coordinates] });
  assert.deepEqual(editOf("reshape", { level, picked: ["a", "b"], coordinates, codes: [] }), { operation: "reshape", level, code: "a", area: [coordinates], heir: "b" });
  assert.deepEqual(editOf("lasso", { level, picked: ["a"], coordinates, codes: [] }), { operation: "paint", level, code: "a", areas: [[coordinates]] });
  assert.deepEqual(editOf("fill", { level, picked: ["a"], coordinates, codes: ["n"] }), { operation: "fill_gap", level, code: "a", area: [coordinates] });
  assert.deepEqual(editOf("fill", { level, picked: [], coordinates, codes: ["n"], name: "新", parent: "P" }), { operation: "fill_gap", level, code: "n", name: "新", parent: "P", area: [coordinates] });
  assert.deepEqual(editOf("inherit", { level, picked: ["a", "b"], coordinates: [], codes: [] }), { operation: "delete", level, code: "a", heir: "b" });
});

/** @param {string} code @param {number} household @param {any} [more] */
const zone = (code, household, more = {}) => /** @type {any} */ ({ level: "grid", code, name: `网格${code}`, kind: "general", counts: { household }, ...more });

test("a preview says whose households change, how far off the band, and who moves", () => {
  use("zh");
  const warnings = [{ rule: "households", severity: "warning", message: "网格310112103001017 超 2 户", message_en: "" }];
  const answer = /** @type {any} */ ({
    zones: [zone("310112103001017", 502, { warnings }), zone("310112103001018", 515), zone("310112103001019", 400), zone("C1", 9, { level: "community" })],
    deleted: [],
    moves: [
      { level: "grid", kind: "household", from: "a", to: "b", subjects: 16 },
      { level: "grid", kind: "business", from: "a", to: "b", subjects: 2 },
      { level: "community", kind: "household", from: "a", to: "b", subjects: 16 },
    ],
  });
  const before = [zone("310112103001017", 486), zone("310112103001018", 531), zone("310112103001019", 400)];
  assert.deepEqual(linesOf(answer, before, "grid"), [
    { strong: "…017", text: "486 → 502  超 2 户", kind: "warning" },
    { strong: "…018", text: "531 → 515" },
    { text: "迁移 16 户 2 商户", kind: "quiet" },
  ]);
  const none = linesOf({ zones: [], deleted: [{ level: "grid", code: "310112103001018" }], moves: [] }, before, "grid");
  assert.deepEqual(none.map(({ text }) => text), ["531 → 撤销", "无人迁移"]);
});

/** A promise with its ends. */
function deferred() {
  /** @type {(value: any) => void} */ let resolve = () => {};
  /** @type {(error: unknown) => void} */ let reject = () => {};
  const promise = new Promise((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("one preview is asked for at a time, the latest wins, and what no longer matters is not shown", async () => {
  /** @type {{ edit: any, resolve: (value: any) => void, reject: (error: unknown) => void }[]} */ const asked = [];
  /** @type {any[]} */ const shown = [];
  const live = new Live(
    (edit) => {
      const { promise, resolve, reject } = deferred();
      asked.push({ edit, resolve, reject });
      return /** @type {any} */ (promise);
    },
    (lines) => shown.push(lines && lines.map(({ text }) => text)),
    (answer) => [{ text: String(answer) }],
  );
  const edit = (/** @type {number} */ n) => /** @type {any} */ ({ operation: "merge", level: "grid", codes: [String(n)] });
  for (const n of [1, 2, 3]) live.want(edit(n));
  assert.equal(asked.length, 1);
  asked[0].resolve("one");
  await settled();
  assert.deepEqual(asked.map((one) => one.edit.codes[0]), ["1", "3"], "2 was never asked for");
  asked[1].reject(new Problem({ detail: "会重叠。", remedy: "请改线。" }, 422));
  await settled();
  assert.deepEqual(shown, [["one"], ["会重叠。", "请改线。"]]);
  live.want(edit(4));
  live.clear();
  asked[2].resolve("four");
  await settled();
  assert.deepEqual(shown.slice(2), [null], "cleared meanwhile");
  live.want(edit(5));
  asked[3].reject(new Problem({ revision: 9, detail: "过期" }, 409));
  await settled();
  assert.equal(shown.length, 3, "the edit itself will say that the plan has changed");
});
