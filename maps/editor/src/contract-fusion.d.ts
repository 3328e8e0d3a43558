/** Shapes of the HTTP answers about repairs and fusions (多格合一). They follow the service's OpenAPI document. */
import type { Bbox, Geometry, LonLat } from "./contract";

/** What a repair would do about one fault, or why it leaves it. */
export interface RepairProposal {
  number: number;
  level: string;
  kind: string;
  kind_name: string;
  status: "proposed" | "refused";
  /** A strategy, or the code of the zone that the planner named. */
  action: string | null;
  action_name: string | null;
  recipient: string | null;
  codes: string[];
  area_m2: number;
  changes: { code: string; before_m2: number; after_m2: number }[];
  households: number | null;
  people: number | null;
  message: string;
  message_en: string;
  declined: { by: string; at: string } | null;
  bbox: Bbox | null;
  point: LonLat | null;
  geometry: Geometry;
}

export interface RepairOptions {
  levels: string[];
  strategies: Record<string, string>;
  decisions: Record<string, string>;
  priority: string[];
  max_change: number;
  max_gap_width_m: number;
}

export interface RepairTable {
  version: string;
  made_at: string;
  made_by: string;
  /** Zones, exceptions or boundary changed since. */
  stale: boolean;
  options: RepairOptions;
  proposals: RepairProposal[];
  acceptances: { version: string; numbers: number[]; made_by: string; made_at: string; undone_at: string | null }[];
}

/** What came of accepting. */
export interface RepairDone {
  version: string;
  base: string;
  accepted: number[];
  refused: { number: number; reason: string; reason_en: string }[];
  zones: number;
  exceptions: number;
  faults_before: { errors: number; warnings: number };
  faults_after: { errors: number; warnings: number };
}

/** Set on a draft that repairs were accepted into. */
export interface Repaired {
  base: string;
  numbers: number[];
  made_by: string;
  made_at: string;
  undone_at: string | null;
}

export type ConflictKind = "overlap" | "conflict" | "missing" | "noise" | "grain" | "containment";

export interface FusionFigures {
  household: number;
  business: number;
  institution: number;
  people: number;
}

export interface ConflictSum extends FusionFigures {
  kind: ConflictKind;
  kind_name: string;
  count: number;
  length_m: number;
  area_m2: number;
}

export interface FusionOptions {
  layers: string[];
  leading: string | null;
  /** Number of a cell → code of a zone of the leading layer. */
  pins: Record<string, string>;
  within: string | null;
  profile: { households: [number, number] | null };
}

export interface FusionSummary {
  version: string;
  layers: string[];
  leading: string;
  options: FusionOptions;
  agreed_kept: number;
  made_at: string;
  made_by: string;
  cells: number;
  grids: number;
  rule_breaks: number;
  conflicts: ConflictSum[];
  unassigned: { kind: string; reason: string; count: number; people: number }[];
}

export interface Conflict extends FusionFigures {
  number: number;
  kind: ConflictKind;
  kind_name: string;
  departments: string[];
  codes: Record<string, string[]>;
  length_m: number;
  /** Borders of several conflicts of the kind divided among them. */
  own_length_m: number;
  area_m2: number;
  width_m: number | null;
  message: string;
  message_en: string;
  bbox: Bbox;
  point: LonLat;
  geometry: Geometry;
}

/** One part of an old grid, and the new grid that it goes to. */
export interface CrosswalkRow extends FusionFigures {
  layer: string;
  code: string | null;
  new: string | null;
  cells: number[];
  area_m2: number;
  people_unknown: number;
  area_share: number | null;
  household_share: number | null;
}

export interface FusionGrid extends FusionFigures {
  code: string;
  name: string;
  kind: "general" | "dedicated";
  leading: string[];
  sources: Record<string, string[]>;
  cells: number[];
  area_m2: number;
  people_unknown: number;
  /** Rule of size that it breaks, in words; empty for none. */
  rule: string;
  explanation: string;
}

export interface FusionProposal {
  version: string;
  features: { id: string; properties: FusionGrid; geometry: Geometry }[];
}

export interface FusionCell extends FusionFigures {
  version: string;
  cell: number;
  codes: Record<string, string | null>;
  grid: string | null;
  reason: string | null;
  explanation: string | null;
  estate: boolean;
  inside: boolean;
  area_m2: number;
  people_unknown: number;
  geometry: Geometry;
}
