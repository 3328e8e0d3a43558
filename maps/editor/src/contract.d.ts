/** Shapes of the HTTP answers that the page reads. They follow the service's OpenAPI document. */

export type LonLat = [number, number];
export type Bbox = [number, number, number, number];
export type SubjectKind = "household" | "business" | "institution" | "building" | "estate" | "facility";
export type Counts = Partial<Record<SubjectKind, number | null>>;

export interface Me {
  name: string;
  display_name: string;
  role: "viewer" | "planner" | "publisher" | "admin";
  csrf_token: string | null;
  personal_data: boolean;
}

export interface Territory {
  code: string;
  name: string;
  synthetic: boolean;
  source: string;
  data_date: string;
  notes: string[];
  bbox: Bbox;
  current_version?: string | null;
}

export interface VersionSummary {
  version: string;
  number: number;
  status: string;
  reason: string;
  valid_from: string | null;
  valid_to: string | null;
}

export interface Level {
  code: string;
  name: string;
  rank: number;
  partition: boolean;
  zones: number;
}

export interface Layer {
  code: string;
  name: string;
  levels: Level[];
}

export interface ReconciliationRow {
  level: string;
  kind: SubjectKind;
  total: number;
  assigned: number;
  outside: number;
  gap: number;
  no_location: number;
  bad_location: number;
}

export interface Version {
  version: string;
  territory: Territory;
  status: string;
  valid_from: string | null;
  valid_to: string | null;
  reason: string;
  checked_at: string | null;
  layers: Layer[];
  reconciliation: ReconciliationRow[];
  faults: { total: number; errors: number; warnings: number; by_kind: Record<string, number> };
  stations: number;
  coverage: { minutes: number; households_reached: number; households_total: number; share: number | null }[];
  map_approval: string;
  /** When repairs were last proposed; null for never. */
  repair_proposed_at: string | null;
  /** Set on a draft that repairs were accepted into. */
  repaired: import("./contract-fusion").Repaired | null;
  /** When its departments' layers were last fused; null for never. */
  fused_at: string | null;
}

/** What publishing a draft that is no plan would do, and what stands against it. */
export interface Readiness {
  version: string;
  /** The version that it would replace; null before the first. */
  in_force: string | null;
  levels: { level: string; name: string; new: number; gone: number; redrawn: number; described: number; same: number }[];
  /** null: not assigned. */
  moves: Move[] | null;
  faults_before: { errors: number; warnings: number } | null;
  faults_after: { errors: number; warnings: number } | null;
  obstacles: string[];
  approval: NonNullable<PlanEntry["approval"]>;
}

export interface Person {
  role: string | null;
  name: string | null;
  phone?: string | null;
}

export interface Zone {
  code: string;
  name: string;
  kind: "general" | "dedicated";
  parent: string | null;
  bbox: Bbox;
  point?: LonLat;
  area_m2: number;
  perimeter_m: number;
  counts: Counts;
  people: number | null;
  staff: Person[];
  /** Figures that only plans carry. */
  parts?: number;
  compactness?: number;
}

/** A zone of a plan; the page adds its box. */
export interface PlanZone extends Zone {
  level: string;
  geometry: Geometry;
  /** Stations in it. */
  stations?: number;
  /** Share of its households within 15 minutes' walk of a station. */
  share_15min?: number | null;
  /** Rules of the profile that it breaks. */
  warnings?: ZoneWarning[];
}

export interface ZoneWarning {
  rule: string;
  severity: "warning" | "note";
  message: string;
  message_en: string;
  codes?: string[];
  place?: Geometry | null;
}

/** One rule of an office's profile. */
export interface ProfileRule {
  rule: string;
  name: string;
  name_en: string;
  level: string | null;
  least: number | null;
  most: number | null;
  on: boolean;
  unit: string;
  source: string;
  verified: boolean;
}

export interface Profile {
  code: string;
  name: string;
  rules: ProfileRule[];
  number_format?: unknown;
  approval?: boolean;
}

export interface Comment {
  id: number;
  text: string;
  point: LonLat;
  author: string | null;
  made_at: string;
  resolved_by: string | null;
  resolved_at: string | null;
  replies: { text: string; author: string | null; made_at: string }[];
}

/** Who works in a plan, and at which zone. */
export interface Presence {
  account: string;
  name: string;
  at: { level: string; code: string; name: string } | null;
}

export type ZoneChange = "same" | "moved_border" | "new" | "gone" | "renamed";

export interface Comparison {
  a: string;
  b: string;
  level: string;
  zones: {
    code: string;
    name?: string;
    change: ZoneChange;
    a: Partial<Zone> | null;
    b: Partial<Zone> | null;
    area_gained_m2: number;
    area_lost_m2: number;
  }[];
  moves: Move[];
  differences: { type: "FeatureCollection"; features: { geometry: Geometry; properties: { from: string | null; to: string | null } }[] };
}

export interface PlanFlow {
  from: string | null;
  to: string | null;
  counts: Counts;
  from_point: LonLat | null;
  to_point: LonLat | null;
}

export interface Proposal {
  id: number;
  territory: string;
  version: string;
  options: Record<string, unknown>;
  zones: number;
  general: number;
  balance: number;
  compactness: number;
  cut_estates: number;
  cut_buildings: number;
  households: { least: number; most: number; mean: number };
  in_band: number | null;
  moved_households: number | null;
  changed_share: number | null;
  messages: string[];
}

export interface PlanEntry {
  id: number;
  name: string;
  description: string;
  status: "open" | "archived" | "published";
  revision: number;
  territory: string;
  base: string;
  created_by?: string | null;
  created_at?: string;
  updated_at?: string;
  access?: "territory" | "members";
  members?: { account: string; name: string; role: "viewer" | "editor" }[];
  may_edit?: boolean;
  /** Whether this account may share and archive it. */
  may_manage?: boolean;
  approval?: {
    required: boolean;
    state: "none" | "asked" | "given";
    asked_by?: string | null;
    approved_by?: string | null;
    revision?: number | null;
  };
}

/** Subjects that change zone, counted. */
export interface Move {
  level: string;
  kind: SubjectKind;
  from: string | null;
  to: string | null;
  subjects: number;
}

export interface PlanChange {
  revision: number;
  key: string | null;
  operation: string;
  reason: string;
  undone: boolean;
  made_by: string | null;
  made_at: string;
  put: string[];
  deleted: string[];
}

export interface PlanAnswer {
  plan: number;
  revision: number;
  zones: PlanZone[];
  deleted: { level: string; code: string }[];
  warnings: string[];
  moves: Move[];
}

export type Edit =
  | {
      operation: "move_border";
      level: string;
      moves: [LonLat, LonLat][];
      /** New vertices: the ends of the border's segment, and where it goes. */
      inserts?: [LonLat, LonLat, LonLat][];
      /** Vertices that are taken away. */
      removes?: LonLat[];
    }
  | { operation: "redraw_border"; level: string; codes: [string, string]; line: LonLat[] }
  | { operation: "split"; level: string; code: string; line: LonLat[]; codes: string[] }
  | { operation: "merge"; level: string; codes: string[] }
  | { operation: "paint"; level: string; code: string; areas: LonLat[][][] }
  | { operation: "carve"; level: string; code: string; name: string; area: LonLat[][] }
  | { operation: "delete"; level: string; code: string; heir?: string }
  | { operation: "reshape"; level: string; code: string; area: LonLat[][]; heir?: string }
  | { operation: "fill_gap"; level: string; code: string; name?: string; parent?: string; area: LonLat[][] }
  | { operation: "regroup"; level: string; code: string; name?: string; members: string[]; of: string }
  | { operation: "describe"; level: string; code: string; name?: string; staff?: Person[] }
  | { operation: "renumber"; level: string; codes: Record<string, string> }
  | { operation: "exception"; level: string; code: string; name: string; cause: string; area: LonLat[][] };

export interface Job {
  id: number;
  kind: string;
  status: "waiting" | "running" | "done" | "failed";
  percent: number;
  message: string;
  result: Record<string, unknown> | null;
}

/** What bounds a zone on its four sides. */
export interface Bounds {
  east: string[];
  south: string[];
  west: string[];
  north: string[];
  text: string;
}

export interface ZoneDetail extends Omit<Zone, "parent"> {
  level?: string;
  geometry: Geometry;
  parent: { code: string; name: string; level: string } | null;
  /** null: no level has this one above it. */
  children: number | null;
  bounds?: Bounds;
  stations: (Station | string)[];
  faults: number[];
}

export interface Fault {
  number: number;
  level: string;
  kind: string;
  kind_name: string;
  severity: "error" | "warning";
  codes: string[];
  area_m2: number | null;
  width_m: number | null;
  subjects: number | null;
  message: string;
  message_en: string;
  bbox: Bbox;
  point: LonLat;
  geometry: Geometry;
}

export interface Station {
  code: string;
  name: string;
  kind: "center" | "zone" | "point";
  address: string | null;
  point: LonLat;
}

export interface Circle {
  station: string | null;
  minutes: number;
  walk_speed_mps: number;
  reached: Counts & { people?: number | null };
  share: number | null;
  geometry: Geometry;
}

export interface LookupZone {
  layer: string;
  level: string;
  level_name: string;
  code: string;
  name: string;
  parent: string | null;
  staff: Person[];
  edge_m: number | null;
}

export interface Match {
  text: string | null;
  confidence: number | null;
  point: LonLat | null;
  zones: LookupZone[];
  station: { code: string; name: string; walk_m: number | null; straight_m?: number | null } | null;
  unassigned: Record<string, string>;
}

export interface Lookup {
  version: string;
  query?: unknown;
  ambiguous: boolean;
  matches: Match[];
}

export interface Found {
  type: "address" | "zone" | "station" | "subject";
  title: string;
  subtitle: string | null;
  point: LonLat | null;
  bbox?: Bbox | null;
  level?: string | null;
  code?: string | null;
}

export interface ProblemDocument {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  remedy?: string;
  near_misses?: { text: string; confidence: number }[];
  /** Where an edit was refused. */
  place?: Geometry;
  /** The plan's revision, when an edit was made on an older one. */
  revision?: number;
  /** Whether that very edit was made already. */
  made?: boolean;
}

export type Geometry =
  | { type: "Point"; coordinates: number[] }
  | { type: "MultiPoint" | "LineString"; coordinates: number[][] }
  | { type: "MultiLineString" | "Polygon"; coordinates: number[][][] }
  | { type: "MultiPolygon"; coordinates: number[][][][] }
  | { type: "GeometryCollection"; geometries: Geometry[] };
