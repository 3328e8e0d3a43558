// 多格合一 beside the map: what to fuse, the figures, the conflicts, the cell at a place, the crosswalk, adoption.
import { fill, h, redrawing } from "../dom.js";
import * as figures from "../figures.js";
import { containers, fusible, KINDS, MOST_LAYERS } from "../fusing.js";
import { workbook } from "../fusion-api.js";
import { CONFLICTS, departmentLine } from "../fusion-looks.js";
import { nameOf, t } from "../language.js";
import { levelOf } from "../state.js";
import { progress } from "./progress.js";

/**
 * @typedef {import("../state").Store} Store
 * @typedef {import("../fusing").Fusing} Fusing
 * @typedef {import("../fusing").FusionView} FusionView
 * @typedef {import("../contract-fusion").ConflictKind} ConflictKind
 * @typedef {import("../contract-fusion").Conflict} Conflict
 */

/** Rows of a long list that are drawn at once; the workbook has all. */
const ROWS = 300;

/** @param {Store} store @param {Fusing} fusing */
export function fusionPanel(store, fusing) {
  const panel = h("div", { class: "list fusion", id: "fusion" });
  /** Whether the planner opened the form or closed it. @type {boolean | null} */
  let open = null;
  const wish = { layer: "", words: "" };
  const draw = () => {
    const { version, fusion } = store.state;
    if (panel.hidden) return;
    if (!version || !fusion) return fill(panel, h("p", { class: "busy" }, t("busy")));
    if (fusible(version).length < 2) return fill(panel, h("p", { class: "hint" }, t("fusion.too-few")));
    const page = panel.closest("[role=tabpanel]");
    const scrolled = page?.scrollTop ?? 0;
    const form = h(
      "details",
      { class: "fusion-form", id: "fusion-form", open: open ?? (!fusion.summary && !version.fused_at) },
      h("summary", { id: "fusion-form-head", onclick: () => { open = !form.open; } }, fusion.summary ? t("fusion.form.again") : t("fusion.form")),
      order(store, fusing, fusion),
    );
    fill(
      panel,
      form,
      !fusion.summary && version.fused_at && h("p", { class: "busy" }, t("busy")),
      fusion.summary && [
        overview(store, fusing, fusion),
        ground(store, fusing, fusion),
        h(
          "div",
          { class: "pages", role: "group" },
          /** @type {const} */ (["conflicts", "crosswalk"]).map((name) =>
            h("button", { type: "button", id: `fusion-${name}`, "aria-pressed": String(fusion.page === name), onclick: () => fusing.set({ page: name }) }, t(`fusion.${name}`), h("small", {}, figures.whole(fusion[name].length))),
          ),
        ),
        fusion.page === "conflicts" ? conflicts(store, fusing, fusion) : crosswalk(store, fusion, wish, redraw),
      ],
      foot(store, fusing, fusion),
    );
    if (page) page.scrollTop = scrolled;
    // What was just clicked on the map is brought into view.
    const { ground: place, chosen } = fusion;
    if (place && place !== before.ground) panel.querySelector("#cell")?.scrollIntoView({ block: "nearest" });
    else if (chosen && chosen !== before.chosen) panel.querySelector("li.chosen")?.scrollIntoView({ block: "nearest" });
    before = { ground: place, chosen };
  };
  let before = { ground: /** @type {FusionView["ground"]} */ (null), chosen: 0 };
  const redraw = redrawing(panel, draw);
  store.on(["fusion", "version", "language", "me", "tab"], redraw);
  redraw();
  return panel;
}

/** @param {Store} store @param {string} code */
function layerName(store, code) {
  const { version } = store.state;
  const found = version && levelOf(version, code);
  return found ? nameOf(found.level) : code;
}

/** What to fuse. @param {Store} store @param {Fusing} fusing @param {FusionView} fusion */
function order(store, fusing, fusion) {
  const { version } = store.state;
  if (!version) return null;
  const { layers, leading, within, households, pins } = fusion.choice;
  const valid = choosable(fusion);
  const value = (/** @type {Event} */ event) => /** @type {HTMLInputElement | HTMLSelectElement} */ (event.target).value;
  const span = (/** @type {0 | 1} */ side) =>
    h("input", {
      type: "number",
      min: 0,
      max: 100000,
      step: 1,
      id: `fusion-households-${side}`,
      "aria-label": t(side === 0 ? "fusion.least" : "fusion.most"),
      disabled: households === null,
      value: households?.[side] ?? "",
      onchange: (/** @type {Event} */ event) => {
        // As chosen by now: another field may have been filled in since this one was drawn.
        const next = /** @type {[number, number]} */ ([...(store.state.fusion?.choice.households ?? [0, 0])]);
        next[side] = Number(value(event));
        fusing.choose({ households: next });
      },
    });
  return h(
    "div",
    { class: "body" },
    h("p", { class: "hint" }, t("fusion.lead", version.version)),
    h("h4", {}, t("fusion.layers")),
    h(
      "div",
      { class: "level-choices" },
      fusible(version).map((level) =>
        h(
          "label",
          { class: "toggle" },
          h("input", {
            type: "checkbox",
            name: `fuse-${level.code}`,
            checked: layers.includes(level.code),
            onchange: (/** @type {Event} */ event) => {
              const on = /** @type {HTMLInputElement} */ (event.target).checked;
              const chosen = store.state.fusion?.choice.layers ?? [];
              fusing.choose({ layers: fusible(version).map(({ code }) => code).filter((code) => (code === level.code ? on : chosen.includes(code))) });
            },
          }),
          nameOf(level),
          h("small", { class: "number" }, figures.whole(level.zones)),
        ),
      ),
    ),
    !valid && h("p", { class: "say warning" }, t("fusion.layers.count", MOST_LAYERS)),
    h(
      "label",
      { class: "line" },
      h("span", {}, t("fusion.leading")),
      h(
        "select",
        { id: "fusion-leading", onchange: (/** @type {Event} */ event) => fusing.choose({ leading: value(event) || null }) },
        h("option", { value: "", selected: leading === null }, t("fusion.vote")),
        layers.map((code) => h("option", { value: code, selected: code === leading }, layerName(store, code))),
      ),
    ),
    h(
      "label",
      { class: "line" },
      h("span", {}, t("fusion.within")),
      h(
        "select",
        { id: "fusion-within", onchange: (/** @type {Event} */ event) => fusing.choose({ within: value(event) || null }) },
        h("option", { value: "", selected: within === null }, t("fusion.anywhere")),
        containers(version).filter(({ code }) => !layers.includes(code)).map((level) => h("option", { value: level.code, selected: level.code === within }, nameOf(level))),
      ),
    ),
    h(
      "div",
      { class: "line" },
      h(
        "label",
        { class: "toggle" },
        h("input", { type: "checkbox", id: "fusion-sized", checked: households !== null, onchange: (/** @type {Event} */ event) => fusing.choose({ households: /** @type {HTMLInputElement} */ (event.target).checked ? [300, 500] : null }) }),
        t("fusion.households"),
      ),
      span(0),
      "–",
      span(1),
    ),
    fusion.unpinned > 0 && h("p", { class: "say warning", id: "fusion-unpinned", role: "status" }, t("fusion.unpinned", fusion.unpinned)),
    Object.keys(pins).length > 0 && [
      h("h4", {}, t("fusion.pins")),
      h(
        "ul",
        { class: "pins", id: "fusion-pins" },
        Object.entries(pins).map(([cell, code]) =>
          h("li", {}, t("fusion.pinned", cell, code), h("button", { type: "button", class: "quiet", title: t("fusion.unpin"), "aria-label": `${t("fusion.unpin")} ${cell}`, onclick: () => fusing.pin(Number(cell), "") }, "×")),
        ),
      ),
    ],
    fusing.may
      ? h("div", { class: "buttons" }, h("button", { type: "button", class: "button main", id: "fusion-run", disabled: !valid || Boolean(fusion.job) || fusion.adopting, onclick: () => fusing.run() }, fusion.summary ? t("fusion.rerun") : t("fusion.run")))
      : h("p", { class: "hint" }, t("fusion.viewer")),
  );
}

/** The figures of a fusion, and what can be done with it. @param {Store} store @param {Fusing} fusing @param {FusionView} fusion */
function overview(store, fusing, fusion) {
  const { version } = store.state;
  const { summary } = fusion;
  if (!version || !summary) return null;
  const { leading } = summary.options;
  const lost = summary.unassigned.reduce((sum, one) => sum + one.count, 0);
  const figure = (/** @type {string} */ id, /** @type {string} */ value, /** @type {string} */ words) => h("div", { class: "figure" }, h("b", { class: "number", id }, value), h("span", {}, words));
  return h(
    "section",
    { class: "fusion-overview", id: "fusion-overview" },
    h(
      "div",
      { class: "figures" },
      figure("fusion-grids", figures.whole(summary.grids), t("fusion.grids")),
      figure("fusion-cells", figures.whole(summary.cells), t("fusion.cells")),
      figure("fusion-breaks", figures.whole(summary.rule_breaks), t("fusion.breaks")),
      figure("fusion-kept", figures.percent(Math.min(summary.agreed_kept, 1)), t("fusion.kept")),
    ),
    h(
      "p",
      { class: "hint" },
      t("fusion.made", summary.version, summary.layers.map((code) => layerName(store, code)).join("、"), leading ? t("fusion.led", layerName(store, leading)) : t("fusion.voted", layerName(store, summary.leading)), figures.moment(summary.made_at)),
      lost > 0 && h("span", { class: "block" }, t("fusion.lost", figures.whole(lost))),
    ),
    h(
      "div",
      { class: "buttons" },
      fusing.may && h("button", { type: "button", class: "button main", id: "fusion-adopt", disabled: Boolean(fusion.job) || fusion.adopting, title: t("fusion.adopt.hint"), onclick: () => fusing.adopt() }, t("fusion.adopt")),
      h("a", { class: "button", id: "fusion-file", href: workbook(version.territory.code, version.version), download: true, title: t("fusion.file.hint") }, t("fusion.file")),
    ),
  );
}

/** What is being done; or that the choice is another than what is shown, and the way to fuse by it.
 * @param {Store} store
 * @param {Fusing} fusing
 * @param {FusionView} fusion
 */
function foot(store, fusing, fusion) {
  if (fusion.job) return h("div", { class: "panel-foot" }, progress(fusion.job));
  if (fusion.adopting) return h("div", { class: "panel-foot" }, h("p", { class: "busy", role: "status", id: "fusion-adopting" }, t("fusion.adopting")));
  if (!fusion.summary || !fusing.changed) return null;
  const { leading } = fusion.choice;
  return h(
    "div",
    { class: "panel-foot", id: "fusion-changed", role: "status" },
    h("span", {}, t("fusion.changed"), leading && leading !== fusion.summary.options.leading && h("small", { class: "block" }, t("fusion.changed.leading", layerName(store, leading)))),
    fusing.may && h("button", { type: "button", class: "button main", id: "fusion-again", disabled: !choosable(fusion), onclick: () => fusing.run() }, t("fusion.rerun")),
  );
}

/** Whether what is chosen can be fused. @param {FusionView} fusion */
const choosable = ({ choice: { layers } }) => layers.length >= 2 && layers.length <= MOST_LAYERS;

/** The place that was clicked. @param {Store} store @param {Fusing} fusing @param {FusionView} fusion */
function ground(store, fusing, fusion) {
  const { ground: place, summary, proposal } = fusion;
  if (!place) return h("p", { class: "hint ask", id: "fusion-ask" }, t("fusion.ask"));
  const close = h("button", { type: "button", class: "quiet square", title: t("close"), "aria-label": t("close"), onclick: () => fusing.leaveGround() }, "×");
  const { cell } = place;
  if (!cell) return h("section", { class: "cell", id: "cell" }, h("div", { class: "card-head" }, h("div", {}, h("h3", {}, t("cell.none"))), close));
  const grid = proposal?.features.find(({ properties }) => properties.code === cell.grid)?.properties;
  const leading = fusion.choice.leading ?? summary?.leading ?? "";
  const pinned = fusion.choice.pins[cell.cell] ?? "";
  return h(
    "section",
    { class: "cell", id: "cell", "data-cell": cell.cell },
    h("div", { class: "card-head" }, h("div", {}, h("h3", {}, t("cell.title", cell.cell)), h("small", {}, t("cell.figures", figures.area(cell.area_m2), figures.whole(cell.household), figures.whole(cell.people)))), close),
    h(
      "dl",
      { class: "facts" },
      (summary?.layers ?? []).map((layer, index) => [
        h("dt", {}, line(index), layerName(store, layer)),
        h("dd", { "data-layer": layer }, cell.codes[layer] ?? h("span", { class: "none" }, t("cell.missing"))),
      ]),
      h("dt", {}, t("cell.grid")),
      h("dd", { id: "cell-grid" }, h("b", {}, cell.grid ?? t("cell.outside"))),
      h("dt", {}, t("cell.why")),
      h("dd", { id: "cell-why" }, cell.explanation ?? t("cell.base")),
    ),
    grid && h("p", { class: "hint", id: "cell-explanation" }, t("cell.grid.figures", grid.code, figures.whole(grid.household), figures.area(grid.area_m2)), " ", explained(grid)),
    fusing.may && leading && cell.inside && h(
      "label",
      { class: "line" },
      h("span", {}, t("cell.pin", layerName(store, leading))),
      h(
        "select",
        { id: "cell-pin", onchange: (/** @type {Event} */ event) => fusing.pin(cell.cell, /** @type {HTMLSelectElement} */ (event.target).value) },
        h("option", { value: "", selected: pinned === "" }, t("cell.unpinned")),
        near(fusion, leading, place.point).map(({ code, name }) => h("option", { value: code, selected: code === pinned }, name && name !== code ? `${code} ${name}` : code)),
      ),
    ),
  );
}

/** Why a new grid is as it is; the rule that it breaks stands out. @param {import("../contract-fusion").FusionGrid} grid */
function explained({ explanation, rule }) {
  if (!rule) return explanation;
  const [before, after = ""] = explanation.split(rule);
  return [before, h("b", { class: "rule" }, `▲ ${rule}`), after];
}

/** Zones of a layer, the nearest first. @param {FusionView} fusion @param {string} layer @param {import("../contract").LonLat} point */
function near(fusion, layer, point) {
  const away = (/** @type {import("../contract").Zone} */ { bbox: [west, south, east, north] }) =>
    Math.hypot(Math.max(west - point[0], 0, point[0] - east), Math.max(south - point[1], 0, point[1] - north));
  return [...(fusion.zones.get(layer) ?? [])].sort((a, b) => away(a) - away(b) || a.code.localeCompare(b.code));
}

/** @param {Store} store @param {Fusing} fusing @param {FusionView} fusion */
function conflicts(store, fusing, fusion) {
  const sums = new Map(fusion.summary?.conflicts.map((one) => [one.kind, one]));
  const shown = fusion.conflicts.filter(({ kind }) => fusion.kinds.has(kind));
  const at = shown.findIndex(({ number }) => number === fusion.chosen);
  // The one looked at is always among the rows that are drawn.
  const rows = at >= ROWS ? [shown[at], ...shown.slice(0, ROWS)] : shown.slice(0, ROWS);
  return [
    h(
      "table",
      { class: "plain kinds", id: "conflict-kinds" },
      h("thead", {}, h("tr", {}, h("th", {}, t("conflict.kind")), ["count", "length", "area", "households"].map((word) => h("th", { class: "number" }, t(`conflict.${word}`))))),
      h(
        "tbody",
        {},
        KINDS.filter((kind) => sums.has(kind)).map((kind) => {
          const sum = /** @type {import("../contract-fusion").ConflictSum} */ (sums.get(kind));
          return h(
            "tr",
            { "data-kind": kind, class: fusion.kinds.has(kind) ? null : "off" },
            h(
              "th",
              { scope: "row" },
              h("span", { class: "kind" }, h("input", { type: "checkbox", name: `kind-${kind}`, checked: fusion.kinds.has(kind), "aria-label": t(`conflict.${kind}`), onchange: (/** @type {Event} */ event) => fusing.showKind(kind, /** @type {HTMLInputElement} */ (event.target).checked) }),
              swatch(kind),
              h("button", { type: "button", class: "link", title: t(`conflict.${kind}.means`), onclick: () => fusing.onlyKind(kind) }, t(`conflict.${kind}`))),
            ),
            h("td", { class: "number" }, figures.whole(sum.count)),
            h("td", { class: "number" }, figures.length(sum.length_m)),
            h("td", { class: "number" }, figures.area(sum.area_m2)),
            h("td", { class: "number" }, figures.whole(sum.household)),
          );
        }),
      ),
    ),
    h("p", { class: "hint", role: "status" }, t("conflict.listed", figures.whole(shown.length)), shown.length > ROWS && ` ${t("conflict.first", ROWS)}`, " ", h("span", { class: "next-keys", title: t("conflict.keys") }, h("kbd", {}, "N"), h("kbd", {}, "⇧N"))),
    h("ol", { class: "conflicts", id: "conflicts" }, rows.map((one) => conflictRow(store, fusing, one, one.number === fusion.chosen))),
  ];
}

/** @param {Store} store @param {Fusing} fusing @param {Conflict} one @param {boolean} chosen */
function conflictRow(store, fusing, one, chosen) {
  return h(
    "li",
    { class: chosen ? "chosen" : null },
    h(
      "button",
      { type: "button", "data-conflict": one.number, onclick: () => fusing.look(one.number) },
      swatch(one.kind),
      h(
        "span",
        { class: "what" },
        h("b", {}, `${one.number} ${t(`conflict.${one.kind}`)}`, h("small", {}, one.departments.map((code) => layerName(store, code)).join("、"))),
        h("span", { class: "number" }, t("conflict.figures", figures.length(one.length_m), figures.area(one.area_m2), figures.whole(one.household))),
        chosen && h("span", {}, t(`conflict.${one.kind}.means`)),
        chosen && h("span", { class: "codes" }, one.departments.map((layer) => h("span", { class: "block" }, h("small", {}, `${layerName(store, layer)} `), one.codes[layer]?.join(" ") || t("cell.missing")))),
      ),
    ),
  );
}

/** Old grids and the new ones that they go to.
 * @param {Store} store
 * @param {FusionView} fusion
 * @param {{ layer: string, words: string }} wish what is looked for
 * @param {() => void} redraw
 */
function crosswalk(store, fusion, wish, redraw) {
  const words = wish.words.trim().toLowerCase();
  const kept = fusion.crosswalk.filter((row) => (!wish.layer || row.layer === wish.layer) && (!words || [row.code, row.new].some((code) => code?.toLowerCase().includes(words))));
  const table = h(
    "table",
    { class: "plain crosswalk", id: "crosswalk" },
    h("thead", {}, h("tr", {}, h("th", {}, t("crosswalk.old")), h("th", {}, t("crosswalk.new")), ["share", "households", "businesses", "people"].map((word) => h("th", { class: "number" }, t(`crosswalk.${word}`))))),
    h(
      "tbody",
      {},
      kept.slice(0, ROWS).map((row) =>
        h(
          "tr",
          { "data-layer": row.layer, "data-old": row.code, "data-new": row.new },
          h("td", {}, row.code ?? t("cell.missing"), h("small", { class: "block" }, layerName(store, row.layer))),
          h("td", {}, row.new ?? t(row.cells.length > 0 ? "cell.outside" : "crosswalk.covered")),
          h("td", { class: "number" }, figures.percent(row.area_share, "—")),
          h("td", { class: "number" }, figures.whole(row.household)),
          h("td", { class: "number" }, figures.whole(row.business)),
          h("td", { class: "number" }, figures.whole(row.people)),
        ),
      ),
    ),
  );
  const search = h("input", {
    type: "search",
    class: "filter",
    id: "crosswalk-filter",
    placeholder: t("crosswalk.filter"),
    "aria-label": t("crosswalk.filter"),
    value: wish.words,
    oninput: () => {
      wish.words = search.value;
      redraw();
    },
  });
  return [
    h(
      "div",
      { class: "list-head" },
      h(
        "select",
        { id: "crosswalk-layer", "aria-label": t("crosswalk.layer"), onchange: (/** @type {Event} */ event) => { wish.layer = /** @type {HTMLSelectElement} */ (event.target).value; redraw(); } },
        h("option", { value: "" }, t("crosswalk.layers")),
        (fusion.summary?.layers ?? []).map((code) => h("option", { value: code, selected: code === wish.layer }, layerName(store, code))),
      ),
      search,
    ),
    h("p", { class: "hint" }, t("crosswalk.listed", figures.whole(kept.length)), kept.length > ROWS && ` ${t("conflict.first", ROWS)}`, ` ${t("crosswalk.whole")}`),
    table,
  ];
}

/** @param {ConflictKind} kind */
function swatch(kind) {
  const { colour, ground, way } = CONFLICTS[kind];
  const lines = { "/": `repeating-linear-gradient(135deg, ${colour} 0 1px, transparent 1px 5px)`, "\\": `repeating-linear-gradient(45deg, ${colour} 0 1px, transparent 1px 5px)`, x: `repeating-linear-gradient(45deg, ${colour} 0 1px, transparent 1px 5px), repeating-linear-gradient(135deg, ${colour} 0 1px, transparent 1px 5px)` };
  return h("i", { class: "swatch", "aria-hidden": "true", style: `border-color:${colour};background:${way ? `${lines[way]}, ` : ""}linear-gradient(${ground}, ${ground})` });
}

/** How a department's borders are drawn. @param {number} index */
function line(index) {
  const { colour, width, dash } = departmentLine(index);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "line-sample");
  svg.setAttribute("viewBox", "0 0 30 8");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", "M0 4h30");
  path.setAttribute("stroke", colour);
  path.setAttribute("stroke-width", String(width + 0.6));
  if (dash) path.setAttribute("stroke-dasharray", dash.join(" "));
  svg.append(path);
  return svg;
}

/** On the map: what the lines and areas are, each switched on or off. @param {Store} store @param {Fusing} fusing */
export function fusionLegend(store, fusing) {
  const card = h("section", { class: "card legend fusion-legend", id: "fusion-legend", "aria-label": t("legend"), hidden: true });
  const draw = () => {
    const { fusion } = store.state;
    card.hidden = !fusing.shown;
    if (card.hidden || !fusion?.summary) return;
    const toggle = (/** @type {string} */ name, /** @type {boolean} */ on, /** @type {Node} */ sign, /** @type {string} */ words, /** @type {(on: boolean) => void} */ take) =>
      h("label", { class: "toggle" }, h("input", { type: "checkbox", name, checked: on, onchange: (/** @type {Event} */ event) => take(/** @type {HTMLInputElement} */ (event.target).checked) }), sign, words);
    fill(
      card,
      h("h3", {}, t("fusion.legend")),
      toggle("legend-grids", fusion.grids, h("i", { class: "proposal-line", "aria-hidden": "true" }), t("fusion.legend.grids"), (on) => fusing.set({ grids: on })),
      h("h4", {}, t("fusion.legend.departments")),
      fusion.summary.layers.map((layer, index) => toggle(`ghost-${layer}`, fusion.ghosts.has(layer), line(index), layerName(store, layer), (on) => fusing.showGhost(layer, on))),
      h("h4", {}, t("fusion.legend.conflicts")),
      KINDS.filter((kind) => fusion.summary?.conflicts.some((one) => one.kind === kind)).map((kind) => toggle(`class-${kind}`, fusion.kinds.has(kind), swatch(kind), t(`conflict.${kind}`), (on) => fusing.showKind(kind, on))),
    );
  };
  store.on(["fusion", "tab", "plan", "version", "language"], redrawing(card, draw));
  draw();
  return card;
}
