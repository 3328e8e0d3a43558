import assert from "node:assert/strict";
import test from "node:test";
import { use } from "../src/language.js";
import { applied, changedByOthers, flowsOf, moved, refreshed, touchedBy, withFreeCodes } from "../src/plan/changes.js";
import { nextCodes } from "../src/plan/codes.js";
import { commandOf } from "../src/plan/keys.js";
import { bandOf, histogram, warningsOf } from "../src/plan/rules.js";
import { editOf, gestureOf, pickedAfter, TOOLS } from "../src/plan/tools.js";
import { bboxOf, lengthened } from "../src/shapes.js";

/** @typedef {import("../src/contract").PlanZone} PlanZone @typedef {import("../src/contract").LonLat} LonLat */

/** A square grid with its south-west corner at a place.
 * @param {string} code @param {number} lon @param {number} lat @param {Partial<PlanZone>} [more] @returns {PlanZone}
 */
const square = (code, lon, lat, more = {}) => ({
  level: "grid",
  code,
  name: `网格${code}`,
  kind: "general",
  parent: null,
  bbox: [lon, lat, lon + 1, lat + 1],
  geometry: { type: "Polygon", coordinates: [ring(lon, lat, 1)] },
  area_m2: 1,
  perimeter_m: 4,
  counts: { household: 400 },
  people: 1000,
  staff: [],
  parts: 1,
  compactness: 0.8,
  ...more,
});

/** @param {number} lon @param {number} lat @param {number} side @returns {LonLat[]} */
const ring = (lon, lat, side) => [[lon, lat], [lon + side, lat], [lon + side, lat + side], [lon, lat + side], [lon, lat]];

test("new codes count on from the highest sequence beside the zone, and reuse nothing", () => {
  const taken = ["310112103001001", "310112103001007", "310112103002031"];
  assert.deepEqual(nextCodes(taken, "310112103001001", 2), ["310112103001008", "310112103001009"]);
  assert.deepEqual(nextCodes(["A998", "A001"], "A001", 3), ["A999", "A002", "A003"], "gaps only when the sequence is full");
  assert.deepEqual(nextCodes(["G01", "G02"], "G01"), ["G03"]);
  assert.deepEqual(nextCodes(["park"], "park"), ["park-01"]);
  assert.deepEqual(nextCodes(["X1", "X2", "X3", "X4", "X5", "X6", "X7", "X8", "X9"], "X1"), []);
});

test("warnings are the service's, in the language of the page; zones of a version have none", () => {
  const warnings = [{ rule: "households", severity: /** @type {const} */ ("warning"), message: "超 31 户", message_en: "31 too many" }];
  use("zh");
  assert.deepEqual(warningsOf(square("1", 0, 0, { warnings })), ["超 31 户"]);
  use("en");
  assert.deepEqual(warningsOf(square("1", 0, 0, { warnings })), ["31 too many"]);
  use("zh");
  assert.deepEqual(warningsOf(square("1", 0, 0)), []);
});

/** @param {Partial<import("../src/contract").ProfileRule>} rule */
const profile = (rule) => ({
  code: "default",
  name: "",
  rules: [{ rule: "households", name: "", name_en: "", level: "grid", least: 300, most: 500, on: true, unit: "户", source: "", verified: true, ...rule }],
});

test("the band is the office's, where it has one for the level", () => {
  assert.deepEqual(bandOf(profile({}), "grid"), [300, 500]);
  assert.equal(bandOf(profile({}), "community"), null);
  assert.equal(bandOf(profile({ on: false }), "grid"), null);
  assert.equal(bandOf(profile({ most: null }), "grid"), null);
  assert.equal(bandOf(null, "grid"), null);
});

test("every general zone of known count is in one bin, and the band's ends are edges", () => {
  const counts = [0, 49, 50, 299, 300, 499, 500, 3100];
  const zones = counts.map((household, k) => square(String(k), 0, 0, { counts: { household } }));
  zones.push(square("park", 0, 0, { kind: "dedicated" }), square("unknown", 0, 0, { counts: {} }));
  for (const band of /** @type {[number, number][]} */ ([[300, 500], [200, 300], [30, 50], [110, 330], [250, 251]])) {
    const bins = histogram(zones, band);
    assert.equal(bins.reduce((sum, bin) => sum + bin.zones, 0), counts.length);
    for (const { low, high, zones: count } of bins) {
      assert.equal(count, counts.filter((value) => value >= low && value < high).length);
    }
  }
  const narrow = histogram(zones.slice(0, 7), [300, 500]);
  assert.deepEqual(narrow.filter(({ inBand }) => inBand).map(({ low }) => low), [300, 350, 400, 450]);
  assert.deepEqual(histogram([], [300, 500]), []);
});

test("an answer puts and deletes zones, and keeps the others as the same objects", () => {
  const [a, b] = [square("a", 0, 0), square("b", 1, 0)];
  const fresh = { ...square("c", 0, 0), bbox: /** @type {any} */ (undefined) };
  const after = applied([a, b], { zones: [fresh, { ...fresh, level: "community", code: "C" }], deleted: [{ level: "grid", code: "a" }] }, "grid");
  assert.deepEqual(after.map(({ code }) => code), ["b", "c"]);
  assert.equal(after[0], b);
  assert.deepEqual(after[1].bbox, [0, 0, 1, 1]);
  const again = refreshed(after, [{ ...b }, square("c", 5, 5)]);
  assert.equal(again[0], b);
  assert.deepEqual(again[1].bbox, [5, 5, 6, 6]);
});

test("an edit touches the zones that it is about", () => {
  const zones = [square("a", 0, 0), square("b", 1, 0), square("c", 5, 5)];
  const level = "grid";
  assert.deepEqual(touchedBy({ operation: "split", level, code: "a", line: [], codes: ["d"] }, zones), ["a"]);
  assert.deepEqual(touchedBy({ operation: "merge", level, codes: ["a", "b"] }, zones), ["a", "b"]);
  assert.deepEqual(touchedBy({ operation: "move_border", level, moves: [[[1, 1], [1.2, 1]]] }, zones), ["a", "b"]);
  assert.deepEqual(touchedBy({ operation: "paint", level, code: "c", areas: [[ring(0.2, 0.2, 0.3)]] }, zones), ["c", "a"]);
  assert.deepEqual(touchedBy({ operation: "carve", level, code: "p", name: "", area: [ring(0.8, 0.2, 0.5)] }, zones), ["a", "b"]);
});

test("others' changes are seen by shape, name and absence, not by figures", () => {
  const before = [square("a", 0, 0), square("b", 1, 0), square("c", 2, 0)];
  const now = [square("a", 0, 0, { people: 5 }), square("b", 1, 0, { name: "新名" })];
  assert.deepEqual(changedByOthers(["a"], before, now), []);
  assert.deepEqual(changedByOthers(["a", "b", "c"], before, now), ["网格b", "网格c"]);
});

test("codes that others took meanwhile are proposed anew", () => {
  const propose = (/** @type {string} */ beside, /** @type {number} */ count) => Array.from({ length: count }, (_, k) => `${beside}-${k}`);
  const split = (/** @type {string} */ code) =>
    /** @type {import("../src/contract").Edit} */ ({ operation: "split", level: "grid", code: "a", line: [], codes: [code] });
  assert.deepEqual(withFreeCodes(split("x"), new Set(["x"]), propose), split("a-0"));
  const free = split("y");
  assert.equal(withFreeCodes(free, new Set(["x"]), propose), free);
});

test("the ledger adds up per pair of zones", () => {
  const moves = /** @type {import("../src/contract").Move[]} */ ([
    { level: "grid", kind: "household", from: "a", to: "b", subjects: 3 },
    { level: "grid", kind: "household", from: "c", to: "b", subjects: 9 },
    { level: "grid", kind: "business", from: "a", to: "b", subjects: 2 },
    { level: "community", kind: "household", from: "A", to: "B", subjects: 3 },
  ]);
  assert.deepEqual(flowsOf(moves, "grid"), [
    { from: "c", to: "b", counts: { household: 9 } },
    { from: "a", to: "b", counts: { household: 3, business: 2 } },
  ]);
  assert.equal(moved(moves, "grid", "household"), 12);
});

test("a line is made longer at both ends along itself", () => {
  const [first, middle, last] = lengthened([[0, 0], [1, 0], [1, 1]], 0.5);
  assert.deepEqual([first, middle, last], [[-0.5, 0], [1, 0], [1, 1.5]]);
  assert.deepEqual(lengthened([[0, 0], [0, 0]]), [[0, 0], [0, 0]]);
  assert.equal(bboxOf([]), null);
});

test("a tool picks until it has its zones, then draws", () => {
  assert.equal(gestureOf("", 3), "pick");
  assert.equal(gestureOf("redraw", 1), "pick");
  assert.equal(gestureOf("redraw", 2), "line");
  assert.equal(gestureOf("carve", 0), "area");
  assert.equal(gestureOf("merge", 5), "pick");
  assert.deepEqual(pickedAfter(["a"], "b", true), ["a", "b"]);
  assert.deepEqual(pickedAfter(["a", "b"], "a", true), ["b"]);
  assert.deepEqual(pickedAfter(["a", "b"], "c", false), ["c"]);
  assert.deepEqual(pickedAfter(["a"], null, false), []);
  assert.deepEqual(pickedAfter(["a"], null, true), ["a"]);
});

test("what is drawn becomes the edit of its tool", () => {
  const how = { level: "grid", picked: ["a", "b"], coordinates: ring(0, 0, 1), codes: ["n"], name: "园" };
  assert.deepEqual(editOf("carve", how), { operation: "carve", level: "grid", code: "n", name: "园", area: [how.coordinates] });
  assert.deepEqual(editOf("paint", how), { operation: "paint", level: "grid", code: "a", areas: [[how.coordinates]] });
  const redraw = editOf("redraw", how);
  assert.deepEqual(redraw.operation === "redraw_border" && redraw.codes, ["a", "b"]);
});

test("keys are those that the tools show, and not those of the browser", () => {
  const none = { ctrlKey: false, metaKey: false, shiftKey: false, altKey: false };
  for (const { name, key } of TOOLS) assert.equal(commandOf({ ...none, key: key.toLowerCase() }), name);
  assert.equal(commandOf({ ...none, key: "z", ctrlKey: true }), "undo");
  assert.equal(commandOf({ ...none, key: "Z", ctrlKey: true, shiftKey: true }), "redo");
  assert.equal(commandOf({ ...none, key: "y", metaKey: true }), "redo");
  assert.equal(commandOf({ ...none, key: "c", ctrlKey: true }), null);
  assert.equal(commandOf({ ...none, key: "v", altKey: true }), null);
  assert.equal(commandOf({ ...none, key: "Delete" }), "delete");
  assert.equal(commandOf({ ...none, key: "Escape" }), "escape");
  assert.equal(commandOf({ ...none, key: "q" }), null);
});
