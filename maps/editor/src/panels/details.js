// The details of what is selected: a zone, a station with its circles, a fault, an answer of a lookup.
import { fill, h, icon, ICONS, redrawing } from "../dom.js";
import * as figures from "../figures.js";
import { faultName, messageOf, nameOf, t } from "../language.js";
import { levelOf } from "../state.js";

/** @typedef {import("../state").Store} Store @typedef {import("../actions").Actions} Actions */
/** @typedef {import("../dom").Child} Child */

const COUNTS = /** @type {const} */ (["household", "business", "institution", "building", "estate", "facility"]);

/** @param {Store} store @param {Actions} actions @param {import("../workbench").Workbench} bench */
export function details(store, actions, bench) {
  const panel = h("div", { class: "details" });
  const draw = () => {
    const { subject } = store.state;
    if (!subject) return fill(panel, h("p", { class: "hint" }, t("details.empty")), notes(store));
    switch (subject.type) {
      case "zone":
        return fill(panel, zoneCard(store, actions, subject));
      case "station":
        return fill(panel, stationCard(store, actions, subject));
      case "fault":
        return fill(panel, faultCard(store, actions, bench, subject.number));
      case "lookup":
        return fill(panel, lookupCard(store, actions, subject));
    }
  };
  store.on(["subject", "zones", "faults", "stations", "version", "plan", "language"], redrawing(panel, draw));
  draw();
  return panel;
}

/** @param {Store} store */
function notes(store) {
  const { version } = store.state;
  if (!version?.territory.notes.length) return null;
  return h("section", { class: "notes" }, h("h3", {}, t("notes")), h("ul", {}, version.territory.notes.map((note) => h("li", {}, note))));
}

/** @param {string} title @param {Child} kicker @param {Actions} actions @param {(() => void) | null} fly */
const heading = (title, kicker, actions, fly) =>
  h(
    "header",
    { class: "card-head" },
    h("div", {}, h("p", { class: "kicker" }, kicker), h("h2", { id: "details-title" }, title)),
    fly && iconButton("fly", ICONS.fly, t("zone.fly"), fly),
    iconButton("close-details", ICONS.close, t("close"), () => actions.clear()),
  );

/** @param {string} id @param {string} path @param {string} title @param {() => void} onclick */
const iconButton = (id, path, title, onclick) =>
  h("button", { type: "button", class: "quiet square", id, title, "aria-label": title, onclick }, icon(path));

/** @param {[string, ...Child[]][]} rows */
const facts = (rows) => h("dl", { class: "facts" }, rows.flatMap(([name, ...values]) => [h("dt", {}, name), h("dd", {}, ...values)]));

/** @param {string | number} value @param {string} label */
const figure = (value, label) => h("div", { class: "figure" }, h("b", { class: "number" }, value), h("span", {}, label));

/**
 * @param {Store} store
 * @param {Actions} actions
 * @param {{ level: string, code: string, point: import("../contract").LonLat | null,
 *   detail: import("../contract").ZoneDetail | null }} subject
 */
function zoneCard(store, actions, { level, code, point, detail }) {
  const { version, zones, faults, stations } = store.state;
  const unknown = t("unknown");
  const listed = level === store.state.level ? zones?.find((zone) => zone.code === code) : undefined;
  const zone = detail ?? listed;
  const named = version && levelOf(version, level);
  if (!zone) return [heading(code, named ? nameOf(named.level) : "", actions, null), h("p", { class: "busy" }, t("busy"))];
  const parent = detail?.parent;
  return [
    heading(zone.name, [named ? nameOf(named.level) : level, zone.kind === "dedicated" ? t("zone.dedicated") : ""].filter(Boolean).join(" · "), actions, () => actions.flyTo(zone.bbox)),
    h(
      "div",
      { class: "figures" },
      figure(figures.whole(zone.counts.household ?? null, unknown), t("count.household")),
      figure(figures.whole(zone.people, unknown), t("zone.people")),
      figure(figures.whole(zone.counts.business ?? null, unknown), t("count.business")),
      figure(figures.whole(zone.counts.institution ?? null, unknown), t("count.institution")),
    ),
    facts([
      [t("zone.code"), h("code", {}, zone.code)],
      [
        t("zone.parent"),
        parent
          ? h("button", { type: "button", class: "link", onclick: () => actions.selectZone(parent.level, parent.code, null, true) }, parent.name)
          : t("zone.none"),
      ],
      ...(detail && detail.children !== null ? [/** @type {[string, Child]} */ ([t("zone.children"), figures.whole(detail.children)])] : []),
      ...COUNTS.slice(3)
        .filter((kind) => zone.counts[kind])
        .map((kind) => /** @type {[string, Child]} */ ([t(`count.${kind}`), figures.whole(zone.counts[kind])])),
      [t("zone.area"), figures.area(zone.area_m2, unknown)],
      [t("zone.perimeter"), figures.length(zone.perimeter_m, unknown)],
      ...(detail?.bounds ? [/** @type {[string, Child]} */ ([t("zone.bounds"), h("span", { id: "zone-bounds" }, detail.bounds.text)])] : []),
      [t("zone.staff"), staff(zone.staff)],
      ...(detail
        ? [
            /** @type {[string, Child]} */ ([
              t("zone.stations"),
              detail.stations.length
                ? h(
                    "span",
                    { class: "links" },
                    detail.stations.map((one) => {
                      const stationCode = typeof one === "string" ? one : one.code;
                      const name = typeof one === "string" ? (stations?.find((s) => s.code === one)?.name ?? one) : one.name;
                      return h("button", { type: "button", class: "link", onclick: () => actions.selectStation(stationCode) }, name);
                    }),
                  )
                : t("zone.none"),
            ]),
            /** @type {[string, Child]} */ ([
              t("zone.faults"),
              detail.faults.length
                ? h(
                    "span",
                    { class: "links" },
                    detail.faults.map((number) => {
                      const severity = faults?.find((fault) => fault.number === number)?.severity ?? "error";
                      return h("button", { type: "button", class: `badge ${severity}`, title: t("fault", number), onclick: () => actions.selectFault(number) }, number);
                    }),
                  )
                : t("zone.none"),
            ]),
          ]
        : []),
    ]),
    point && h("button", { type: "button", class: "button", id: "here", onclick: () => actions.lookupPoint(point) }, t("zone.here")),
  ];
}

/** @param {import("../contract").Person[]} people */
const staff = (people) =>
  people?.length
    ? h("ul", { class: "staff" }, people.map(({ role, name, phone }) => h("li", {}, h("small", {}, role), " ", name, phone && [" ", h("span", { class: "number" }, phone)])))
    : h("span", { class: "hint" }, t("zone.staff.none"));

/**
 * @param {Store} store
 * @param {Actions} actions
 * @param {{ code: string, circles: import("../contract").Circle[] | null }} subject
 */
function stationCard(store, actions, { code, circles }) {
  const all = code === "all";
  const station = store.state.stations?.find((one) => one.code === code);
  const unknown = t("unknown");
  const sorted = circles && [...circles].sort((a, b) => a.minutes - b.minutes);
  return [
    heading(all ? t("stations.all") : (station?.name ?? code), station ? `${t("search.station")} · ${t(`station.${station.kind}`)}` : t("tab.stations"), actions, station ? () => actions.map.flyToPoint(station.point) : null),
    station &&
      facts([
        [t("zone.code"), h("code", {}, station.code)],
        [t("station.address"), station.address || unknown],
      ]),
    sorted === null
      ? h("p", { class: "busy" }, t("busy"))
      : sorted.length === 0
        ? h("p", { class: "hint" }, t("stations.no-circles"))
        : [
            h(
              "table",
              { class: "plain", id: "reach" },
              h("thead", {}, h("tr", {}, h("th", {}, t("station.minutes")), h("th", { class: "number" }, t("station.households")), h("th", { class: "number" }, t("station.share")), h("th", { class: "number" }, t("station.people")))),
              h(
                "tbody",
                {},
                sorted.map(({ minutes, reached, share }) =>
                  h("tr", {}, h("th", { scope: "row" }, `${minutes} ${t("station.minutes")}`), number(figures.whole(reached.household, unknown)), number(figures.percent(share, unknown)), number(figures.whole(reached.people, unknown))),
                ),
              ),
            ),
            h("p", { class: "hint" }, t("station.speed", sorted[0].walk_speed_mps)),
          ],
  ];
}

/** @param {string} text */
const number = (text) => h("td", { class: "number" }, text);

/** @param {Store} store @param {Actions} actions @param {import("../workbench").Workbench} bench @param {number} number */
function faultCard(store, actions, bench, number) {
  const fault = store.state.faults?.find((one) => one.number === number);
  if (!fault) return h("p", { class: "busy" }, t("busy"));
  const level = store.state.version && levelOf(store.state.version, fault.level);
  return [
    heading(`${t("fault", number)} · ${faultName(fault)}`, [level ? nameOf(level.level) : fault.level, t(`faults.${fault.severity}`)].join(" · "), actions, () => actions.flyTo(fault.bbox)),
    h("p", { class: `say ${fault.severity}` }, messageOf(fault)),
    facts([
      [
        t("fault.zones"),
        fault.codes.length
          ? h("span", { class: "links" }, fault.codes.map((code) => h("button", { type: "button", class: "link", onclick: () => actions.selectZone(fault.level, code, null, true) }, code)))
          : t("zone.none"),
      ],
      [t("fault.area"), figures.area(fault.area_m2, t("unknown"))],
      [t("fault.width"), figures.length(fault.width_m, t("unknown"))],
      [t("fault.subjects"), figures.whole(fault.subjects, t("unknown"))],
    ]),
    store.state.plan !== null &&
      bench.mayEdit &&
      GAPS.has(fault.kind) &&
      h(
        "div",
        { class: "card-acts" },
        h("button", { type: "button", class: "button main", id: "fault-fill", onclick: () => void actions.attempt(() => bench.operations.fillGap(fault)) }, t("fault.fill")),
        h("button", { type: "button", class: "button", id: "fault-except", onclick: () => void actions.attempt(() => bench.operations.exceptFault(fault)) }, t("fault.except")),
      ),
  ];
}

/** Faults that are ground in no zone: given to one, or registered as an exception. */
const GAPS = new Set(["gap", "inlet", "uncovered"]);

/**
 * @param {Store} store
 * @param {Actions} actions
 * @param {{ title: string, lookup: import("../contract").Lookup | null }} subject
 */
function lookupCard(store, actions, { title, lookup }) {
  if (!lookup) return [heading(title, t("lookup"), actions, null), h("p", { class: "busy" }, t("busy"))];
  return [
    heading(title, [t("lookup"), lookup.version].join(" · "), actions, null),
    lookup.ambiguous && h("p", { class: "say warning" }, t("lookup.ambiguous")),
    lookup.matches.map((match) => matchCard(store, actions, match, title)),
  ];
}

/**
 * @param {Store} store
 * @param {Actions} actions
 * @param {import("../contract").Match} match
 * @param {string} asked what was looked up: not said twice
 */
function matchCard(store, actions, match, asked) {
  const { point, station } = match;
  const { version } = store.state;
  return h(
    "section",
    { class: "match" },
    match.text &&
      match.text !== asked &&
      h("h3", {}, match.text, match.confidence !== null && match.confidence < 1 && h("small", {}, t("lookup.confidence", figures.percent(match.confidence)))),
    h(
      "table",
      { class: "plain" },
      h(
        "tbody",
        {},
        inOrder(match.zones, version).map((zone) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, nameOf({ code: zone.level, name: zone.level_name })),
            h("td", {}, h("button", { type: "button", class: "link", onclick: () => actions.selectZone(zone.level, zone.code, point, false) }, zone.name), h("small", { class: "block" }, zone.code, zone.staff?.[0] && ` · ${zone.staff[0].role} ${zone.staff[0].name}`)),
            h("td", { class: "number" }, zone.edge_m !== null && zone.edge_m !== undefined && h("small", {}, t("lookup.edge", figures.length(zone.edge_m)))),
          ),
        ),
        Object.entries(match.unassigned ?? {}).map(([level, reason]) => {
          const named = version && levelOf(version, level);
          return h("tr", {}, h("th", { scope: "row" }, named ? nameOf(named.level) : level), h("td", { colspan: 2, class: "say warning" }, t("lookup.unassigned", REASONS.has(reason) ? t(`reason.${reason}`) : reason)));
        }),
      ),
    ),
    station &&
      h(
        "p",
        {},
        `${t("lookup.station")}: `,
        h("button", { type: "button", class: "link", onclick: () => actions.selectStation(station.code) }, station.name),
        station.walk_m !== null && station.walk_m !== undefined && ` · ${t("lookup.walk", figures.length(station.walk_m))}`,
        station.walk_m === null && station.straight_m ? ` · ${t("lookup.straight", figures.length(station.straight_m))}` : null,
      ),
    point && h("p", { class: "hint number" }, t("lookup.point", figures.coordinates(point)), " ", h("button", { type: "button", class: "link", onclick: () => actions.map.flyToPoint(point) }, t("zone.fly"))),
  );
}

/**
 * Zones from the widest partition to the finest, departments' own layers after them.
 *
 * @param {import("../contract").LookupZone[]} zones
 * @param {import("../contract").Version | null} version
 */
function inOrder(zones, version) {
  const levels = (version?.layers ?? []).flatMap((layer) => layer.levels);
  const place = ({ level = "" }) => {
    const at = levels.findIndex(({ code }) => code === level);
    return at < 0 ? levels.length * 2 : at + (levels[at].partition ? 0 : levels.length);
  };
  return [...zones].sort((a, b) => place(a) - place(b));
}

const REASONS = new Set(["outside", "gap", "no_location", "bad_location"]);
