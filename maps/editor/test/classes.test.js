import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { classOf, naturalClasses } from "../src/classes.js";

// tests/maps/test_palette.py holds maps/palette.py to the same cases.
const cases = JSON.parse(readFileSync(new URL("classes.json", import.meta.url), "utf8"));

for (const { what, values, most, classes } of cases) {
  test(`classes: ${what}`, () => {
    assert.deepEqual(
      naturalClasses(values, most).map(({ low, high, zones }) => [low, high, zones]),
      classes,
    );
  });
}

test("every known value is in exactly one class, and the counts add up", () => {
  const values = Array.from({ length: 300 }, (_, k) => (k % 11 === 0 ? null : (k * 7919) % 613));
  const classes = naturalClasses(values);
  const counts = classes.map(() => 0);
  for (const value of values) if (value !== null) counts[classOf(classes, value)] += 1;
  assert.deepEqual(counts, classes.map(({ zones }) => zones));
  assert.equal(classOf(classes, null), -1);
});

test("no split in two has a smaller spread", () => {
  const values = [3, 4, 4, 8, 9, 15, 16, 40];
  const spread = (/** @type {number[]} */ run) => {
    const mean = run.reduce((a, b) => a + b, 0) / run.length;
    return run.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  };
  const [first] = naturalClasses(values, 2);
  const cut = values.lastIndexOf(first.high) + 1;
  const found = spread(values.slice(0, cut)) + spread(values.slice(cut));
  for (let at = 1; at < values.length; at += 1) {
    assert.ok(found <= spread(values.slice(0, at)) + spread(values.slice(at)) + 1e-9);
  }
});
