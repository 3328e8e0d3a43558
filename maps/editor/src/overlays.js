// What the tabs of faults and fusion lay over the map, kept in step with the state.
import * as api from "./api.js";
import { flowOf, listed } from "./repairing.js";
import { flowWords } from "./panels/repairs.js";
import { levelOf } from "./state.js";

/**
 * @typedef {import("./state").Store} Store
 * @typedef {import("./map/repairs").Party} Party
 */

/** Draws the land that changes hands while the faults are listed, and whose it is for the one that is looked at.
 * @param {Store} store
 * @param {import("./actions").Actions} actions
 * @param {import("./map/view").GridMap} map
 * @param {import("./map/repairs").RepairLayer} layer
 */
export function showRepairs(store, actions, map, layer) {
  /** @type {Map<string, Promise<import("./contract").ZoneDetail>>} */
  const zones = new Map();
  let round = 0;
  let filtered = false;
  // The map shows the faults that are listed: those of one layer or kind, while the list is narrowed.
  store.on(["faults", "repair", "tab", "plan"], ({ faults, repair, tab, plan }) => {
    const narrow = !plan && tab === "faults" && repair !== null && Boolean(repair.kind || repair.level || repair.repairable);
    if (!narrow && !filtered) return;
    filtered = narrow;
    map.showFaults(narrow ? listed(faults ?? [], repair) : (faults ?? []));
  });
  store.on(["repair", "tab", "plan", "shown", "language"], ({ repair, tab, plan, version, shown }) => {
    const on = !plan && shown.has("faults") && tab === "faults" && repair?.version === version?.version;
    const table = on && repair?.table && !repair.table.stale ? repair.table : null;
    const lands = (table?.proposals ?? []).filter(({ status }) => status === "proposed");
    map.hollowFaults(lands.map(({ number }) => number));
    layer.show(
      lands.map((proposal) => ({
        number: proposal.number,
        geometry: proposal.geometry,
        point: proposal.point,
        state: repair?.accepted.has(proposal.number) ? "accepted" : proposal.declined ? "declined" : "open",
        words: flowWords(proposal),
      })),
    );
  });
  store.on(["repair", "subject", "tab", "plan"], ({ repair, subject, tab, plan, version }) => {
    const mine = ++round;
    const number = !plan && tab === "faults" && subject?.type === "fault" ? subject.number : 0;
    const proposal = number && !repair?.table?.stale ? repair?.table?.proposals.find((one) => one.number === number && one.status === "proposed") : undefined;
    if (!proposal || !version || repair?.version !== version.version) return layer.choose(number, []);
    const { from, to } = flowOf(proposal);
    void actions.attempt(async () => {
      const wanted = /** @type {{ code: string, role: "from" | "to" }[]} */ ([...from.map((code) => ({ code, role: "from" })), ...(to ? [{ code: to, role: "to" }] : [])]);
      /** @type {Party[]} */
      const parties = await Promise.all(
        wanted.map(async ({ code, role }) => {
          const key = `${version.version} ${version.checked_at} ${proposal.level} ${code}`;
          if (!zones.has(key)) zones.set(key, api.zone(version.version, proposal.level, code));
          const zone = await /** @type {Promise<import("./contract").ZoneDetail>} */ (zones.get(key));
          return { code, role, name: zone.name, geometry: zone.geometry };
        }),
      );
      if (mine === round) layer.choose(number, parties);
    });
  });
}

/** Draws the fusion while its tab is open.
 * @param {Store} store
 * @param {import("./fusing").Fusing} fusing
 * @param {import("./map/fusion").FusionLayer} layer
 */
export function showFusion(store, fusing, layer) {
  store.on(["fusion", "tab", "plan", "version"], ({ fusion }) => {
    const on = fusing.shown && fusion?.summary ? fusion : null;
    layer.show(
      on && {
        conflicts: on.conflicts,
        kinds: on.kinds,
        chosen: on.chosen,
        proposal: on.grids ? on.proposal : null,
        all: on.proposal,
        ground: on.ground,
      },
    );
    const layers = on?.summary?.layers ?? [];
    layer.showGhosts(layers.map((level, index) => ({ level, index })).filter(({ level }) => on?.ghosts.has(level)));
  });
}

/** What is drawn below a fusion: streets and communities, but no names, no stations and no colours.
 * @param {Set<string>} shown
 * @param {import("./contract").Version | null} version
 */
export function belowFusion(shown, version) {
  const base = new Set(["streets", "footprints"]);
  return new Set([...shown].filter((name) => base.has(name) || (version !== null && levelOf(version, name)?.level.code === "community")));
}

