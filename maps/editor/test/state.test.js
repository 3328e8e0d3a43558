import assert from "node:assert/strict";
import test from "node:test";
import { levelOf, openingLevel, Store, valueOf } from "../src/state.js";

/** @param {[string, boolean, number][]} levels */
const version = (levels) =>
  /** @type {import("../src/contract").Version} */ (
    /** @type {unknown} */ ({
      layers: levels.map(([code, partition, zones]) => ({
        code: `layer-${code}`,
        name: code,
        levels: [{ code, name: code, rank: 1, partition, zones }],
      })),
    })
  );

test("the page opens on grids, else on the finest partition above them", () => {
  assert.equal(openingLevel(version([["street", true, 1], ["community", true, 6], ["grid", true, 82]])), "grid");
  assert.equal(openingLevel(version([["street", true, 1], ["community", true, 6], ["grid", true, 0]])), "community");
  assert.equal(openingLevel(version([["party", false, 9]])), "party");
  assert.equal(openingLevel(version([])), "");
});

test("a level is found with its layer", () => {
  assert.equal(levelOf(version([["grid", true, 1]]), "grid")?.layer.code, "layer-grid");
  assert.equal(levelOf(version([["grid", true, 1]]), "street"), null);
});

test("a missing count is unknown, not zero", () => {
  const zone = /** @type {import("../src/contract").Zone} */ (
    /** @type {unknown} */ ({ counts: { household: 5, business: null }, people: null })
  );
  assert.equal(valueOf(zone, "households"), 5);
  assert.equal(valueOf(zone, "businesses"), null);
  assert.equal(valueOf(zone, "institutions"), null);
  assert.equal(valueOf(zone, "people"), null);
});

test("listeners hear of the keys they asked for, and only when a value changed", () => {
  const store = new Store();
  /** @type {string[]} */ const heard = [];
  store.on(["level"], ({ level }) => heard.push(level));
  store.set({ level: "grid" });
  store.set({ level: "grid" });
  store.set({ tab: "faults" });
  store.set({ level: "community", tab: "zones" });
  assert.deepEqual(heard, ["grid", "community"]);
});
