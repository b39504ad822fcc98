/** The JSON of the node's API, as its writers in src/fuse/ and src/serve/ print it. Times are RFC 3339 in UTC. */

export type Instant = string | null;

export interface Session {
  name: string;
  role: string;
  org: string;
  csrf: string;
}

export interface SightedIndicator {
  id: string;
  value: string;
  kind: string;
  sources: string[];
  confidence: number;
  labels: string[];
}

export interface Sighting {
  number: number;
  time: Instant;
  last: Instant;
  source: string;
  sensor: string;
  class: string;
  value: string;
  kind: string;
  where: string;
  count: number;
  exercise: boolean;
  indicator: SightedIndicator;
  before_valid_from: boolean;
}

export interface Sightings {
  sightings: Sighting[];
  next: number | null;
}

export interface Benign {
  list: string;
  role: string;
  entry: string;
  suppresses: boolean;
}

export interface Claim {
  id: string;
  source: string;
  reliability: string;
  confidence: number | null;
  term: number;
  tlp: string;
  context: boolean;
  revoked: boolean;
  first: Instant;
  last: Instant;
  created: Instant;
  modified: Instant;
  valid_from: Instant;
  valid_until: Instant;
  accepted: Instant;
  labels: string[];
  ref: string | null;
  note: string | null;
  meta?: unknown;
}

export interface Indicator extends SightedIndicator {
  how: string;
  active: boolean;
  exercise: boolean;
  tlp: string;
  first: Instant;
  first_source: string;
  last: Instant;
  valid_from: Instant;
  valid_until: Instant;
  claims: Claim[];
  more_claims?: number;
}

export interface StixRecord {
  id: string;
  type: string;
  source: string;
  object: Record<string, unknown>;
}

export interface KnownObject extends StixRecord {
  tlp: string;
  modified: Instant;
  revoked: boolean;
  not_watched: boolean;
  entitled: boolean;
}

export interface Relationship extends StixRecord {
  property: string;
  target: string;
}

export interface Look {
  value: string;
  kind: string;
  benign: Benign[];
  indicators: Indicator[];
  sightings: {
    count: number;
    first: Instant;
    last: Instant;
    before_valid_from: boolean;
    by_source: Record<string, number>;
  };
  objects: KnownObject[];
  relationships: Relationship[];
  network: { asn?: number | null; owner?: string | null; country?: string | null };
  sources: string[];
}

export interface Hit {
  number: number;
  id: string;
  type: string;
  value?: string;
  source: string;
  exercise: boolean;
  time: Instant;
  text: string;
}

export interface Found {
  query: string;
  hits: Hit[];
  count: number;
  next: number | null;
}

export interface Status {
  name: string;
  versions: { noroshi: string };
  ledger: { entries: number; size: number; root: string; checkpoint_at: Instant };
  counts: { claims: number; objects: number; sightings: number };
  quarantine: number;
  /** Null where the index holds what the asker may not see. */
  index: { indicators: number | null; bytes: number | null; built: Instant };
  sources: { name: string; licence: string | null; exercise: boolean }[];
}
