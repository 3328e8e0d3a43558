// What a user can do. Panels and map call these; they ask the service, change the state and move the map.
import * as api from "./api.js";
import { use } from "./language.js";
import { bboxOf, roomy } from "./shapes.js";
import { levelOf, openingLevel } from "./state.js";

/**
 * @typedef {import("./contract").LonLat} LonLat
 * @typedef {import("./contract").Bbox} Bbox
 */

const LANGUAGE_KEY = "onegrid.language";

/** The user's acts on one store and one map. */
export class Actions {
  /** @param {import("./state").Store} store */
  constructor(store) {
    this.store = store;
    /** @type {import("./map/view").GridMap} set once the map stands */
    this.map = /** @type {any} */ (null);
    /** Grows with each version opened: answers for an older one are dropped. */
    this.round = 0;
    /** What is shown for the sake of a fault only, and goes with it. @type {Set<string>} */
    this.lent = new Set();
    /** @type {() => void} */
    this.again = () => {};
    /** Reads a plan's zones; set by the workbench.
     * @type {(plan: import("./contract").PlanEntry, level: string) => Promise<import("./contract").PlanZone[]>}
     */
    this.planZones = async () => [];
    /** Opens a plan; set by the workbench. @type {(number: number) => Promise<void>} */
    this.openPlan = async () => {};
  }

  /** Runs an act; its failure is shown, with a way to try again.
   * @param {() => Promise<void>} act
   */
  async attempt(act) {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof api.Problem)) throw error;
      if (error.status === 401) {
        location.assign("/sign-in");
        return;
      }
      this.again = () => void this.attempt(act);
      this.store.set({ problem: error });
    }
  }

  retry() {
    this.store.set({ problem: null });
    this.map.refresh();
    this.again();
  }

  /** Opens the page: who is signed in, which territories there are, then the version of the link or the current one.
   * @param {import("./permalink").Link} link
   */
  start(link) {
    const round = ++this.round;
    return this.attempt(async () => {
      const [me, territories] = await Promise.all([api.me(), api.territories()]);
      if (round !== this.round) return;
      this.store.set({ me, territories });
      const linked = territories.find(({ code }) => link.version?.startsWith(`${code}-v`));
      const first = linked ?? territories.find((territory) => territory.current_version) ?? territories[0];
      if (!first) return;
      await this.#open(first.code, linked ? link.version : undefined, link);
    });
  }

  /** @param {string} territory */
  openTerritory(territory) {
    return this.attempt(() => this.#open(territory, undefined, {}));
  }

  /** @param {string} version */
  openVersion(version) {
    const territory = this.store.state.version?.territory.code;
    const { level } = this.store.state;
    if (!territory) return Promise.resolve();
    return this.attempt(() => this.#open(territory, version, { level }));
  }

  /**
   * @param {string} territory
   * @param {string | undefined} wanted version; the current one otherwise
   * @param {import("./permalink").Link} link
   */
  async #open(territory, wanted, link) {
    const round = ++this.round;
    const moved = this.store.state.version?.territory.code !== territory;
    const known = this.store.state.territories.find(({ code }) => code === territory);
    // The version is asked for along with the list that says whether there is one of that name.
    const likely = wanted ?? known?.current_version;
    const [versions, early] = await Promise.all([api.versions(territory), likely ? orNull(api.version(likely)) : null]);
    const code =
      versions.find(({ version }) => version === wanted)?.version ?? known?.current_version ?? versions[0]?.version;
    if (!code) {
      this.store.set({ versions, version: null });
      return;
    }
    const version = early?.version === code ? early : await api.version(code);
    if (round !== this.round) return;
    const level = link.level && levelOf(version, link.level) ? link.level : openingLevel(version);
    const shown = new Set([...this.store.state.shown].filter((name) => EXTRAS.has(name)));
    for (const layer of version.layers) {
      for (const one of layer.levels) if (one.partition && one.code !== "microgrid") shown.add(one.code);
    }
    this.store.set({
      plan: null,
      versions,
      version,
      level,
      shown,
      zones: null,
      faults: null,
      stations: null,
      subject: null,
      problem: null,
    });
    const stamp = `${version.version}.${version.checked_at ?? ""}`;
    this.map.showVersion(version, (layer) => api.tiles(version.version, layer, stamp));
    if (moved) this.map.fit(version.territory.bbox);
    // The zones of a plan that the link names are read instead of the version's, which nobody would see.
    await (link.plan ? this.openPlan(Number(link.plan)) : this.#loadZones(round));
    if (round !== this.round) return;
    const [faults, stations] = await Promise.all([api.faults(code), api.stations(code)]);
    if (round !== this.round) return;
    this.store.set({ faults, stations });
    if (link.zone) this.selectZone(level, link.zone, null, true);
  }

  /** @param {number} round */
  async #loadZones(round) {
    const { version, level } = this.store.state;
    if (!version || !level) {
      this.store.set({ zones: [] });
      return;
    }
    const { plan } = this.store.state;
    const zones = plan ? await this.planZones(plan, level) : await api.zones(version.version, level);
    if (round === this.round && level === this.store.state.level && plan?.id === this.store.state.plan?.id) this.store.set({ zones });
  }

  /** Reads the zones that are shown again: those of the plan that was opened or closed. */
  reloadZones() {
    this.store.set({ zones: null });
    return this.#loadZones(this.round);
  }

  /** @param {string} level */
  setLevel(level) {
    const { shown, subject } = this.store.state;
    this.store.set({ level, zones: null, shown: new Set([...shown, level]), subject: subject?.type === "zone" ? null : subject });
    if (subject?.type === "zone") this.map.select(null);
    const round = this.round;
    return this.attempt(() => this.#loadZones(round));
  }

  /** @param {string} name a level, or one of the extras @param {boolean} on */
  show(name, on) {
    const shown = new Set(this.store.state.shown);
    this.lent.delete(name);
    if (on) shown.add(name);
    else shown.delete(name);
    this.store.set({ shown });
  }

  /** @param {import("./state").Colour} colour */
  setColour(colour) {
    this.store.set({ colour });
  }

  /** @param {import("./state").Tab} tab */
  openTab(tab) {
    if (tab === "faults") this.#lend(["faults"]);
    else if (this.store.state.subject?.type !== "fault") this.#takeBack();
    this.store.set({ tab });
  }

  /** Shows what is not shown yet, until it is taken back. @param {string[]} names */
  #lend(names) {
    const { shown } = this.store.state;
    for (const name of names) if (!shown.has(name)) this.lent.add(name);
    this.store.set({ shown: new Set([...shown, ...names]) });
  }

  #takeBack() {
    const { shown, level } = this.store.state;
    this.store.set({ shown: new Set([...shown].filter((name) => name === level || !this.lent.has(name))) });
    this.lent.clear();
  }

  showAll() {
    const { version } = this.store.state;
    if (version) this.map.flyTo(version.territory.bbox, 18);
  }

  /** @param {Bbox} bbox */
  flyTo(bbox) {
    this.map.flyTo(bbox);
  }

  clear() {
    this.#unmark();
    this.store.set({ subject: null });
  }

  #unmark() {
    if (this.store.state.tab !== "faults") this.#takeBack();
    this.map.select(null);
    this.map.showCircles([], "");
    this.map.chooseFault(0);
    this.map.showPins([]);
  }

  /**
   * @param {string} level
   * @param {string} code
   * @param {LonLat | null} point where it was clicked
   * @param {boolean} fly
   */
  selectZone(level, code, point, fly) {
    const { version } = this.store.state;
    if (!version) return Promise.resolve();
    const { plan, zones } = this.store.state;
    const planned = plan && level === this.store.state.level && zones?.find((zone) => zone.code === code);
    if (planned) {
      this.store.set({ picked: [code] });
      if (fly) this.map.flyTo(planned.bbox);
      return Promise.resolve();
    }
    return this.attempt(async () => {
      this.#unmark();
      if (point) this.map.showPins([point]);
      this.store.set({ subject: { type: "zone", level, code, point, detail: null }, tab: "details", problem: null });
      const detail = await api.zone(version.version, level, code);
      const { subject } = this.store.state;
      if (subject?.type !== "zone" || subject.code !== code || subject.level !== level) return;
      this.store.set({ subject: { ...subject, detail } });
      this.map.select(detail.geometry);
      if (fly) this.map.flyTo(detail.bbox);
    });
  }

  /** Shows what a station reaches in 5, 10 and 15 minutes.
   * @param {string} code of a station, or "all"
   */
  selectStation(code) {
    const { version, stations } = this.store.state;
    if (!version) return Promise.resolve();
    return this.attempt(async () => {
      this.#unmark();
      this.show("stations", true);
      this.store.set({ subject: { type: "station", code, circles: null }, tab: "details", problem: null });
      const circles = await api.circles(version.version, code);
      const { subject } = this.store.state;
      if (subject?.type !== "station" || subject.code !== code) return;
      this.store.set({ subject: { ...subject, circles } });
      this.map.showCircles(circles, code);
      const extent = bboxOf(circles.map((circle) => circle.geometry));
      const station = stations?.find((one) => one.code === code);
      if (extent) this.map.flyTo(extent);
      else if (station) this.map.flyToPoint(station.point);
    });
  }

  /** @param {number} number */
  selectFault(number) {
    const fault = this.store.state.faults?.find((one) => one.number === number);
    if (!fault) return;
    this.#unmark();
    const { tab } = this.store.state;
    // The zones that the fault concerns are drawn with it.
    this.#lend(["faults", fault.level]);
    this.store.set({ subject: { type: "fault", number }, tab: tab === "faults" ? tab : "details", problem: null });
    this.map.chooseFault(number);
    this.map.flyTo(roomy(fault.bbox), 19.5);
  }

  /** @param {string} address */
  lookupAddress(address) {
    return this.#lookup(address, (territory, asOf) => api.lookupAddress(address, territory, asOf));
  }

  /** @param {LonLat} point */
  lookupPoint(point) {
    const title = `${point[0].toFixed(5)}, ${point[1].toFixed(5)}`;
    return this.#lookup(title, (territory, asOf) => api.lookupPoint(point, territory, asOf), [point]);
  }

  /**
   * @param {string} title
   * @param {(territory: string, asOf: string | null) => Promise<import("./contract").Lookup>} ask
   * @param {LonLat[]} [places] where it is, when that is known before the answer
   */
  #lookup(title, ask, places = []) {
    const { version } = this.store.state;
    if (!version) return Promise.resolve();
    return this.attempt(async () => {
      this.#unmark();
      this.map.showPins(places);
      this.store.set({ subject: { type: "lookup", title, lookup: null }, tab: "details", problem: null });
      let lookup;
      try {
        lookup = await ask(version.territory.code, version.valid_to ? version.valid_from : null);
      } catch (error) {
        this.store.set({ subject: null });
        throw error;
      }
      const { subject } = this.store.state;
      if (subject?.type !== "lookup" || subject.title !== title) return;
      this.store.set({ subject: { type: "lookup", title, lookup } });
      const points = lookup.matches.flatMap(({ point }) => (point ? [point] : []));
      this.map.showPins(points);
      if (points.length === 1) this.map.flyToPoint(points[0]);
      else if (points.length > 1) this.map.flyTo(bboxOfPoints(points));
    });
  }

  /** @param {import("./contract").Found} found */
  showFound(found) {
    if (found.type === "zone" && found.level && found.code) return this.selectZone(found.level, found.code, null, true);
    if (found.type === "station" && found.code) return this.selectStation(found.code);
    if (found.type === "address") return this.lookupAddress(found.title);
    if (found.point) return this.lookupPoint(found.point);
    return this.lookupAddress(found.title);
  }

  /** @param {import("./state").Store["state"]["language"]} language */
  speak(language) {
    use(language);
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
    localStorage.setItem(LANGUAGE_KEY, language);
    this.store.set({ language });
  }

  signOut() {
    return this.attempt(async () => {
      await api.signOut();
      location.assign("/sign-in");
    });
  }
}

/** The language chosen on an earlier visit. @returns {"zh" | "en"} */
export const languageKept = () => (localStorage.getItem(LANGUAGE_KEY) === "en" ? "en" : "zh");

/** An answer that may fail: what is needed is asked for again then, and says so.
 * @template T
 * @param {Promise<T>} answer
 * @returns {Promise<T | null>}
 */
const orNull = (answer) => answer.catch(() => null);

/** What may be shown besides levels. */
const EXTRAS = new Set(["streets", "footprints", "labels", "stations", "faults"]);

/** @param {LonLat[]} points @returns {Bbox} */
const bboxOfPoints = (points) => [
  Math.min(...points.map(([lon]) => lon)),
  Math.min(...points.map(([, lat]) => lat)),
  Math.max(...points.map(([lon]) => lon)),
  Math.max(...points.map(([, lat]) => lat)),
];
