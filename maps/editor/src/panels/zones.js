// The table of zones beside the map: sorted, filtered by words and by warnings, a click flies there. The same for a
// version and for a plan; for a plan it has the rules that zones break, and a histogram with the office's band.
import { fill, h, redrawing } from "../dom.js";
import * as figures from "../figures.js";
import { nameOf, t } from "../language.js";
import { bandOf, histogram, warningsOf } from "../plan/rules.js";
import { planRegister, versionRegister } from "../registers-api.js";
import { levelOf } from "../state.js";

/**
 * @typedef {import("../state").Store} Store
 * @typedef {import("../actions").Actions} Actions
 * @typedef {import("../contract").Zone} Zone
 */

/** @param {Zone} zone */
const headOf = ({ staff }) => (staff.find(({ role }) => role === "网格长") ?? staff[0])?.name ?? "";

/** @type {{ key: string, id: string, number?: boolean, of: (zone: Zone) => string | number | null }[]} */
const COLUMNS = [
  { key: "zone.code", id: "code", of: (zone) => zone.code },
  { key: "zone.name", id: "name", of: (zone) => zone.name },
  { key: "count.household", id: "households", number: true, of: (zone) => zone.counts.household ?? null },
  { key: "zone.people", id: "people", number: true, of: (zone) => zone.people },
  { key: "column.business", id: "businesses", number: true, of: (zone) => zone.counts.business ?? null },
  { key: "column.staff", id: "staff", of: headOf },
  { key: "plan.warnings", id: "warnings", number: true, of: (zone) => warningsOf(zone).length },
];

/** Rows that are laid out at first, and as many again whenever their end is scrolled to: a city has thousands. */
const ROWS = 120;

/** Orders names as Chinese readers expect; made once, for thousands of comparisons. */
const COLLATOR = new Intl.Collator("zh-CN", { numeric: true });

/** Columns that only a plan has. */
const PLAN_ONLY = "warnings";

/**
 * @param {Store} store
 * @param {Actions} actions
 * @param {{ id: string, planned: boolean, rules?: () => void }} options `rules` shows the rules that the band is one of
 */
export function zoneTable(store, actions, { id, planned, rules: showRules }) {
  let sorted = { id: "code", down: false };
  let filter = "";
  let warned = false;
  const columns = COLUMNS.filter((column) => planned || column.id !== PLAN_ONLY);
  const bars = h("div", { class: "histogram", id: planned ? "histogram" : null });
  const summary = h("p", { class: "hint", role: "status" });
  const head = h("tr", {});
  const body = h("tbody", {});
  const input = h("input", {
    type: "search",
    class: "filter",
    id: `filter-${id}`,
    oninput: () => {
      filter = input.value.trim().toLowerCase();
      rows();
    },
  });
  const box = h("input", {
    type: "checkbox",
    id: `warned-${id}`,
    onchange: () => {
      warned = box.checked;
      rows();
    },
  });
  const label = h("span", {});
  const register = h("a", { class: "button", id: `register-${id}`, download: true });
  const panel = h(
    "div",
    { class: "list zone-list" },
    planned && bars,
    h("div", { class: "list-head" }, input, planned && h("label", { class: "toggle" }, box, label), register, summary),
    h("table", { class: "rows", id }, h("thead", {}, head), body),
  );
  const isMine = () => (store.state.plan !== null) === planned;

  const rows = () => {
    const { zones, version, level, profile, plan } = store.state;
    listed = [];
    if (!isMine()) return fill(body);
    const named = version && levelOf(version, level);
    register.hidden = !zones?.length;
    register.href = plan ? planRegister(plan.id, level) : version ? versionRegister(version.version, level) : "";
    register.title = t("register.hint");
    fill(register, t("register"));
    if (!zones || !named) {
      fill(summary);
      return fill(body, line(zones ? t("zones.none") : t("busy")));
    }
    const kept = zones.filter(
      (zone) =>
        (!filter || zone.name.toLowerCase().includes(filter) || zone.code.toLowerCase().includes(filter) || headOf(zone).includes(filter)) &&
        (!warned || warningsOf(zone).length > 0),
    );
    const wrong = zones.filter((zone) => warningsOf(zone).length > 0).length;
    fill(bars, planned && bands(zones, bandOf(profile, level), showRules));
    fill(
      summary,
      kept.length < zones.length
        ? t("zones.kept", figures.whole(kept.length), figures.whole(zones.length))
        : planned
          ? t("plan.summary", figures.whole(zones.length), figures.whole(wrong))
          : t("zones.summary", nameOf(named.level), figures.whole(zones.length)),
    );
    const column = COLUMNS.find((one) => one.id === sorted.id);
    if (column) kept.sort(order(column.of, sorted.down));
    listed = kept;
    fill(body, kept.length === 0 && line(zones.length ? t("zones.no-match") : t("zones.none")));
    lay(ROWS);
    mark();
  };
  /** Zones of the table in its order, of which the first have rows. @type {Zone[]} */
  let listed = [];
  /** @param {number} count rows to be there at least */
  const lay = (count) => {
    const { level } = store.state;
    body.querySelector(".more")?.remove();
    const there = body.querySelectorAll("[data-code]").length;
    body.append(...listed.slice(there, Math.max(count, there)).map((zone) => row(zone, level)));
    if (body.querySelectorAll("[data-code]").length >= listed.length) return;
    const more = h("tr", { class: "more", "aria-hidden": "true" }, h("td", { colspan: 9 }, "…"));
    body.append(more);
    end.disconnect();
    end.observe(more);
  };
  const end = new IntersectionObserver((seen) => {
    if (seen.some(({ isIntersecting }) => isIntersecting)) lay(body.querySelectorAll("[data-code]").length + ROWS);
  });
  const row = (/** @type {Zone} */ zone, /** @type {string} */ level) =>
    h(
      "tr",
      { "data-code": zone.code, onclick: () => actions.selectZone(level, zone.code, null, true) },
      h("th", { scope: "row", colspan: 2 }, h("button", { type: "button", class: "link" }, zone.name), h("small", { class: "block" }, zone.code)),
      columns.filter(({ number, id: of }) => number && of !== PLAN_ONLY).map(({ of }) => h("td", { class: "number" }, figures.whole(/** @type {number | null} */ (of(zone)), t("unknown")))),
      h("td", {}, headOf(zone)),
      planned && h("td", { class: "warnings" }, warningsOf(zone).map((words) => h("span", { class: "block" }, words))),
    );
  const heads = () => {
    input.placeholder = t("zones.filter");
    input.setAttribute("aria-label", t("zones.filter"));
    fill(label, t("plan.warned-only"));
    fill(
      head,
      columns.map(({ key, id: of, number }) =>
        h(
          "th",
          { scope: "col", class: number && of !== PLAN_ONLY ? "number" : null, "aria-sort": sorted.id === of ? (sorted.down ? "descending" : "ascending") : "none" },
          h(
            "button",
            {
              type: "button",
              class: "sort",
              onclick: () => {
                sorted = { id: of, down: sorted.id === of ? !sorted.down : number === true };
                heads();
                rows();
              },
            },
            t(key),
          ),
        ),
      ),
    );
  };
  const mark = () => {
    const { picked, subject } = store.state;
    const chosen = planned ? picked : subject?.type === "zone" ? [subject.code] : [];
    const last = Math.max(-1, ...chosen.map((code) => listed.findIndex((zone) => zone.code === code)));
    if (last >= 0) lay(last + 1);
    for (const row of body.children) row.classList.toggle("chosen", chosen.includes(row.getAttribute("data-code") ?? ""));
    // Once the page is laid out anew: the card of the zone takes room from the table.
    requestAnimationFrame(() => body.querySelector(".chosen")?.scrollIntoView({ block: "nearest" }));
  };
  const redraw = redrawing(panel, () => {
    heads();
    rows();
  });
  store.on(["zones", "plan", "version", "level", "profile", "language"], redraw);
  store.on(["picked", "subject"], mark);
  heads();
  rows();
  return panel;
}

/** @param {string} text */
const line = (text) => h("tr", { class: "said" }, h("td", { colspan: 9 }, text));

/**
 * Unknown values come last whichever way the column is sorted.
 *
 * @template T
 * @param {(one: T) => string | number | null} of
 * @param {boolean} down
 * @returns {(a: T, b: T) => number}
 */
function order(of, down) {
  return (a, b) => {
    const [x, y] = [of(a), of(b)];
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    const ascending = typeof x === "string" ? COLLATOR.compare(x, String(y)) : x - Number(y);
    return down ? -ascending : ascending;
  };
}

/** Bars of how many zones have how many households; the office's band is marked.
 * @param {Zone[]} zones
 * @param {[number, number] | null} band
 * @param {(() => void) | undefined} showRules
 */
function bands(zones, band, showRules) {
  if (!band) return null;
  const bins = histogram(zones, band);
  const most = Math.max(1, ...bins.map((bin) => bin.zones));
  const inside = zones.filter(({ kind, counts }) => kind === "general" && (counts.household ?? -1) >= band[0] && (counts.household ?? -1) <= band[1]);
  // As many marks as there is room for.
  const every = Math.max(1, Math.ceil(bins.length / 7));
  return [
    h(
      "h3",
      {},
      t("histogram"),
      h("small", {}, t("histogram.band", band[0], band[1], inside.length)),
      showRules && h("button", { type: "button", class: "link", id: "rules", onclick: showRules }, t("profile.rules")),
    ),
    h(
      "ol",
      { class: "bars", "aria-label": t("histogram") },
      bins.map(({ low, high, zones: count, inBand }, index) =>
        h(
          "li",
          { class: inBand ? "in-band" : null, title: t("histogram.bar", low, high - 1, count) },
          h("i", { style: `height:${Math.round((count / most) * 44)}px` }),
          index % every === 0 ? h("span", { class: "number" }, low) : null,
        ),
      ),
    ),
  ];
}
