import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";
import * as figures from "../src/figures.js";
import { keys, messageOf, nameOf, t, use } from "../src/language.js";
import * as permalink from "../src/permalink.js";

test("numbers have separators, units, and are never zero when unknown", () => {
  assert.equal(figures.whole(1234567), "1,234,567");
  assert.equal(figures.whole(null), "未知");
  assert.equal(figures.whole(0), "0");
  assert.equal(figures.area(1234), "1,234 m²");
  assert.equal(figures.area(2.5e6), "2.500 km²");
  assert.equal(figures.area(3.2), "3.20 m²");
  assert.equal(figures.length(12.4), "12 m");
  assert.equal(figures.length(8), "8.0 m");
  assert.equal(figures.length(0.42), "0.42 m");
  assert.equal(figures.length(12400), "12.4 km");
  assert.equal(figures.coordinates([121.40234567, 31.0712]), "121.40235, 31.07120");
});

test("a share is not rounded to a certainty", () => {
  assert.equal(figures.percent(0.734), "73.4%");
  assert.equal(figures.percent(0.9999), ">99.9%");
  assert.equal(figures.percent(0.0001), "<0.1%");
  assert.equal(figures.percent(1), "100%");
  assert.equal(figures.percent(null), "未知");
});

test("a link survives being written and read", () => {
  const link = { version: "zhuanqiao-v1", level: "grid", zone: "310112103001001", colour: "people" };
  assert.deepEqual(permalink.read(permalink.write(link)), link);
  assert.deepEqual(permalink.read("#"), {});
  assert.deepEqual(permalink.read("#other=1&version=a-v2"), { version: "a-v2" });
  assert.equal(permalink.write({}), "");
});

test("both languages say something for every key, and fill in values", () => {
  for (const language of /** @type {const} */ (["zh", "en"])) {
    use(language);
    for (const key of keys()) assert.ok(t(key, 1, 2).length > 0, key);
  }
  use("zh");
  assert.equal(t("faults.summary", 2, 3), "错误 2 个，提示 3 个");
  assert.throws(() => t("no such key"), /no words/);
});

test("every key that the page uses has words, and every word is used", () => {
  const folder = new URL("../src/", import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js"));
  const code = files
    .filter((name) => name !== "language.js")
    .map((name) => readFileSync(new URL(name.replaceAll("\\", "/"), folder), "utf8"))
    .join("\n");
  const used = new Set([...code.matchAll(/\bt\(\s*"([^"]+)"/g)].map((found) => found[1]));
  const prefixes = [...code.matchAll(/\bt\(\s*`([^`$]*)\$\{/g)].map((found) => found[1]);
  const known = new Set(keys());
  for (const key of used) assert.ok(known.has(key), `no words for ${key}`);
  const quoted = new Set([...code.matchAll(/"([a-z][\w.-]*)"/g)].map((found) => found[1]));
  const unused = [...known].filter(
    (key) => !used.has(key) && !quoted.has(key) && !prefixes.some((prefix) => prefix && key.startsWith(prefix)),
  );
  assert.deepEqual(unused, []);
});

test("names and messages follow the language", () => {
  use("en");
  assert.equal(nameOf({ code: "grid", name: "网格" }), "Grid");
  assert.equal(nameOf({ code: "other", name: "自定" }), "自定");
  assert.equal(messageOf({ message: "缺口", message_en: "gap" }), "gap");
  use("zh");
  assert.equal(messageOf({ message: "缺口", message_en: "gap" }), "缺口");
});
