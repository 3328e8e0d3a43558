// The only module that talks to the service. Every failure becomes a Problem that the page can show as it is.

/** @typedef {import("./contract").Me} Me */
/** @typedef {import("./contract").ProblemDocument} ProblemDocument */

/** A refusal or failure, in words for the user. */
export class Problem extends Error {
  /**
   * @param {ProblemDocument} document
   * @param {number} status HTTP status; 0 when the service could not be reached
   */
  constructor(document, status) {
    super(document.detail || document.title || `HTTP ${status}`);
    this.document = document;
    this.status = status;
    this.remedy = document.remedy ?? "";
  }
}

let csrfToken = "";

/**
 * @param {string} path
 * @param {{ method?: string, body?: unknown, signal?: AbortSignal }} [options]
 * @returns {Promise<any>}
 */
export async function ask(path, { method = "GET", body, signal } = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (method !== "GET" && csrfToken) headers["X-CSRF-Token"] = csrfToken;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      signal,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(
      {
        title: "连接不上服务",
        detail: "连接不上服务。",
        remedy: "请检查网络，或请管理员确认 OneGrid 正在运行，然后重试。",
      },
      0,
    );
  }
  if (response.status === 204) return null;
  const text = await response.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    answer = { title: `服务的回答无法读取 (HTTP ${response.status})` };
    if (response.ok) throw new Problem(answer, response.status);
  }
  if (!response.ok) throw new Problem(answer ?? {}, response.status);
  return answer;
}

export const part = encodeURIComponent;

/** @returns {Promise<Me>} */
export async function me() {
  const answer = await ask("/api/session");
  csrfToken = answer.csrf_token ?? "";
  return answer;
}

/**
 * @param {string} name
 * @param {string} password
 * @returns {Promise<Me>}
 */
export const signIn = (name, password) => ask("/api/session", { method: "POST", body: { name, password } });

/** @returns {Promise<void>} */
export const signOut = () => ask("/api/session", { method: "DELETE" });

/** @returns {Promise<import("./contract").Territory[]>} */
export const territories = () => ask("/api/territories");

/**
 * @param {string} territory
 * @returns {Promise<import("./contract").VersionSummary[]>}
 */
export const versions = (territory) => ask(`/api/territories/${part(territory)}/versions`);

/**
 * @param {string} version
 * @returns {Promise<import("./contract").Version>}
 */
export const version = (version) => ask(`/api/versions/${part(version)}`);

/**
 * @param {string} version
 * @param {string} level
 * @returns {Promise<import("./contract").Zone[]>}
 */
export const zones = async (version, level) =>
  (await ask(`/api/versions/${part(version)}/zones?level=${part(level)}`)).zones;

/**
 * @param {string} version
 * @param {string} level
 * @param {string} code
 * @returns {Promise<import("./contract").ZoneDetail>}
 */
export const zone = (version, level, code) =>
  ask(`/api/versions/${part(version)}/zones/${part(level)}/${part(code)}`);

/**
 * @param {string} version
 * @returns {Promise<import("./contract").Fault[]>}
 */
export const faults = async (version) => (await ask(`/api/versions/${part(version)}/faults`)).faults;

/**
 * @param {string} version
 * @returns {Promise<import("./contract").Station[]>}
 */
export const stations = async (version) => (await ask(`/api/versions/${part(version)}/stations`)).stations;

/**
 * @param {string} version
 * @param {string} station code, or "all" for every station together
 * @returns {Promise<import("./contract").Circle[]>}
 */
export const circles = async (version, station) =>
  (await ask(`/api/versions/${part(version)}/circles?station=${part(station)}`)).circles;

/**
 * @param {string} text
 * @param {string} version
 * @param {AbortSignal} [signal]
 * @returns {Promise<import("./contract").Found[]>}
 */
export const search = async (text, version, signal) =>
  (await ask(`/api/search?q=${part(text)}&version=${part(version)}`, { signal })).results;

/**
 * Which zones an address is in.
 *
 * @param {string} address
 * @param {string} territory
 * @param {string | null} asOf a date, when the version shown is no longer the current one
 * @returns {Promise<import("./contract").Lookup>}
 */
export const lookupAddress = (address, territory, asOf) =>
  ask(`/api/lookup?address=${part(address)}&territory=${part(territory)}${asOfPart(asOf)}`);

/**
 * Which zones a point is in.
 *
 * @param {import("./contract").LonLat} point EPSG:4490
 * @param {string} territory
 * @param {string | null} asOf
 * @returns {Promise<import("./contract").Lookup>}
 */
export const lookupPoint = ([lon, lat], territory, asOf) =>
  ask(
    `/api/lookup?lon=${lon.toFixed(8)}&lat=${lat.toFixed(8)}&crs=EPSG:4490&territory=${part(territory)}${asOfPart(asOf)}`,
  );

/**
 * Which zones many points are in.
 *
 * @param {import("./contract").LonLat[]} points EPSG:4490
 * @param {string} territory
 * @param {string | null} asOf
 * @returns {Promise<import("./contract").Lookup[]>} in the order of the points
 */
export const lookupPoints = async (points, territory, asOf) =>
  (
    await ask("/api/lookup", {
      method: "POST",
      body: { queries: points.map(([lon, lat]) => ({ lon, lat })), crs: "EPSG:4490", territory, ...(asOf && { as_of: asOf }) },
    })
  ).results;

/**
 * @param {string} territory
 * @returns {Promise<import("./contract").PlanEntry[]>}
 */
export const plans = (territory) => ask(`/api/territories/${part(territory)}/plans`);

/**
 * @param {string} territory
 * @param {string} name
 * @param {string} description
 * @returns {Promise<import("./contract").PlanEntry>}
 */
export const createPlan = (territory, name, description) =>
  ask("/api/plans", { method: "POST", body: { territory, name, description } });

/** @param {number} number @returns {Promise<import("./contract").PlanEntry>} */
export const plan = (number) => ask(`/api/plans/${number}`);

/**
 * @param {number} number
 * @param {string} level
 * @param {number} [since] only what changed after this revision
 * @returns {Promise<{ plan: number, revision: number, zones: import("./contract").PlanZone[],
 *   deleted?: { level: string, code: string }[] }>} with `deleted` when it is only what changed
 */
export const planZones = (number, level, since) =>
  ask(`/api/plans/${number}/zones?level=${part(level)}${since === undefined ? "" : `&since=${since}`}`);

/**
 * @param {number} number
 * @param {number} revision
 * @param {import("./contract").Edit} edit
 * @param {string} key another for each edit: sent again with it, an edit is made once
 * @returns {Promise<import("./contract").PlanAnswer>}
 */
export const editPlan = (number, revision, edit, key) =>
  ask(`/api/plans/${number}/edits`, { method: "POST", body: { revision, edit, key } });

/**
 * @param {number} number
 * @param {number} revision
 * @param {"undo" | "redo"} way
 * @returns {Promise<import("./contract").PlanAnswer>}
 */
export const stepPlan = (number, revision, way) =>
  ask(`/api/plans/${number}/${way}`, { method: "POST", body: { revision } });

/** @param {number} number @returns {Promise<import("./contract").Move[]>} */
export const ledger = async (number) => (await ask(`/api/plans/${number}/ledger`)).moves;

/** @param {number} number @returns {Promise<import("./contract").PlanChange[]>} */
export const planChanges = async (number) => (await ask(`/api/plans/${number}/changes`)).changes;

/** @param {number} number @param {string} reason @returns {Promise<{ job: number }>} */
export const publishPlan = (number, reason) =>
  ask(`/api/plans/${number}/publish`, { method: "POST", body: { reason } });

/** @param {number} number @returns {Promise<import("./contract").Job>} */
export const job = (number) => ask(`/api/jobs/${number}`);

/** Milliseconds before the events of a plan are asked for again when the service could not be reached. */
const WATCH_AGAIN_MS = 2_000;

/**
 * Hears of a plan's revisions until told to stop. The service ends each stream after a while; the next one is opened
 * at once, so that nobody waits for the browser's own pause.
 *
 * @param {number} number
 * @param {(news: { revision: number, status: string }) => void} onnews
 * @param {Record<string, (news: any) => void>} [others] who else hears of an event, by its name
 * @returns {() => void} stops
 */
export function watchPlan(number, onnews, others = {}) {
  let stopped = false;
  /** @type {EventSource | null} */ let events = null;
  const open = () => {
    if (stopped) return;
    let heard = false;
    const source = (events = new EventSource(`/api/plans/${number}/events`));
    source.addEventListener("revision", (event) => {
      heard = true;
      onnews(JSON.parse(event.data));
    });
    for (const [name, hear] of Object.entries(others)) source.addEventListener(name, (event) => hear(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      source.close();
      setTimeout(open, heard ? 0 : WATCH_AGAIN_MS);
    });
  };
  open();
  return () => {
    stopped = true;
    events?.close();
  };
}

/** @param {string | null} asOf */
const asOfPart = (asOf) => (asOf ? `&as_of=${part(asOf)}` : "");

/**
 * Template of a tile address for the map library.
 *
 * @param {string} version
 * @param {string} layer
 * @param {string} stamp changes when what the tiles show changes
 */
export const tiles = (version, layer, stamp) =>
  `/api/tiles/${part(version)}/${part(layer)}/{z}/{x}/{y}.mvt?at=${part(stamp)}`;

/** @param {string} version @param {string} level */
export const briefing = (version, level) => `/api/briefings/${part(version)}.html?level=${part(level)}`;
