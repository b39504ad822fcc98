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
  eyes?: EyesMark;
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
  eyes?: EyesMark;
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
  /** Only through a partner's eyes; null: that object is not stored here. */
  ends?: { id: string; state: EyesState | null }[];
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
  eyes?: EyesCounts;
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
  eyes?: EyesMark;
}

export interface Found {
  query: string;
  hits: Hit[];
  count: number;
  next: number | null;
  eyes?: EyesCounts;
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

/** A text in the languages of agreements. */
export type Languages = Record<'en' | 'ja' | 'zh-Hant', string>;

export type EyesState = 'goes' | 'redacted' | 'stays';

/** Whether a partner would see a thing: docs/eyes.md. */
export interface EyesMark {
  state: EyesState;
  rule: string;
  redact: string[];
  agreement?: string;
  grant?: string;
  delete_after?: string;
  given: boolean;
}

export interface EyesCounts {
  partner: { id: string; name: string; status: string };
  purpose: string;
  at: Instant;
  things: number;
  goes: number;
  redacted: number;
  stays: number;
  rules: Record<string, number>;
}

export interface Survey {
  next: string | null;
  eyes: EyesCounts;
}

export interface Partner {
  id: string;
  name: Languages;
  status: string;
  country: string;
  zone: string;
  kind: string;
  contact: string;
  url: string;
  fingerprint: string;
  card_at: Instant;
  changed: Instant;
  keys: { log: string; witness: string; messages: string; tls_spki_sha256: string[] };
  proposed_by?: string | null;
  confirmed_by?: string | null;
  last_share?: Instant;
  witness?: {
    log_size?: number;
    log_cosigned_at?: Instant;
    frozen?: boolean;
    alarm?: string | null;
    cosigned_size: number;
    cosigned_at: Instant;
  };
}

export interface Party {
  id: string;
  name: Languages;
  country: string;
}

export interface Agreement {
  id: string;
  version: number;
  title: Languages;
  status: string;
  valid_from: string;
  valid_until: string;
  review_days: number;
  review_at: string;
  on_termination: string;
  sha256: string;
  purposes: string[];
  parties: Party[];
  grants: number;
  signatures_of_a_party: number;
  statements: { act: string; party: string; person: string; at: Instant }[];
}

export interface Grant {
  id: string;
  from: string;
  to: string;
  purpose: string;
  object_types: string[];
  kinds: string[];
  offences: string[];
  tlp_ceiling: string;
  fields_deny: string[];
  redact: string;
  personal_data: string;
  attribution: boolean;
  victim_identity: boolean;
  max_items_per_day: number;
  human_release: string;
  judicial_use: string;
  onward: string | string[];
  retention_days: number;
}

export interface AgreementWithText extends Agreement {
  language: string;
  text: string;
  document: { grants: Grant[] };
}

export interface Share {
  entry: number;
  complete_at: Instant;
  past_deletion: boolean;
  /** Of what went by this entry last. */
  state: { things: number; recalled: number; confirmed: number; deleted: number; last_deleted: Instant };
  share: {
    at: string;
    channel: string;
    collection: string;
    delete_after: Instant;
    filter: string;
    first: Instant;
    last: Instant;
    grants: { agreement: string; grant: string; things: number; version: number }[];
    partner: string;
    purpose: string;
    things: number;
  };
}

export interface Withdrawal {
  message: string | null;
  partner: string;
  kind: string;
  why: string;
  reason: string | null;
  by: string | null;
  entries: number[];
  things: number;
  sent: Instant;
  answered: Instant;
  accepted: boolean | null;
  overdue: boolean;
}

export interface Shares {
  shares: Share[];
  next: number | null;
}

export interface Witnesses {
  witnessed_here: { origin: string; size: number; cosigned_at: Instant; frozen: boolean; alarm: string | null }[];
  witnesses: { partner: string; id: string; witness: string; size: number; cosigned_at: Instant }[];
}

export interface Collection {
  id: string;
  alias: string | null;
  title: string;
  ceiling: string | null;
  members: number;
  admins: boolean;
  rights: { principal: string; reads: boolean; writes: boolean }[];
}

export interface Peer {
  name: string;
  url: string;
  title: string | null;
  state: string;
  source: string;
  every_seconds: number;
  last_run: Instant;
  last_ok: Instant;
  error: string | null;
  collections: {
    id: string;
    title: string;
    reads: boolean;
    pushes: boolean;
    last_ok: Instant;
    accepted: number;
    rejected: number;
    pushed: number;
    refused: number;
    error: string | null;
  }[];
}

export interface Relay {
  partner: string;
  collection: string;
  title?: string;
  last_sent: Instant;
  sent: number;
  messages: number;
  unanswered: number;
  to_do: number;
  held: number;
  rules: Record<string, number>;
  /** Seconds from new here to acknowledged there. */
  p50: number | null;
  p95: number | null;
}

export interface Exchange {
  roots: { path: string; title: string; collections: Collection[] }[];
  peers: Peer[];
  relays: Relay[];
}

export interface ExportFormat {
  name: string;
  text: string;
  type: string;
  extension: string;
  url: string | null;
}

export interface Message {
  id: string;
  direction: 'out' | 'in';
  kind: string;
  partner: string;
  counter: number;
  at: Instant;
  acknowledged: Instant;
  accepted: boolean | null;
  overdue: boolean;
  problem: string | null;
  attempts: number;
  share: number | null;
}

export interface Messages {
  waiting: number;
  overdue: number;
  refused: number;
  oldest: Instant;
  messages: Message[];
  refusals: { partner: string; why: string; text: string; count: number; first: Instant; last: Instant }[];
}

/** What waits for a person before it goes to a partner; with `asker`, whether what it got from us may go on. */
export interface Queued {
  number: number;
  kind: string;
  partner: string;
  asker: string | null;
  id: string;
  type: string;
  version: string | null;
  sha256: string;
  source: string | null;
  tlp: string;
  purpose: string;
  agreement: string;
  agreement_version: number;
  grant: string;
  two_persons: boolean;
  asked: Instant;
  asked_by: string | null;
  overdue: boolean;
}

export interface QueuedWithObject extends Queued {
  object: Record<string, unknown>;
}

export interface ReleaseQueue {
  waiting: number;
  overdue: number;
  oldest: Instant;
  queue: Queued[];
  decisions: { entry: number; decision: { act: string; at: string; by: string; id: string; partner: string; reason: string } }[];
}
