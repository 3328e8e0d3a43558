import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";
import * as api from "../src/api.js";

/** @type {{ path: string, options: RequestInit }[]} */ let asked = [];

/** @param {() => Response} answer */
function answering(answer) {
  asked = [];
  globalThis.fetch = /** @type {typeof fetch} */ (
    async (/** @type {any} */ path, /** @type {any} */ options) => {
      asked.push({ path, options });
      return answer();
    }
  );
}

/** @param {unknown} body @param {number} [status] */
const json = (body, status = 200) => new Response(JSON.stringify(body), { status });

test("writes carry the token of the session, reads do not", async () => {
  answering(() => json({ name: "a", csrf_token: "secret" }));
  await api.me();
  answering(() => new Response(null, { status: 204 }));
  await api.signOut();
  assert.equal(/** @type {any} */ (asked[0].options.headers)["X-CSRF-Token"], "secret");
  answering(() => json([]));
  await api.territories();
  assert.equal(/** @type {any} */ (asked[0].options.headers)["X-CSRF-Token"], undefined);
});

test("a problem document becomes a Problem with its remedy", async () => {
  answering(() => json({ title: "没有找到", detail: "没有版本“x”。", remedy: "请核对。", status: 404 }, 404));
  await assert.rejects(api.version("x"), (error) => {
    assert.ok(error instanceof api.Problem);
    assert.deepEqual([error.status, error.message, error.remedy], [404, "没有版本“x”。", "请核对。"]);
    return true;
  });
});

test("an unreachable service, and an answer that is no JSON, are Problems too", async () => {
  globalThis.fetch = async () => {
    throw new TypeError("network");
  };
  await assert.rejects(api.territories(), (error) => error instanceof api.Problem && error.status === 0);
  answering(() => new Response("<html>502</html>", { status: 502 }));
  await assert.rejects(api.territories(), (error) => error instanceof api.Problem && error.status === 502);
});

test("an abandoned search stays an abort", async () => {
  globalThis.fetch = async () => {
    throw new DOMException("aborted", "AbortError");
  };
  await assert.rejects(api.search("a", "v"), (error) => error instanceof DOMException);
});

test("what goes into an address is escaped", async () => {
  answering(() => json({ results: [] }));
  await api.search("颛兴路 1&2", "a/b");
  assert.equal(asked[0].path, `/api/search?q=${encodeURIComponent("颛兴路 1&2")}&version=a%2Fb`);
  answering(() => json({ matches: [] }));
  await api.lookupPoint([121.4, 31.07], "zhuanqiao", "2026-01-01");
  assert.match(asked[0].path, /lon=121\.40000000&lat=31\.07000000&crs=EPSG:4490&territory=zhuanqiao&as_of=2026-01-01$/);
});

test("only one module fetches, and only the map's folder knows the map library", () => {
  const folder = new URL("../src/", import.meta.url);
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".js")) continue;
    const code = readFileSync(new URL(name, folder), "utf8");
    if (name !== "api.js") assert.doesNotMatch(code, /\bfetch\(|XMLHttpRequest/, name);
    if (!name.startsWith("map/")) assert.doesNotMatch(code, /from "ol\//, name);
  }
});
