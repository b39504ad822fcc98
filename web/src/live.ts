import { batch, computed, signal } from '@preact/signals';
import { get, resume, session } from './api';
import { t } from './text';
import { visible } from './format';
import type { Instant, Sighting, Sightings } from './types';

const SHOWN_MOST = 500;
const RETRY_FIRST = 1;
const RETRY_MOST = 30;
const ANNOUNCE_EVERY = 3000;
const CORRECT_AFTER = 4000;
const FRESH_FOR = 6500;

export type Link = 'connecting' | 'live' | 'waiting';

export const link = signal<Link>('connecting');
export const retryIn = signal(0);
export const rows = signal<Sighting[]>([]);
export const earlier = signal<number | null>(null);
/** Arrived just now; drawn with a short glow. */
export const fresh = signal<ReadonlySet<number>>(new Set());
export const paused = signal(false);
export const announcement = signal('');
const held = signal<Sighting[]>([]);
export const heldCount = computed(() => new Set(held.value.map((s) => s.number)).size);

let stream: EventSource | undefined;
let retryTimer: number | undefined;
let retryAfter = RETRY_FIRST;
let generation = 0;
let correctTimer: number | undefined;
let unannounced = 0;
let announceTimer: number | undefined;

const earliest = (a: Instant, b: Instant) => (a && b ? (a < b ? a : b) : (a ?? b));
const latest = (a: Instant, b: Instant) => (a && b ? (a > b ? a : b) : (a ?? b));

/** Puts a sighting on top. The stream tells what is new: a row that is there already grows by it. */
function fold(all: readonly Sighting[], told: Sighting): Sighting[] {
  const old = all.find((s) => s.number === told.number);
  const row = old
    ? { ...told, time: earliest(old.time, told.time), last: latest(old.last, told.last), count: old.count + told.count }
    : told;
  return [row, ...all.filter((s) => s !== old)].slice(0, SHOWN_MOST);
}

function announce(): void {
  unannounced++;
  announceTimer ??= window.setTimeout(() => {
    announcement.value = t.live.announce(unannounced, visible(rows.value[0]?.value ?? ''));
    unannounced = 0;
    announceTimer = undefined;
  }, ANNOUNCE_EVERY);
}

function show(told: readonly Sighting[]): void {
  const numbers = told.map((s) => s.number);
  batch(() => {
    rows.value = told.reduce(fold, rows.value);
    fresh.value = new Set([...fresh.value, ...numbers]);
  });
  window.setTimeout(() => {
    fresh.value = new Set([...fresh.value].filter((n) => !numbers.includes(n)));
  }, FRESH_FOR);
  told.forEach(announce);
}

function arrive(sighting: Sighting): void {
  if (paused.value) {
    held.value = [...held.value, sighting].slice(-SHOWN_MOST);
    return;
  }
  show([sighting]);
  // The node's own sums replace ours soon: events may have come between a page and the stream.
  correctTimer ??= window.setTimeout(() => {
    correctTimer = undefined;
    if (!paused.value) load().catch(() => undefined); // a lost connection shows itself on the stream
  }, CORRECT_AFTER);
}

/** The newest page: the start, the node's sums for known rows, and what was missed while the stream was cut. */
async function load(): Promise<void> {
  const asked = generation;
  const page = await get<Sightings>('sightings', { limit: '50' });
  if (asked !== generation) return;
  if (rows.value.length === 0) {
    batch(() => {
      rows.value = page.sightings;
      earlier.value = page.next;
    });
    return;
  }
  const newest = new Map(page.sightings.map((s) => [s.number, s]));
  const known = new Set(rows.value.map((s) => s.number));
  if (!paused.value) rows.value = rows.value.map((s) => newest.get(s.number) ?? s);
  const missed = page.sightings.filter((s) => !known.has(s.number)).reverse();
  if (paused.value) {
    const waiting = new Set(held.value.map((s) => s.number));
    held.value = [...held.value, ...missed.filter((s) => !waiting.has(s.number))];
  } else if (missed.length > 0) {
    show(missed);
  }
}

function cut(): void {
  stream?.close();
  stream = undefined;
  link.value = 'waiting';
  retryIn.value = retryAfter;
  retryAfter = Math.min(RETRY_MOST, retryAfter * 2);
  const tick = () => {
    retryIn.value -= 1;
    if (retryIn.value > 0) {
      retryTimer = window.setTimeout(tick, 1000);
    } else {
      void reconnect();
    }
  };
  retryTimer = window.setTimeout(tick, 1000);
}

async function reconnect(): Promise<void> {
  try {
    await resume();
  } catch {
    cut();
    return;
  }
  if (session.value) connect();
}

function connect(): void {
  link.value = 'connecting';
  const source = new EventSource('/api/v1/live');
  const take = (event: MessageEvent<string>) => {
    try {
      arrive(JSON.parse(event.data) as Sighting);
    } catch {
      cut(); // half an event: start over and load what is missing
    }
  };
  stream = source;
  source.addEventListener('open', () => {
    retryAfter = RETRY_FIRST;
    load().then(
      () => {
        if (stream === source) link.value = 'live';
      },
      () => {
        if (stream === source) cut();
      },
    );
  });
  source.addEventListener('sighting', take);
  source.addEventListener('lost', () => void load().catch(() => undefined)); // the node passed some over
  source.addEventListener('error', () => {
    if (stream === source) cut();
  });
}

export function start(): void {
  stop();
  connect();
}

export function stop(): void {
  stream?.close();
  stream = undefined;
  clearTimeout(retryTimer);
  clearTimeout(announceTimer);
  clearTimeout(correctTimer);
  correctTimer = undefined;
  generation++;
  announceTimer = undefined;
  unannounced = 0;
  retryAfter = RETRY_FIRST;
  batch(() => {
    rows.value = [];
    held.value = [];
    fresh.value = new Set();
    earlier.value = null;
    paused.value = false;
    announcement.value = '';
  });
}

export function togglePause(): void {
  paused.value = !paused.value;
  if (paused.value || held.value.length === 0) return;
  const told = held.value;
  held.value = [];
  show(told);
  load().catch(() => undefined);
}

export async function loadEarlier(): Promise<void> {
  if (earlier.value === null) return;
  const page = await get<Sightings>('sightings', { before: String(earlier.value), limit: '50' });
  const known = new Set(rows.value.map((s) => s.number));
  batch(() => {
    rows.value = [...rows.value, ...page.sightings.filter((s) => !known.has(s.number))];
    earlier.value = page.next;
  });
}
