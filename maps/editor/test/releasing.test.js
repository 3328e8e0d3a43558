import assert from "node:assert/strict";
import test from "node:test";
import { nextStep } from "../src/plan/releasing.js";

/** @typedef {import("../src/contract").Readiness} Readiness */

/** @param {string} role @param {string} [name] @returns {import("../src/contract").Me} */
const who = (role, name = role) => ({ name, display_name: name, role: /** @type {any} */ (role), csrf_token: null, personal_data: false });

/** @param {Partial<Readiness["approval"]>} [approval] @param {string[]} [obstacles] @returns {Readiness} */
const ready = (approval = {}, obstacles = []) => ({
  version: "town-v2", in_force: "town-v1", levels: [], moves: [], faults_before: null, faults_after: null, obstacles,
  approval: { required: false, state: "none", ...approval },
});

test("without a second person publishers publish, planners only look, viewers too", () => {
  assert.equal(nextStep(ready(), who("publisher")), "publish");
  assert.equal(nextStep(ready(), who("admin")), "publish");
  assert.equal(nextStep(ready(), who("planner")), "");
  assert.equal(nextStep(ready(), who("viewer")), "");
  assert.equal(nextStep(ready(), null), "");
});

test("what stands against a draft stands before everything else", () => {
  assert.equal(nextStep(ready({}, ["没有任何网格"]), who("publisher")), "");
  assert.equal(nextStep(ready({ required: true }, ["没有任何网格"]), who("planner")), "");
});

test("a second person approves, and neither asks, approves nor publishes twice", () => {
  assert.equal(nextStep(ready({ required: true }), who("planner")), "ask");
  const asked = ready({ required: true, state: "asked", asked_by: "李四" });
  assert.equal(nextStep(asked, who("planner")), "");
  assert.equal(nextStep(asked, who("publisher", "李四")), "");
  assert.equal(nextStep(asked, who("publisher", "周八")), "give");
  const given = ready({ required: true, state: "given", asked_by: "张三", approved_by: "周八" });
  assert.equal(nextStep(given, who("publisher", "周八")), "");
  assert.equal(nextStep(given, who("publisher", "李四")), "publish");
  assert.equal(nextStep(given, who("planner", "张三")), "");
});
