// Wires state, acts, map and panels into the page.
import "./styles/app.css";
import { Actions, languageKept } from "./actions.js";
import { coloured } from "./colouring.js";
import { fill, h } from "./dom.js";
import { Fusing } from "./fusing.js";
import * as figures from "./figures.js";
import { nameOf, t } from "./language.js";
import { FusionLayer } from "./map/fusion.js";
import { pointerBox } from "./map/preview.js";
import { RepairLayer } from "./map/repairs.js";
import { KeyCursor } from "./map/cursor.js";
import { GridMap } from "./map/view.js";
import { belowFusion, showFusion, showRepairs } from "./overlays.js";
import { foot, sidePanel, troubles } from "./panels/frame.js";
import { fusionLegend } from "./panels/fusion.js";
import { header } from "./panels/header.js";
import { questions } from "./panels/dialog.js";
import { keysList } from "./panels/keys.js";
import { proposalCard } from "./panels/proposal.js";
import { toolbar, toolHint } from "./panels/toolbar.js";
import { layersCard, legend, zoomButtons } from "./panels/controls.js";
import * as permalink from "./permalink.js";
import { contextOf, Departments } from "./plan/departments.js";
import { commandOf } from "./plan/keys.js";
import { Mouse } from "./plan/mouse.js";
import { Repairing } from "./repairing.js";
import { COLOURS, levelOf, Store, valueOf } from "./state.js";
import { Workbench } from "./workbench.js";

const app = /** @type {HTMLElement} */ (document.getElementById("app"));
const store = new Store();
const actions = new Actions(store);
actions.speak(languageKept());
const { dialog, ask } = questions(store);
const bench = new Workbench(store, actions, ask);
const repairing = new Repairing(store, actions);
const fusing = new Fusing(store, actions, ask);
fusing.openPlan = (/** @type {number} */ plan) => bench.openPlan(plan);

const mapElement = h("div", { class: "map", id: "map", tabindex: 0, role: "application", "aria-label": t("map") });
const tip = h("div", { class: "tip", hidden: true });
const box = pointerBox();
const mouse = new Mouse(store, bench, box);
const empty = h("div", { class: "empty", hidden: true });
const line = foot(store);
fill(
  app,
  h("a", { class: "skip", href: "#map", onclick: (/** @type {Event} */ event) => { event.preventDefault(); mapElement.focus(); } }, t("skip")),
  header(store, actions, bench),
  toolbar(store, bench),
  h("main", { class: "stage" }, mapElement, zoomButtons(store, actions), h("div", { class: "cards" }, fusionLegend(store, fusing), layersCard(store, actions), legend(store)), proposalCard(store, bench), toolHint(store), troubles(store, actions), empty, tip, box.element),
  sidePanel(store, actions, { repairing, fusing, bench }),
  line.line,
  dialog,
);

const map = new GridMap(
  { map: mapElement, scale: line.scale },
  {
    onclick: ([hit], point, adds) => {
      const { plan, tool } = store.state;
      if (bench.gesture === "measure") return;
      if (fusing.shown) void lookAt(point);
      else if (store.state.pinning) void bench.company.pin(point);
      else if (plan && !tool && map.marks.commentAt(map.map, map.map.getPixelFromCoordinate(map.coordinateOf(point))) !== null) actions.openTab("comments");
      else if (plan && (hit?.type === "zone" || !hit || tool)) bench.pick(hit?.type === "zone" ? hit.code : null, adds);
      else if (!hit) actions.clear();
      else if (hit.type === "zone") void actions.selectZone(hit.level, hit.code, point, false);
      else if (hit.type === "station") void actions.selectStation(hit.code);
      else actions.selectFault(hit.number);
    },
    onpointer: line.showPointer,
    onhover: (hit, pixel) => {
      const words = hit ? describe(hit) : null;
      tip.hidden = !words;
      if (!words) return;
      fill(tip, words);
      tip.style.transform = `translate(${Math.round(pixel[0] + 14)}px, ${Math.round(pixel[1] + 14)}px)`;
    },
    ...mouse.events,
    ontile: (failed) => {
      mapElement.classList.toggle("failing", failed);
      mapElement.dataset.troubles = failed ? t("tiles.failed") : "";
    },
  },
);
actions.map = map;
const cursor = new KeyCursor(map.map, mapElement);
new Departments(store, actions);

/** @param {import("./map/view").Hit} hit */
function describe(hit) {
  const { zones, stations, faults, colour } = store.state;
  if (hit.type === "zone") {
    const zone = zones?.find(({ code }) => code === hit.code);
    if (!zone) return null;
    const shown = /** @type {string[]} */ (["people", "businesses", "institutions"]).includes(colour) ? colour : "households";
    const value = valueOf(zone, /** @type {import("./state").Colour} */ (shown));
    return [h("b", {}, zone.name), ` ${figures.whole(value, t("unknown"))} ${value === null ? "" : t(`unit.${shown}`)}`];
  }
  if (hit.type === "station") return h("b", {}, stations?.find(({ code }) => code === hit.code)?.name);
  return h("b", {}, faults?.find(({ number }) => number === hit.number)?.message);
}

store.on(["level", "shown", "zones", "colour", "profile", "parents", "departments", "tab", "fusion", "plan", "version"], ({ level, shown, zones, colour, version }) => {
  // Below a fusion there are no coloured zones: its own colours mean something else.
  if (fusing.shown) map.showLook({ level: "", shown: belowFusion(shown, version), colours: null });
  else map.showLook({ level, shown, colours: zones && (coloured(zones, colour, contextOf(store.state))?.colours ?? null) });
});
const repairLayer = new RepairLayer(map.map);
const fusionLayer = new FusionLayer(map);
showRepairs(store, actions, map, repairLayer);
showFusion(store, fusing, fusionLayer);

/** Says what a place is in the fusion, and which conflict lies there. @param {import("./contract").LonLat} point */
async function lookAt(point) {
  const [number = 0] = fusionLayer.at(point);
  fusing.set({ chosen: number });
  await fusing.askGround(point);
}
store.on(["plan", "level", "zones", "colour", "picked", "profile", "parents", "departments"], ({ plan, level, zones, colour, picked }) => {
  const planned = /** @type {import("./contract").PlanZone[]} */ (zones ?? []).filter((zone) => zone.level === level);
  map.showPlan(plan && { level, zones: planned, colours: coloured(planned, colour, contextOf(store.state))?.colours ?? null, picked });
});
store.on(["plan", "tool", "picked", "me"], () => useGesture());
store.on(["snapping"], ({ snapping }) => map.plan.surroundings.turn(snapping));

let used = "";
/** The mouse changes its work only when it is another: a line half drawn is not lost to an answer. */
function useGesture() {
  const { tool } = store.state;
  const now = `${tool} ${bench.gesture}`;
  if (now === used) return;
  used = now;
  map.plan.use(bench.gesture);
}

store.on(["zones"], ({ zones }) => {
  map.showLabels(
    (zones ?? []).map(({ name, bbox, point }) => ({
      name,
      width: bbox[2] - bbox[0],
      point: point ?? [(bbox[0] + bbox[2]) / 2, (bbox[1] + bbox[3]) / 2],
    })),
  );
});
store.on(["stations"], ({ stations }) => map.showStations(stations ?? []));
store.on(["faults"], ({ faults }) => map.showFaults(faults ?? []));
store.on(["version", "level", "colour", "subject", "plan"], ({ version, level, colour, subject, plan }) => {
  const zone = subject?.type === "zone" && subject.level === level ? subject.code : undefined;
  history.replaceState(null, "", permalink.write({ version: version?.version, level, colour, zone, plan: plan ? String(plan.id) : undefined }) || " ");
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

// While a plan is open the map has a cursor of its own: the map library would move the map instead.
mapElement.addEventListener(
  "keydown",
  (event) => {
    if (!store.state.plan || event.ctrlKey || event.metaKey || event.altKey || !cursor.press(event)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  true,
);

document.addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const typing = target.matches("input:not([type=checkbox]):not([type=radio]), select, textarea");
  if (event.key === "/" && !typing) {
    event.preventDefault();
    document.getElementById("search")?.focus();
  } else if (!typing && !dialog.open && store.state.plan) {
    if (obey(commandOf(event))) event.preventDefault();
  } else if (commandOf(event) === "measure" && !typing && !dialog.open) {
    bench.take("measure");
  } else if (event.key === "Escape" && !typing && !dialog.open) {
    if (store.state.tool) bench.escape();
    actions.clear();
    fusing.leaveGround();
  } else if (event.key.toUpperCase() === "N" && !typing && !dialog.open && !event.ctrlKey && !event.metaKey && !event.altKey) {
    // The next of what is listed; while a plan is open the key means something of the plan's.
    const { tab } = store.state;
    if (tab === "fusion") fusing.next(event.shiftKey ? -1 : 1);
    else repairing.next(event.shiftKey ? -1 : 1);
  }
});

/** Carries out a key; false when it means nothing here.
 * @param {import("./plan/keys").Command | null} command
 */
function obey(command) {
  switch (command) {
    case null:
      return false;
    case "escape":
      actions.clear();
      bench.escape();
      return true;
    case "finish":
      if (store.state.tool === "merge") bench.take("merge");
      else if (map.plan.draw) map.plan.finish();
      else return false;
      return true;
    case "undo":
    case "redo":
      void bench.step(command);
      return true;
    case "delete":
      void bench.deletePicked();
      return true;
    case "pin":
      bench.startPin();
      return true;
    case "snap":
      bench.toggleSnapping();
      return true;
    case "check":
      bench.nextCheck();
      return true;
    case "keys":
      void ask({ title: t("keys"), lead: "", fields: [], body: keysList(), ok: "" });
      return true;
    default:
      bench.take(command);
      return true;
  }
}

// A link pasted into an open page changes only what follows "#".
addEventListener("hashchange", () => void start(permalink.read(location.hash)));

/** @param {permalink.Link} link */
async function start(link) {
  const plan = /^\d+$/.test(link.plan ?? "") ? link.plan : undefined;
  if (plan) bench.expect(Number(plan), link.level ?? "grid");
  await actions.start({ ...link, plan });
}

const link = permalink.read(location.hash);
if (link.colour && COLOURS.includes(/** @type {import("./state").Colour} */ (link.colour))) {
  actions.setColour(/** @type {import("./state").Colour} */ (link.colour));
}
// Browser tests ask where the map is and where a place is on the screen.
Object.assign(window, { onegrid: { store, map, bench, repairLayer, fusionLayer } });
await start(link);
app.removeAttribute("aria-busy");
