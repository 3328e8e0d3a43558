// Who moves: the ledger for its tab, the history, and arrows and points on the map.
import * as api from "../api.js";
import * as plans from "../plans-api.js";

/** Reads the ledger and the history of the plan for whoever looks at them. */
export class Ledger {
  /** @param {import("../workbench").Workbench} bench */
  constructor(bench) {
    this.bench = bench;
    /** Which list was read last, at which revision. */
    this.listed = "";
    /** What is drawn, at which revision. */
    this.drawn = "";
    const { store } = bench;
    store.on(["plan", "tab"], () => this.#readLists());
    store.on(["plan", "level", "moving"], () => this.#draw());
  }

  #readLists() {
    const { plan, tab } = this.bench.store.state;
    if (!plan || (tab !== "moves" && tab !== "history")) return;
    const key = `${plan.id}.${plan.revision}.${tab}`;
    if (key === this.listed) return;
    this.listed = key;
    void this.bench.actions.attempt(async () => {
      const change = tab === "moves" ? { moves: await api.ledger(plan.id) } : { changes: await api.planChanges(plan.id) };
      if (this.listed === key) this.bench.store.set(change);
    });
  }

  /** Draws those who move while the planner asks for it. */
  #draw() {
    const { plan, level, moving } = this.bench.store.state;
    const { map } = this.bench.actions;
    const key = plan && moving ? `${plan.id}.${plan.revision}.${level}` : "";
    if (key === this.drawn || !map) return;
    this.drawn = key;
    if (!plan || !moving) return map.moves.show(null);
    void this.bench.actions.attempt(async () => {
      const [flows, points] = await Promise.all([plans.flows(plan.id, level), plans.movePoints(plan.id, level)]);
      if (this.drawn !== key) return;
      map.moves.show({
        flows,
        points: points.features.map(({ geometry, properties }) => ({ kind: properties.kind, point: /** @type {import("../contract").LonLat} */ (geometry.coordinates) })),
      });
    });
  }
}
