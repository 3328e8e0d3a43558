// Bundles the web map into maps/static/ (or the folder named, ending in "/"), and copies there what briefing pages
// inline. Works offline.
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { build } from "esbuild";

const here = new URL(".", import.meta.url);
const out = new URL(process.argv[2] ?? "../static/", here);

/** Files of Leaflet that a briefing page may ask for, inlined by maps/inline.py. */
const LEAFLET = [
  "leaflet.js",
  "leaflet.css",
  "images/layers.png",
  "images/layers-2x.png",
  "images/marker-icon.png",
];

/** @param {string} name */
const read = (name) => readFile(new URL(name, out));

/** @param {string | NodeJS.ArrayBufferView} text */
const digest = (text) => createHash("sha256").update(text).digest("hex").slice(0, 12);

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await build({
  entryPoints: { app: "src/main.js", "sign-in": "src/sign-in.js" },
  absWorkingDir: here.pathname,
  outdir: out.pathname,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome105", "firefox110", "safari16"],
  charset: "utf8",
  legalComments: "linked",
  loader: { ".svg": "dataurl" },
  logLevel: "warning",
});
// Pages name each file with its digest, so that a browser may keep it for ever and still sees a new build at once.
for (const page of ["index.html", "sign-in.html"]) {
  let html = await readFile(new URL(`pages/${page}`, here), "utf8");
  for (const match of html.matchAll(/\/static\/([\w.-]+\.(?:js|css))/g)) {
    html = html.replace(match[0], `${match[0]}?v=${digest(await read(match[1]))}`);
  }
  await writeFile(new URL(page, out), html);
}
for (const name of LEAFLET) {
  await cp(new URL(`node_modules/leaflet/dist/${name}`, here), new URL(`leaflet/${name}`, out));
}
await cp(new URL("node_modules/leaflet/LICENSE", here), new URL("leaflet/LICENSE", out));
await cp(new URL("pages/icon.svg", here), new URL("icon.svg", out));
await writeFile(new URL(".built", out), "");
