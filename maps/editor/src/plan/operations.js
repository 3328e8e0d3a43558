// Operations that are filled in rather than drawn: delete with an heir, rename, staff, renumber, regroup, fill a gap,
// register an exception.
import * as plans from "../plans-api.js";
import { t } from "../language.js";
import { codesTable, heirForm, membersForm, staffForm } from "../panels/forms.js";
import { neighboursOf } from "./neighbours.js";

/**
 * @typedef {import("../contract").PlanZone} PlanZone
 * @typedef {import("../contract").Fault} Fault
 * @typedef {import("../contract").LonLat} LonLat
 */

/** What codes may look like. */
export const CODE_PATTERN = "[0-9A-Za-z_.\\-]{1,40}";

/** The level whose zones are groups of communities, and the level that they are groups of. */
const GROUPS = { level: "functional", of: "community" };

/** The planner's forms for one workbench. */
export class Operations {
  /** @param {import("../workbench").Workbench} bench */
  constructor(bench) {
    this.bench = bench;
  }

  /** The zone that is picked, when it is one. @returns {PlanZone | null} */
  get #picked() {
    const { picked, level } = this.bench.store.state;
    if (!this.bench.mayEdit || picked.length !== 1) return null;
    return this.bench.zones(level).find(({ code }) => code === picked[0]) ?? null;
  }

  /** Which of the operations mean something now. @returns {string[]} in the order of the menu */
  get offered() {
    const { level, version } = this.bench.store.state;
    if (!this.bench.mayEdit) return [];
    const one = this.#picked !== null;
    const levels = version?.layers.flatMap((layer) => layer.levels.map(({ code }) => code)) ?? [];
    return [
      ...(one ? ["rename", "staff", "delete"] : []),
      ...(levels.includes(GROUPS.of) && (levels.includes(GROUPS.level) || level === GROUPS.level) ? ["regroup"] : []),
      "renumber",
      "except",
    ];
  }

  /** @param {string} name */
  start(name) {
    const acts = /** @type {Record<string, () => Promise<void>>} */ ({
      rename: () => this.rename(),
      staff: () => this.staff(),
      delete: () => this.delete(),
      regroup: () => this.regroup(),
      renumber: () => this.renumber(),
      // Drawn first, then said what it is.
      except: async () => this.bench.take("except"),
    });
    return this.bench.actions.attempt(acts[name]);
  }

  async delete() {
    const zone = this.#picked;
    if (!zone) return;
    const heir = await this.askHeir(zone, t("delete.title", zone.name), t("delete.lead"), t("delete.ok"));
    if (heir === null) return;
    await this.bench.edit({ operation: "delete", level: zone.level, code: zone.code, ...(heir && { heir }) });
  }

  /**
   * Asks who takes what a zone loses: the neighbour with the longest border unless another is chosen.
   *
   * @param {PlanZone} zone
   * @param {string} title
   * @param {string} lead
   * @param {string} ok
   * @returns {Promise<string | null>} a code; null when the planner thought better of it
   */
  async askHeir(zone, title, lead, ok) {
    const neighbours = neighboursOf(zone.code, this.bench.zones(zone.level));
    // Ground stays with the same parent unless nobody else is there.
    const siblings = neighbours.filter(({ parent }) => parent === zone.parent);
    const form = heirForm(siblings.length > 0 ? siblings : neighbours);
    const given = await this.bench.ask({ title, lead, fields: [], body: form.element, ok });
    return given && form.value();
  }

  async rename() {
    const zone = this.#picked;
    if (!zone) return;
    const given = await this.bench.ask({
      title: t("rename.title"),
      lead: zone.code,
      fields: [{ name: "name", label: t("zone.name"), required: true, most: 100, value: zone.name }],
      ok: t("save"),
    });
    if (given && given.name !== zone.name) {
      await this.bench.edit({ operation: "describe", level: zone.level, code: zone.code, name: given.name });
    }
  }

  async staff() {
    const zone = this.#picked;
    if (!zone) return;
    const form = staffForm(zone.staff);
    const given = await this.bench.ask({ title: t("staff.title", zone.name), lead: t("staff.lead"), fields: [], body: form.element, ok: t("save") });
    if (given) await this.bench.edit({ operation: "describe", level: zone.level, code: zone.code, staff: form.value() });
  }

  async renumber() {
    const { plan, level, picked } = this.bench.store.state;
    if (!plan) return;
    const zones = this.bench.zones(level);
    const parent = zones.find(({ code }) => code === picked[0])?.parent ?? "";
    const { codes } = await plans.renumbering(plan.id, level, parent);
    const changed = Object.fromEntries(Object.entries(codes).filter(([old, now]) => old !== now));
    const names = new Map(zones.map(({ code, name }) => [code, name]));
    const count = Object.keys(changed).length;
    const given = await this.bench.ask({
      title: t("renumber.title"),
      lead: count > 0 ? t("renumber.lead", Object.keys(codes).length, count) : t("renumber.none"),
      fields: [],
      body: codesTable(codes, names),
      ok: count > 0 ? t("renumber.ok") : "",
    });
    if (given && count > 0) await this.bench.edit({ operation: "renumber", level, codes: changed });
  }

  async regroup() {
    const { plan, level, picked } = this.bench.store.state;
    if (!plan) return;
    const [communities, groups] = await Promise.all([this.bench.read(plan, GROUPS.of), this.bench.read(plan, GROUPS.level)]);
    const known = new Map(groups.map((group) => [group.code, group]));
    const chosen = level === GROUPS.level ? groups.find(({ code }) => code === picked[0]) : undefined;
    const inside = (/** @type {PlanZone} */ zone) => groupOf(zone, groups);
    const form = membersForm(
      communities.map((zone) => ({
        code: zone.code,
        name: zone.name,
        households: zone.counts.household ?? null,
        group: known.get(inside(zone) ?? "")?.name ?? t("regroup.nowhere"),
      })),
      chosen ? communities.filter((zone) => inside(zone) === chosen.code).map(({ code }) => code) : level === GROUPS.of ? picked : [],
    );
    const codes = groups.map(({ code }) => code);
    const given = await this.bench.ask({
      title: chosen ? t("regroup.title", chosen.name) : t("regroup.new"),
      lead: t("regroup.lead"),
      body: form.element,
      fields: chosen
        ? []
        : [
            { name: "name", label: t("zone.name"), required: true, most: 100 },
            { name: "code", label: t("zone.code"), required: true, most: 40, pattern: CODE_PATTERN, value: this.bench.propose(codes[0] ?? "F00", 1)[0] ?? "" },
          ],
      ok: t("save"),
    });
    if (!given) return;
    const members = form.value();
    await this.bench.edit({
      operation: "regroup",
      level: GROUPS.level,
      code: chosen?.code ?? given.code,
      ...(chosen ? {} : { name: given.name }),
      members,
      of: GROUPS.of,
    });
  }

  /** Gives a gap to the zone that is picked, or else to the one with the longest border on it. @param {Fault} fault */
  async fillGap(fault) {
    const zones = await this.#zonesOf(fault.level);
    const { picked, level } = this.bench.store.state;
    const code = level === fault.level && picked.length === 1 ? picked[0] : (fault.codes[0] ?? zones[0]?.code);
    if (!code) return;
    for (const area of areasOf(fault.geometry)) {
      await this.bench.edit({ operation: "fill_gap", level: fault.level, code, area });
    }
  }

  /** Registers a gap as legitimate: river, lake, land of another office.
   * @param {string} level
   * @param {LonLat[][]} area
   */
  async except(level, area) {
    const given = await this.bench.ask({
      title: t("except.title"),
      lead: t("except.lead"),
      fields: [
        { name: "name", label: t("zone.name"), required: true, most: 100 },
        {
          name: "cause",
          label: t("except.cause"),
          required: true,
          choices: ["river", "lake", "railway", "other-office", "other"].map((kind) => ({ value: t(`except.cause.${kind}`), label: t(`except.cause.${kind}`) })),
        },
        { name: "more", label: t("except.more"), most: 60 },
        { name: "code", label: t("zone.code"), required: true, most: 40, pattern: CODE_PATTERN, value: `X${Date.now().toString(36).toUpperCase()}` },
      ],
      ok: t("except.ok"),
    });
    if (!given) return this.bench.actions.map.restorePlan();
    const cause = [given.cause, given.more].filter(Boolean).join("：");
    await this.bench.edit({ operation: "exception", level, code: given.code, name: given.name, cause, area });
  }

  /** @param {Fault} fault */
  async exceptFault(fault) {
    for (const area of areasOf(fault.geometry)) await this.except(fault.level, area);
  }

  /** @param {string} level */
  async #zonesOf(level) {
    const { plan } = this.bench.store.state;
    if (!plan) return [];
    return this.bench.store.state.level === level ? this.bench.zones(level) : this.bench.read(plan, level);
  }
}

/** Polygons of a shape, as rings. @param {import("../contract").Geometry} geometry @returns {LonLat[][][]} */
function areasOf(geometry) {
  if (geometry.type === "Polygon") return [/** @type {LonLat[][]} */ (geometry.coordinates)];
  if (geometry.type === "MultiPolygon") return /** @type {LonLat[][][]} */ (geometry.coordinates);
  if (geometry.type === "GeometryCollection") return geometry.geometries.flatMap(areasOf);
  return [];
}

/** Which group a zone is in: groups are unions of communities, so that its vertices are theirs.
 * @param {PlanZone} zone
 * @param {PlanZone[]} groups
 */
function groupOf(zone, groups) {
  const [lon, lat] = middleOf(zone);
  return groups.find((group) => areasOf(group.geometry).some((rings) => contains(rings, lon, lat)))?.code ?? null;
}

/** A point inside a zone: the middle of the widest stretch of a line through it. @param {PlanZone} zone @returns {LonLat} */
export function middleOf(zone) {
  const lat = (zone.bbox[1] + zone.bbox[3]) / 2 + (zone.bbox[3] - zone.bbox[1]) * 1e-4;
  const crossings = areasOf(zone.geometry)
    .flat()
    .flatMap((ring) =>
      ring.slice(1).flatMap(([x, y], index) => {
        const [u, v] = ring[index];
        return y > lat !== v > lat ? [u + ((lat - v) / (y - v)) * (x - u)] : [];
      }),
    )
    .sort((a, b) => a - b);
  let [best, width] = [(zone.bbox[0] + zone.bbox[2]) / 2, -1];
  for (let k = 0; k + 1 < crossings.length; k += 2) {
    if (crossings[k + 1] - crossings[k] > width) [best, width] = [(crossings[k] + crossings[k + 1]) / 2, crossings[k + 1] - crossings[k]];
  }
  return [best, lat];
}

/** @param {LonLat[][]} rings @param {number} lon @param {number} lat */
function contains(rings, lon, lat) {
  let inside = false;
  for (const ring of rings) {
    for (let k = 1; k < ring.length; k += 1) {
      const [[u, v], [x, y]] = [ring[k - 1], ring[k]];
      if (y > lat !== v > lat && lon < u + ((lat - v) / (y - v)) * (x - u)) inside = !inside;
    }
  }
  return inside;
}
