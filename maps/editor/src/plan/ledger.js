// Who moves: the ledger for its tab, the history, and arrows and points on the map.
import * as api from "../api.js";
import * as plans from "../plans-api.js";

/** Reads the ledger and the history of the plan for whoever looks at them. */
export class Ledger {
  /** @param {import("../workbench").Workbench} bench */
  constructor(bench) {
    this.bench = bench;
    /** At which revision each list was read last. */
    this.listed = { moves: "", changes: "" };
    /** What is drawn, at which revision. */
    this.drawn = "";
    const { store } = bench;
    store.on(["plan", "tab", "picked"], () => this.#readLists());
    store.on(["plan", "level", "moving"], () => this.#draw());
  }

  #readLists() {
    const { plan, tab, picked } = this.bench.store.state;
    if (!plan) return;
    const stamp = `${plan.id}.${plan.revision}`;
    // The card of a zone says who comes and goes.
    if (tab === "moves" || picked.length === 1) this.#read("moves", stamp, async () => ({ moves: await api.ledger(plan.id) }));
    if (tab === "history") this.#read("changes", stamp, async () => ({ changes: await api.planChanges(plan.id) }));
  }

  /**
   * @param {"moves" | "changes"} list
   * @param {string} stamp of the plan and its revision
   * @param {() => Promise<Partial<import("../state").State>>} read
   */
  #read(list, stamp, read) {
    if (this.listed[list] === stamp) return;
    this.listed[list] = stamp;
    void this.bench.actions.attempt(async () => {
      const change = await read();
      if (this.listed[list] === stamp) this.bench.store.set(change);
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
      const [{ flows }, points] = await Promise.all([plans.flows(plan.id, level), plans.movePoints(plan.id, level)]);
      if (this.drawn !== key) return;
      map.moves.show({
        flows,
        points: points.features.map(({ geometry, properties }) => ({ kind: properties.kind, point: /** @type {import("../contract").LonLat} */ (geometry.coordinates) })),
      });
    });
  }
}
