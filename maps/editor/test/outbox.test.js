import assert from "node:assert/strict";
import test from "node:test";
import { Outbox, sketchOf } from "../src/plan/outbox.js";
import { neighboursOf } from "../src/plan/neighbours.js";
import { checksOf, nextOf } from "../src/plan/checks.js";
import { pickedAfterEdit } from "../src/plan/picking.js";

/** @typedef {import("../src/contract").PlanZone} PlanZone */

/** @param {string} code @param {number} lon @param {number} lat @param {number} [high] @returns {PlanZone} */
const block = (code, lon, lat, high = 1) => ({
  level: "grid",
  code,
  name: `网格${code}`,
  kind: "general",
  parent: "C",
  bbox: [lon, lat, lon + 1, lat + high],
  geometry: {
    type: "Polygon",
    coordinates: [[...Array.from({ length: high + 1 }, (_, k) => [lon, lat + k]), ...Array.from({ length: high + 1 }, (_, k) => [lon + 1, lat + high - k]), [lon, lat]]],
  },
  area_m2: 1,
  perimeter_m: 4,
  counts: { household: 400 },
  people: 1000,
  staff: [],
});

const memory = () => {
  /** @type {Map<string, string>} */ const kept = new Map();
  return {
    getItem: (/** @type {string} */ key) => kept.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => void kept.set(key, value),
    removeItem: (/** @type {string} */ key) => void kept.delete(key),
    key: (/** @type {number} */ place) => [...kept.keys()][place] ?? null,
    get length() {
      return kept.size;
    },
    kept,
  };
};

/** @type {import("../src/contract").Edit} */
const MERGE = { operation: "merge", level: "grid", codes: ["a", "b"] };

test("edits are kept until they are answered, by account and plan, and survive a new page", () => {
  const storage = memory();
  const box = new Outbox(storage, "zhang", 7);
  box.add(MERGE, [block("a", 0, 0), block("b", 1, 0), block("c", 5, 5)]);
  box.add({ operation: "delete", level: "grid", code: "c" }, [block("c", 5, 5)]);
  const again = new Outbox(storage, "zhang", 7);
  assert.deepEqual(again.items.map(({ edit }) => edit.operation), ["merge", "delete"]);
  assert.deepEqual(again.items[0].before.map(({ code }) => code), ["a", "b"], "only what it is about");
  assert.deepEqual(again.items.map(({ id }) => id), box.items.map(({ id }) => id), "the service knows them by the same keys");
  assert.equal(new Outbox(storage, "li", 7).items.length, 0);
  assert.equal(new Outbox(storage, "zhang", 8).items.length, 0);
  assert.equal(new Outbox(storage, "zhang/7", 7).items.length, 0);
  for (const item of again.items) again.remove(item);
  assert.equal(storage.kept.size, 0);
  for (const text of ["not JSON", "null", "7"]) storage.setItem("onegrid.outbox/zhang/9/1", text);
  assert.deepEqual(new Outbox(storage, "zhang", 9).items, []);
});

test("a full storage loses nothing while the page is open", () => {
  const full = { ...memory(), setItem: () => { throw new DOMException("full", "QuotaExceededError"); } };
  const box = new Outbox(full, "zhang", 7);
  box.add(MERGE, []);
  assert.equal(box.items.length, 1);
});

test("edits stay in the order in which they were made, also when the clock is set back", (context) => {
  const box = new Outbox(memory(), "zhang", 7);
  let now = 1_795_000_000_000;
  context.mock.method(Date, "now", () => now);
  const made = [box.add(MERGE, []), box.add(MERGE, [])];
  now -= 1_000_000_000;
  made.push(box.add(MERGE, []));
  box.sync();
  assert.deepEqual(box.items, made);
});

test("one's own edits are no news for those that wait behind them", () => {
  const box = new Outbox(memory(), "zhang", 7);
  const item = box.add(MERGE, [block("a", 0, 0), block("b", 1, 0)]);
  const grown = block("a", 0, 0, 2);
  box.carry({ zones: [grown, { ...grown, level: "community", code: "b" }], deleted: [{ level: "grid", code: "b" }] });
  assert.deepEqual(item.before.map(({ code, geometry }) => [code, geometry]), [["a", grown.geometry]]);
});

test("what waits is sketched where it will be", () => {
  const box = new Outbox(memory(), "zhang", 7);
  const zones = [block("a", 0, 0), block("b", 1, 0)];
  assert.deepEqual(sketchOf(box.add(MERGE, zones)), zones.map(({ geometry }) => geometry));
  assert.deepEqual(sketchOf(box.add({ operation: "split", level: "grid", code: "a", line: [[0, 0], [1, 1]], codes: ["x"] }, zones)), [
    { type: "LineString", coordinates: [[0, 0], [1, 1]] },
  ]);
  assert.equal(sketchOf(box.add({ operation: "move_border", level: "grid", moves: [[[1, 1], [1.2, 1]], [[1, 0], [1.2, 0]]] }, zones)).length, 2);
});

test("neighbours share a border, not a corner, and the longest comes first", () => {
  const zones = [block("a", 0, 0, 2), block("right", 1, 0, 2), block("left", -1, 1), block("corner", 1, 2), block("far", 9, 9)];
  const found = neighboursOf("a", zones);
  assert.deepEqual(found.map(({ code }) => code), ["right", "left"]);
  assert.ok(Math.abs(found[0].border_m - 2 * 111_195) < 50, String(found[0].border_m));
  assert.deepEqual(neighboursOf("none", zones), []);
});

test("checks go round: faults that are left, then broken rules", () => {
  const warned = { ...block("w", 0, 0), warnings: [{ rule: "households", severity: /** @type {const} */ ("warning"), message: "", message_en: "" }] };
  const noted = { ...block("n", 1, 0), warnings: [{ rule: "cut", severity: /** @type {const} */ ("note"), message: "", message_en: "" }] };
  const fault = /** @type {import("../src/contract").Fault} */ (/** @type {unknown} */ ({ number: 4, level: "grid", codes: ["w"], bbox: [0, 0, 1, 1] }));
  const checks = checksOf([warned, noted], [fault, { ...fault, number: 5, codes: ["gone"] }, { ...fault, number: 6, level: "party" }], "grid");
  assert.deepEqual(checks.map(({ key }) => key), ["fault 4", "zone w"]);
  assert.equal(nextOf(checks, "")?.key, "fault 4");
  assert.equal(nextOf(checks, "fault 4")?.key, "zone w");
  assert.equal(nextOf(checks, "zone w")?.key, "fault 4");
  assert.equal(nextOf([], ""), null);
});

test("after an edit what one was at work on stays picked, as far as it is there", () => {
  const zones = [block("a", 0, 0), block("x", 1, 0)];
  const answer = { zones };
  /** @type {(edit: import("../src/contract").Edit | null, picked: string[]) => string[]} */
  const picked = (edit, before) => pickedAfterEdit(edit, answer, "grid", before, zones);
  assert.deepEqual(picked(MERGE, ["a", "b"]), ["a"]);
  assert.deepEqual(picked({ operation: "split", level: "grid", code: "a", line: [], codes: ["x", "y"] }, ["a"]), ["a", "x"]);
  assert.deepEqual(picked({ operation: "delete", level: "grid", code: "b", heir: "x" }, ["b"]), ["x"]);
  assert.deepEqual(picked({ operation: "renumber", level: "grid", codes: { b: "x" } }, ["b"]), ["x"]);
  assert.deepEqual(picked(null, ["a", "b"]), ["a"]);
  const same = ["a"];
  assert.equal(picked({ operation: "describe", level: "grid", code: "a", name: "新" }, same), same);
  assert.equal(picked({ operation: "regroup", level: "functional", code: "F", members: [], of: "community" }, same), same);
});

test("two pages share what waits: nothing of the other is lost, and nothing is sent twice", () => {
  const storage = memory();
  const [one, two] = [new Outbox(storage, "anna", 7), new Outbox(storage, "anna", 7)];
  const first = one.add(MERGE, []);
  const second = two.add(MERGE, []);
  assert.equal(one.sync(), true);
  assert.deepEqual(one.items.map(({ id }) => id), [first.id, second.id]);
  assert.ok(one.items[0] === first && one.own.has(first.id) && !one.own.has(second.id));

  two.sync();
  assert.ok(two.items[1] === second);

  two.remove(first);
  assert.equal(one.sync(), true);
  assert.deepEqual(one.items.map(({ id }) => id), [second.id]);
  one.note(first, { before: [] });
  one.remove(one.items[0]);
  assert.equal(storage.kept.size, 0, "what another page has crossed out does not come back");
});

test("without a storage a page keeps its own edits", () => {
  const full = { ...memory(), setItem: () => { throw new Error("full"); } };
  const outbox = new Outbox(full, "anna", 7);
  outbox.add(MERGE, []);
  assert.equal(outbox.sync(), false);
  assert.equal(outbox.items.length, 1);
});
