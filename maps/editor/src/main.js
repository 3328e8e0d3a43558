// Wires state, acts, map and panels into the page.
import "./styles/app.css";
import { Actions, languageKept } from "./actions.js";
import { coloursOf } from "./colouring.js";
import { fill, h } from "./dom.js";
import * as figures from "./figures.js";
import { nameOf, t } from "./language.js";
import { GridMap } from "./map/view.js";
import { foot, sidePanel, troubles } from "./panels/frame.js";
import { header } from "./panels/header.js";
import { layersCard, legend, zoomButtons } from "./panels/controls.js";
import * as permalink from "./permalink.js";
import { levelOf, Store, valueOf } from "./state.js";

const app = /** @type {HTMLElement} */ (document.getElementById("app"));
const store = new Store();
const actions = new Actions(store);
actions.speak(languageKept());

const mapElement = h("div", { class: "map", id: "map", tabindex: 0, role: "application", "aria-label": t("map") });
const tip = h("div", { class: "tip", hidden: true });
const empty = h("div", { class: "empty", hidden: true });
const line = foot(store);
fill(
  app,
  h("a", { class: "skip", href: "#map", onclick: (/** @type {Event} */ event) => { event.preventDefault(); mapElement.focus(); } }, t("skip")),
  header(store, actions),
  h("main", { class: "stage" }, mapElement, zoomButtons(store, actions), h("div", { class: "cards" }, layersCard(store, actions), legend(store)), troubles(store, actions), empty, tip),
  sidePanel(store, actions),
  line.line,
);

const map = new GridMap(
  { map: mapElement, scale: line.scale },
  {
    onclick: ([hit], point) => {
      if (!hit) actions.clear();
      else if (hit.type === "zone") void actions.selectZone(hit.level, hit.code, point, false);
      else if (hit.type === "station") void actions.selectStation(hit.code);
      else actions.selectFault(hit.number);
    },
    onpointer: line.showPointer,
    onhover: (hit, pixel) => {
      const words = hit && describe(hit);
      tip.hidden = !words;
      if (!words) return;
      fill(tip, words);
      tip.style.transform = `translate(${Math.round(pixel[0] + 14)}px, ${Math.round(pixel[1] + 14)}px)`;
    },
    ontile: (failed) => {
      mapElement.classList.toggle("failing", failed);
      mapElement.dataset.troubles = failed ? t("tiles.failed") : "";
    },
  },
);
actions.map = map;

/** @param {import("./map/view").Hit} hit */
function describe(hit) {
  const { zones, stations, faults, colour } = store.state;
  if (hit.type === "zone") {
    const zone = zones?.find(({ code }) => code === hit.code);
    if (!zone) return null;
    const shown = colour === "none" ? "households" : colour;
    const value = valueOf(zone, shown);
    return [h("b", {}, zone.name), ` ${figures.whole(value, t("unknown"))} ${value === null ? "" : t(`unit.${shown}`)}`];
  }
  if (hit.type === "station") return h("b", {}, stations?.find(({ code }) => code === hit.code)?.name);
  return h("b", {}, faults?.find(({ number }) => number === hit.number)?.message);
}

store.on(["level", "shown", "zones", "colour"], ({ level, shown, zones, colour }) => {
  map.showLook({ level, shown, colours: zones && coloursOf(zones, colour) });
});
store.on(["zones"], ({ zones }) => {
  map.showLabels(
    (zones ?? []).map(({ name, bbox, point }) => ({ name, point: point ?? [(bbox[0] + bbox[2]) / 2, (bbox[1] + bbox[3]) / 2] })),
  );
});
store.on(["stations"], ({ stations }) => map.showStations(stations ?? []));
store.on(["faults"], ({ faults }) => map.showFaults(faults ?? []));
store.on(["version", "level", "colour", "subject"], ({ version, level, colour, subject }) => {
  const zone = subject?.type === "zone" && subject.level === level ? subject.code : undefined;
  history.replaceState(null, "", permalink.write({ version: version?.version, level, colour, zone }) || " ");
});
store.on(["version", "level", "language"], ({ version, level }) => {
  const named = version && levelOf(version, level);
  document.title = [version?.territory.name, named && nameOf(named.level), t("app")].filter(Boolean).join(" · ");
});
store.on(["territories", "version", "language"], ({ territories, version, me }) => {
  empty.hidden = version !== null || me === null;
  fill(empty, h("h2", {}, territories.length ? t("no-version") : t("empty.title")), h("p", {}, t("empty.remedy")));
});
store.on(["language"], () => {
  mapElement.setAttribute("aria-label", t("map"));
});

document.addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const typing = target.matches("input:not([type=checkbox]):not([type=radio]), select, textarea");
  if (event.key === "/" && !typing) {
    event.preventDefault();
    document.getElementById("search")?.focus();
  } else if (event.key === "Escape" && !typing) actions.clear();
});

// A link pasted into an open page changes only what follows "#".
addEventListener("hashchange", () => void actions.start(permalink.read(location.hash)));

const link = permalink.read(location.hash);
if (link.colour && ["households", "people", "businesses", "institutions", "none"].includes(link.colour)) {
  actions.setColour(/** @type {import("./state").Colour} */ (link.colour));
}
await actions.start(link);
app.removeAttribute("aria-busy");
// Browser tests ask where the map is and where a place is on the screen.
Object.assign(window, { onegrid: { store, map } });
