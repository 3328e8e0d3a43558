// What the mouse does on the map of a plan becomes edits, and while it is at it, previews.
import { Problem } from "../api.js";
import * as figures from "../figures.js";
import { t } from "../language.js";
import { areaOf, lengthOf } from "../shapes.js";
import * as tools from "../tools-api.js";
import { Live, linesOf } from "./live.js";
import { CODE_PATTERN } from "./operations.js";
import { editOf, toolOf } from "./tools.js";

/**
 * @typedef {import("../contract").Edit} Edit
 * @typedef {import("../contract").LonLat} LonLat
 * @typedef {import("../map/units").Unit} Unit
 * @typedef {import("./live").Line} Line
 */

/** Pieces that a line may cut a zone into, beside the one that keeps the code. */
const PIECES = 5;

/** The mouse on the map of a plan. */
export class Mouse {
  /**
   * @param {import("../state").Store} store
   * @param {import("../workbench").Workbench} bench
   * @param {{ show: (lines: Line[] | null) => void, move: (pixel: number[]) => void }} box beside the pointer
   */
  constructor(store, bench, box) {
    this.store = store;
    this.bench = bench;
    this.box = box;
    this.live = new Live(
      (edit) => {
        const { plan } = store.state;
        if (!plan) throw new Problem({ title: t("plans") }, 0);
        return tools.previewEdit(plan.id, plan.revision, edit);
      },
      (lines) => box.show(lines),
      (answer, edit) => linesOf(answer, bench.zones(edit.level), edit.level),
    );
    store.on(["picked"], () => this.#inherit());
    store.on(["plan", "tool"], () => this.live.clear());
  }

  /** What the map tells. @returns {import("../map/plan").PlanEvents} */
  get events() {
    return {
      ondragged: (change) => this.#edit({ operation: "move_border", level: this.store.state.level, ...change }),
      ondragging: (change, pixel) => {
        this.box.move(pixel);
        if (change) this.live.want({ operation: "move_border", level: this.store.state.level, ...change });
        else this.live.clear();
      },
      ondrawn: (coordinates, within) => void this.#drawn(coordinates, within),
      ondrawing: (drawn, pixel) => {
        this.box.move(pixel);
        this.#drawing(drawn);
      },
      onboxed: (codes) => this.#boxed(codes),
      unitAt: (point, alone) => this.#unitAt(point, alone),
      onbrushing: (units, pixel) => {
        this.box.move(pixel);
        this.#brushing(units);
      },
      onbrushed: (units) => {
        const edit = this.#giving(units);
        if (edit) this.#edit(edit);
      },
    };
  }

  /** @param {Edit} edit */
  #edit(edit) {
    this.live.clear();
    void this.bench.edit(edit);
  }

  /** @param {LonLat[]} coordinates @param {string | null} within */
  async #drawn(coordinates, within) {
    const { tool, picked, level } = this.store.state;
    if (tool === "measure") return this.box.show(measured(coordinates));
    this.live.clear();
    if (tool === "except") {
      await this.bench.actions.attempt(() => this.bench.operations.except(level, [coordinates]));
      return this.store.set({ tool: "" });
    }
    if (tool !== "fill" || picked.length > 0) return this.bench.drawn(coordinates, within);
    const beside = this.#beside(coordinates);
    const given = await this.bench.ask({
      title: t("fill.title"),
      lead: t("fill.lead"),
      fields: [
        { name: "name", label: t("zone.name"), required: true, most: 100 },
        { name: "code", label: t("zone.code"), required: true, most: 40, value: await this.bench.freeCode(beside?.code ?? ""), pattern: CODE_PATTERN },
      ],
      ok: t("fill.ok"),
    });
    if (!given) return this.bench.actions.map.restorePlan();
    const edit = editOf("fill", { level, picked: [], coordinates, codes: [given.code], name: given.name, parent: beside?.parent ?? undefined });
    return this.bench.edit(edit);
  }

  /** The zone that a gap is nearest to: what is made of it belongs to the same parent. @param {LonLat[]} coordinates */
  #beside(coordinates) {
    const [lon, lat] = coordinates[0];
    const far = (/** @type {import("../contract").Zone} */ { bbox }) =>
      Math.hypot(Math.max(bbox[0] - lon, 0, lon - bbox[2]), Math.max(bbox[1] - lat, 0, lat - bbox[3]));
    const zones = this.bench.zones(this.store.state.level);
    return zones.length > 0 ? zones.reduce((best, zone) => (far(zone) < far(best) ? zone : best)) : null;
  }

  /** @param {{ coordinates: LonLat[], closed: boolean } | null} drawn */
  #drawing(drawn) {
    const { tool, picked, level } = this.store.state;
    if (tool === "measure") return drawn && this.box.show(measured(drawn.coordinates));
    if (!drawn || !tool || !toolOf(tool) || tool === "except") return this.live.clear();
    const { coordinates } = drawn;
    const codes = this.bench.propose(picked[0] ?? this.bench.zones(level)[0]?.code ?? "", PIECES);
    this.live.want(editOf(tool, { level, picked, coordinates, codes, name: t("live.new") }));
  }

  /** @param {string[]} codes */
  #boxed(codes) {
    const { picked } = this.store.state;
    this.store.set({ picked: [...picked, ...codes.filter((code) => !picked.includes(code))] });
  }

  /** The second zone that is picked takes the ground of the first. */
  #inherit() {
    const { tool, picked, level } = this.store.state;
    if (tool !== "inherit" || picked.length !== 2) return;
    this.#edit(editOf("inherit", { level, picked, coordinates: [], codes: [] }));
  }

  /** @param {LonLat} point @param {boolean} alone @returns {Promise<Unit | null>} */
  async #unitAt(point, alone) {
    const { plan } = this.store.state;
    if (!plan) return null;
    try {
      return await tools.unitAt(plan.id, point, alone ? "building" : "auto");
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return null;
    }
  }

  /** @param {Unit[]} units */
  #brushing(units) {
    const edit = this.#giving(units);
    if (edit) this.live.want(edit);
    else this.live.clear();
  }

  /** @param {Unit[]} units @returns {Edit | null} */
  #giving(units) {
    const { picked, level } = this.store.state;
    const areas = units.flatMap(({ geometry }) =>
      geometry.type === "Polygon" ? [geometry.coordinates] : geometry.type === "MultiPolygon" ? geometry.coordinates : [],
    );
    if (areas.length === 0 || picked.length === 0) return null;
    return { operation: "paint", level, code: picked[0], areas: /** @type {LonLat[][][]} */ (areas) };
  }
}

/** @param {LonLat[]} line @returns {Line[]} */
function measured(line) {
  const lines = [{ text: t("measure.length", figures.length(lengthOf(line))) }];
  if (line.length > 2) lines.push({ text: t("measure.area", figures.area(areaOf(line))) });
  return lines;
}
