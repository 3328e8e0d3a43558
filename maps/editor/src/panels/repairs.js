// The faults of a version, and beside each what a repair would do: accept, not wanted, decide otherwise, apply, undo.
import { fill, h, redrawing } from "../dom.js";
import * as figures from "../figures.js";
import { faultName, messageOf, nameOf, t } from "../language.js";
import { feasible, flowOf, levelsWithFaults, listed, mayName, strategiesOf } from "../repairing.js";
import { levelOf } from "../state.js";
import { progress } from "./progress.js";

/**
 * @typedef {import("../state").Store} Store
 * @typedef {import("../actions").Actions} Actions
 * @typedef {import("../repairing").Repairing} Repairing
 * @typedef {import("../repairing").RepairView} RepairView
 * @typedef {import("../contract").Fault} Fault
 * @typedef {import("../contract-fusion").RepairProposal} RepairProposal
 */

/** @param {Store} store @param {Actions} actions @param {Repairing} repairing @param {import("../plan/releasing").Releasing} releasing */
export function faultList(store, actions, repairing, releasing) {
  const panel = h("div", { class: "list repairs" });
  /** What is entered into the options stays until there are other proposals. */
  const options = { open: false, of: "", form: h("form") };
  let looked = store.state.subject;
  const draw = () => {
    const { faults, version, repair, subject } = store.state;
    if (panel.hidden) return;
    if (!faults || !version || !repair) return fill(panel, h("p", { class: "busy" }, t("busy")));
    const page = panel.closest("[role=tabpanel]");
    const scrolled = page?.scrollTop ?? 0;
    fill(
      panel,
      born(store, repairing, releasing),
      faults.length === 0 && h("p", { class: "hint" }, version.checked_at ? t("faults.none") : t("faults.unchecked")),
      faults.length > 0 && [
        h("div", { class: "list-head" }, filters(store, repairing)),
        h("div", { class: "repair-work" }, offer(store, repairing, options, redraw)),
        rows(store, actions, repairing),
      ],
      repair.job ? h("div", { class: "panel-foot" }, progress(repair.job)) : applying(store, repairing),
    );
    if (page) page.scrollTop = scrolled;
    if (subject !== looked) panel.querySelector("li.chosen")?.scrollIntoView({ block: "nearest" });
    looked = subject;
  };
  const redraw = redrawing(panel, draw);
  store.on(["faults", "version", "language", "repair", "me", "subject", "tab", "job"], redraw);
  redraw();
  return panel;
}

/** @param {Store} store @param {Actions} actions @param {Repairing} repairing */
function rows(store, actions, repairing) {
  const { faults, repair } = store.state;
  const proposals = new Map(repair?.table?.stale ? [] : repair?.table?.proposals.map((one) => [one.number, one]));
  const all = listed(faults ?? [], repair);
  return h(
    "ol",
    { class: "faults", id: "faults" },
    all.length === 0 && h("li", { class: "hint" }, t("faults.no-match")),
    all.map((fault) => row(store, actions, repairing, fault, proposals.get(fault.number))),
  );
}

/** What is accepted and not yet written. @param {Store} store @param {Repairing} repairing */
function applying(store, repairing) {
  const { repair, version } = store.state;
  if (!repair || !version || repair.accepted.size === 0) return null;
  return h(
    "div",
    { class: "panel-foot", id: "repair-foot" },
    h("span", {}, t("repair.accepted", repair.accepted.size), h("small", { class: "block" }, t("repair.apply.lead", version.version))),
    h("button", { type: "button", class: "quiet", id: "repair-clear", onclick: () => repairing.acceptAll(false) }, t("repair.clear")),
    h("button", { type: "button", class: "button main", id: "repair-apply", onclick: () => repairing.apply() }, t("repair.apply")),
  );
}

/** What repairs were accepted into: what it is, the way back, and the way into force.
 * @param {Store} store
 * @param {Repairing} repairing
 * @param {import("../plan/releasing").Releasing} releasing
 */
function born(store, repairing, releasing) {
  const { version, repair, job } = store.state;
  if (!version?.repaired) return null;
  const { base, numbers, made_by, made_at, undone_at } = version.repaired;
  const done = repair?.done;
  const busy = Boolean(repair?.job || job);
  const draft = version.status === "draft";
  return h(
    "section",
    { class: "repaired", id: "repaired" },
    h("h3", {}, undone_at ? t("repaired.undone", version.version) : t(draft ? "repaired.title" : "repaired.published", version.version, numbers.length)),
    h("p", { class: "hint" }, undone_at ? t("repaired.undone.lead", base, figures.moment(undone_at)) : t(draft ? "repaired.lead" : "repaired.published.lead", base, made_by, figures.moment(made_at), figures.moment(version.valid_from))),
    done && h("p", { class: "number", id: "repair-result" }, t("repaired.faults", done.faults_before.errors, done.faults_after.errors, done.zones)),
    done && done.refused.length > 0 && [
      h("p", { class: "hint" }, t("repaired.refused", done.refused.length)),
      h("ul", { class: "refused" }, done.refused.map((one) => h("li", {}, h("b", { class: "number" }, `${one.number} `), messageOf({ message: one.reason, message_en: one.reason_en })))),
    ],
    h(
      "div",
      { class: "buttons" },
      h("button", { type: "button", class: "button", disabled: busy, onclick: () => repairing.open(base) }, t("repaired.back", base)),
      !undone_at && releasing.may && h("button", { type: "button", class: "button main", id: "repair-release", disabled: busy, onclick: () => releasing.review() }, t("draft.review")),
      !undone_at && draft && repairing.may && h("button", { type: "button", class: "button", id: "repair-undo", disabled: busy, onclick: () => repairing.undo() }, t("repaired.undo")),
    ),
  );
}

/** Which faults are listed. @param {Store} store @param {Repairing} repairing */
function filters(store, repairing) {
  const { repair, version } = store.state;
  const faults = store.state.faults ?? [];
  const { kind = "", level = "", repairable = false } = repair ?? {};
  const kinds = new Map(faults.filter((fault) => !level || fault.level === level).map((fault) => [fault.kind, faultName(fault)]));
  const levels = [...new Set(faults.map((fault) => fault.level))];
  const name = (/** @type {string} */ code) => {
    const found = version && levelOf(version, code);
    return found ? nameOf(found.level) : code;
  };
  const count = (/** @type {(fault: Fault) => boolean} */ of) => faults.filter(of).length;
  const errors = count(({ severity }) => severity === "error");
  const pick = (/** @type {string} */ id, /** @type {string} */ label, /** @type {(value: string) => void} */ take, /** @type {HTMLOptionElement[]} */ choices) =>
    h("select", { id, "aria-label": label, onchange: (/** @type {Event} */ event) => take(/** @type {HTMLSelectElement} */ (event.target).value) }, choices);
  return [
    h(
      "div",
      { class: "filters" },
      pick("fault-kind", t("faults.kind"), (value) => repairing.filter({ kind: value }), [
        h("option", { value: "" }, t("faults.all")),
        ...[...kinds].map(([value, words]) => h("option", { value, selected: value === kind }, `${words} (${count((fault) => fault.kind === value && (!level || fault.level === level))})`)),
      ]),
      pick("fault-level", t("faults.level"), (value) => repairing.filter({ level: value, kind: "" }), [
        h("option", { value: "" }, t("faults.levels")),
        ...levels.map((value) => h("option", { value, selected: value === level }, `${name(value)} (${count((fault) => fault.level === value)})`)),
      ]),
      h("span", { class: "next-keys", title: t("faults.keys") }, h("kbd", {}, "N"), h("kbd", {}, "⇧N")),
    ),
    h(
      "p",
      { class: "hint" },
      t("faults.summary", errors, faults.length - errors),
      version?.checked_at && ` · ${t("faults.checked", figures.day(version.checked_at))}`,
      repair?.table && !repair.table.stale && h(
        "label",
        { class: "toggle" },
        h("input", { type: "checkbox", id: "repairable", checked: repairable, onchange: (/** @type {Event} */ event) => repairing.filter({ repairable: /** @type {HTMLInputElement} */ (event.target).checked }) }),
        t("faults.repairable"),
      ),
    ),
  ];
}

/** Where repairs are asked for, and what was proposed in all.
 * @param {Store} store
 * @param {Repairing} repairing
 * @param {{ open: boolean, of: string, form: HTMLFormElement }} options
 * @param {() => void} redraw
 */
function offer(store, repairing, options, redraw) {
  const { repair, version, language } = store.state;
  if (!repair || !version) return null;
  const { table } = repair;
  const busy = Boolean(repair.job);
  const ask = (/** @type {string} */ words, /** @type {string} */ look) =>
    repairing.may && h("button", { type: "button", class: `button ${look}`, id: "repair-propose", disabled: busy, onclick: () => repairing.propose() }, words);
  const settings = repairing.may && h("button", { type: "button", class: "quiet", id: "repair-settings", "aria-expanded": String(options.open), onclick: () => { options.open = !options.open; redraw(); } }, t("repair.settings"));
  const of = [version.version, table?.made_at, language].join();
  if (of !== options.of) Object.assign(options, { of, form: optionsForm(store, repairing) });
  const form = options.open && settings && options.form;
  if (!table) {
    return repairing.may
      ? [h("div", { class: "buttons" }, ask(t("repair.propose"), "main"), settings), h("p", { class: "hint" }, t("repair.propose.lead", version.version)), form]
      : null;
  }
  if (table.stale) {
    return [h("p", { class: "say warning", id: "repair-stale", role: "status" }, t("repair.stale", table.version)), h("div", { class: "buttons" }, ask(t("repair.again"), "main"), settings), form];
  }
  const proposed = table.proposals.filter(({ status }) => status === "proposed");
  const able = proposed.filter(feasible).length;
  const declined = proposed.length - able;
  return [
    h(
      "p",
      { class: "repair-summary", id: "repair-summary" },
      h("b", {}, t("repair.summary", proposed.length, table.proposals.length - proposed.length)),
      declined > 0 && ` ${t("repair.summary.declined", declined)}`,
      h("small", { class: "block" }, t("repair.made", table.version, table.made_by, figures.moment(table.made_at))),
    ),
    key(),
    h(
      "div",
      { class: "buttons" },
      repairing.may && able > 0 && h("button", { type: "button", class: "button", id: "repair-accept-all", disabled: busy, onclick: () => repairing.acceptAll(true) }, t("repair.accept-all")),
      ask(t("repair.again"), ""),
      settings,
    ),
    form,
  ];
}

/** What the marks on the map are. */
const key = () =>
  h(
    "p",
    { class: "repair-key" },
    ["land", "accepted", "declined", "to", "from"].map((name) => h("span", {}, h("i", { class: `mark ${name}`, "aria-hidden": "true" }), t(`legend.repair.${name}`))),
  );

/** Strategy by kind of fault, and the guards. @param {Store} store @param {Repairing} repairing */
function optionsForm(store, repairing) {
  const { repair, faults, version } = store.state;
  const now = repair?.table?.options;
  const levels = levelsWithFaults(faults ?? []);
  const chosen = new Set(now?.levels.length ? now.levels : levels);
  const kinds = new Map((faults ?? []).filter(({ kind }) => strategiesOf(kind).length > 0).map((fault) => [fault.kind, faultName(fault)]));
  const form = h(
    "form",
    {
      class: "options",
      id: "repair-options",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        const values = new FormData(form);
        /** @type {Record<string, string>} */ const strategies = {};
        for (const kind of kinds.keys()) {
          const value = String(values.get(`kind-${kind}`) ?? "");
          if (value) strategies[kind] = value;
        }
        void repairing.propose({
          levels: levels.filter((level) => values.has(`level-${level}`)),
          strategies,
          max_change: Number(values.get("max-change")) / 100,
          max_gap_width_m: Number(values.get("max-gap")),
        });
      },
    },
    h("h4", {}, t("repair.levels")),
    h(
      "div",
      { class: "level-choices" },
      levels.map((code) => {
        const level = version && levelOf(version, code);
        return h("label", { class: "toggle" }, h("input", { type: "checkbox", name: `level-${code}`, checked: chosen.has(code) }), level ? nameOf(level.level) : code);
      }),
    ),
    h("h4", {}, t("repair.strategies")),
    [...kinds].map(([kind, words]) =>
      h(
        "label",
        { class: "line" },
        h("span", {}, words),
        h("select", { name: `kind-${kind}` }, h("option", { value: "" }, t("repair.usual")), strategiesOf(kind).map((name) => h("option", { value: name, selected: now?.strategies[kind] === name }, t(`strategy.${name}`)))),
      ),
    ),
    h("label", { class: "line" }, h("span", {}, t("repair.max-change")), h("input", { name: "max-change", type: "number", min: 0, max: 100, step: 1, required: true, value: Math.round((now?.max_change ?? 0.1) * 100) }), "%"),
    h("label", { class: "line" }, h("span", {}, t("repair.max-gap")), h("input", { name: "max-gap", type: "number", min: 0, max: 10000, step: 1, required: true, value: now?.max_gap_width_m ?? 25 }), "m"),
    h("div", { class: "buttons" }, h("button", { type: "submit", class: "button main" }, now ? t("repair.again") : t("repair.propose"))),
  );
  return form;
}

/** One fault with what is proposed about it.
 * @param {Store} store
 * @param {Actions} actions
 * @param {Repairing} repairing
 * @param {Fault} fault
 * @param {RepairProposal | undefined} proposal
 */
function row(store, actions, repairing, fault, proposal) {
  const { version, subject, repair } = store.state;
  const chosen = subject?.type === "fault" && subject.number === fault.number;
  const level = version && levelOf(version, fault.level);
  const accepted = repair?.accepted.has(fault.number) ?? false;
  const state = !proposal ? "" : accepted ? "accepted" : proposal.declined ? "declined" : proposal.status;
  return h(
    "li",
    { class: [chosen && "chosen", state].filter(Boolean).join(" ") || null },
    h(
      "button",
      { type: "button", class: "fault", "data-number": fault.number, onclick: () => actions.selectFault(fault.number) },
      h("span", { class: `badge ${fault.severity}` }, fault.number),
      h(
        "span",
        { class: "what" },
        h("b", {}, faultName(fault), h("small", {}, [level ? nameOf(level.level) : fault.level, fault.area_m2 ? figures.area(fault.area_m2) : ""].filter(Boolean).join(" · "))),
        h("span", {}, messageOf(fault)),
      ),
    ),
    proposal && suggestion(store, repairing, fault, proposal, { chosen, accepted }),
  );
}

/** What a repair would do about a fault, in one line; in full for the one that is looked at.
 * @param {Store} store
 * @param {Repairing} repairing
 * @param {Fault} fault
 * @param {RepairProposal} proposal
 * @param {{ chosen: boolean, accepted: boolean }} how
 */
function suggestion(store, repairing, fault, proposal, { chosen, accepted }) {
  const { number, status, declined, households, people } = proposal;
  const busy = Boolean(store.state.repair?.job);
  const unknown = t("unknown");
  return h(
    "div",
    { class: "suggestion", "data-proposal": number },
    h(
      "div",
      { class: "verdict" },
      status === "refused"
        ? h("span", { class: "why" }, h("b", {}, t("proposal.refused")), ` ${messageOf(proposal)}`)
        : h("span", { class: "flow" }, flow(proposal), h("small", {}, t("proposal.affected", figures.area(proposal.area_m2), figures.whole(households, unknown), figures.whole(people, unknown)))),
      status === "proposed" && repairing.may && h(
        "span",
        { class: "decide" },
        h("button", { type: "button", class: "verdict-yes", "data-accept": number, "aria-pressed": String(accepted), disabled: busy, onclick: () => repairing.accept(number, !accepted) }, t("proposal.accept")),
        h("button", { type: "button", class: "verdict-no", "data-decline": number, "aria-pressed": String(declined !== null), disabled: busy, onclick: () => repairing.decline(number, declined === null) }, declined ? t("proposal.take-back") : t("proposal.decline")),
      ),
    ),
    declined && h("p", { class: "hint" }, t("proposal.declined-by", declined.by, figures.moment(declined.at))),
    chosen && status === "proposed" && changes(proposal),
    chosen && repairing.may && choice(store, repairing, fault),
  );
}

/** From whom to whom. @param {RepairProposal} proposal */
export function flowWords(proposal) {
  const { from, to } = flowOf(proposal);
  const source = from.length > 0 ? from.join("、") : t("proposal.nobody");
  if (proposal.action === "exception") return t("proposal.exception");
  return `${source} → ${to ?? t("proposal.mended")}`;
}

/** @param {RepairProposal} proposal */
function flow(proposal) {
  const { from, to } = flowOf(proposal);
  if (proposal.action === "exception") return h("b", {}, t("proposal.exception"));
  return [
    h("span", { class: from.length > 0 ? "from" : "from nobody" }, from.length > 0 ? from.join("、") : t("proposal.nobody")),
    h("span", { class: "arrow", "aria-hidden": "true" }, "→"),
    h("b", { class: "to" }, to ?? t("proposal.mended")),
    proposal.action_name && proposal.action !== to && h("small", {}, strategyWords(proposal.action ?? "", proposal.action_name)),
  ];
}

/** @param {string} action @param {string} name */
const strategyWords = (action, name) => (KNOWN.has(action) ? t(`strategy.${action}`) : name);

const KNOWN = new Set(["longest_border", "most_households", "fewest_households", "priority", "exception", "refuse", "mend", "settled"]);

/** Area of every zone concerned before and after. @param {RepairProposal} proposal */
function changes(proposal) {
  if (proposal.changes.length === 0) return null;
  return h(
    "table",
    { class: "plain area-changes" },
    h("thead", {}, h("tr", {}, h("th", {}, t("proposal.zone")), ["before", "after", "difference"].map((word) => h("th", { class: "number" }, t(`proposal.${word}`))))),
    h(
      "tbody",
      {},
      proposal.changes.map(({ code, before_m2, after_m2 }) => {
        const difference = after_m2 - before_m2;
        return h(
          "tr",
          { "data-code": code },
          h("th", { scope: "row" }, code),
          h("td", { class: "number" }, figures.whole(before_m2)),
          h("td", { class: "number" }, figures.whole(after_m2)),
          h("td", { class: `number ${difference < 0 ? "loses" : "gains"}` }, `${difference < 0 ? "−" : "+"}${figures.area(Math.abs(difference))}`, h("small", {}, ` ${figures.percent(Math.abs(difference) / Math.max(before_m2, 1))}`)),
        );
      }),
    ),
  );
}

/** Another strategy for one fault, or the zone that shall have the land. @param {Store} store @param {Repairing} repairing @param {Fault} fault */
function choice(store, repairing, fault) {
  const names = strategiesOf(fault.kind);
  if (names.length === 0) return h("p", { class: "hint" }, t("proposal.by-hand"));
  const decided = store.state.repair?.table?.options.decisions[fault.number] ?? "";
  const zones = mayName(fault.kind) ? [...new Set([...fault.codes, ...(decided && !KNOWN.has(decided) ? [decided] : [])])] : [];
  return h(
    "label",
    { class: "line" },
    h("span", {}, t("proposal.choose")),
    h(
      "select",
      { "data-decide": fault.number, disabled: Boolean(store.state.repair?.job), onchange: (/** @type {Event} */ event) => repairing.decide(fault.number, /** @type {HTMLSelectElement} */ (event.target).value) },
      h("option", { value: "", selected: decided === "" }, t("repair.usual")),
      names.map((name) => h("option", { value: name, selected: name === decided }, t(`strategy.${name}`))),
      zones.map((code) => h("option", { value: code, selected: code === decided }, t("strategy.zone", code))),
    ),
  );
}
