import { useState } from 'preact/hooks';
import { problemOf, type Problem } from './api';
import { Badge, Confidence, Exercise, Foreign, Labels, Trouble, Value, When } from './bits';
import { count, when } from './format';
import * as live from './live';
import { t } from './text';
import type { Sighting } from './types';

function Seen({ sighting }: { sighting: Sighting }) {
  return (
    <>
      {sighting.exercise && <Exercise />}
      <Value text={sighting.value} />
      <div class="dim">
        <Foreign text={sighting.class} /> · <Foreign text={sighting.where} />
      </div>
    </>
  );
}

function Met({ sighting }: { sighting: Sighting }) {
  const { indicator } = sighting;
  return (
    <>
      {indicator.value === sighting.value ? <span class="dim">{t.live.same}</span> : <Value text={indicator.value} />}
      <div class="dim">
        {indicator.kind}
        {sighting.before_valid_from && (
          <>
            {' '}
            <Badge>{t.live.early}</Badge>
          </>
        )}
      </div>
    </>
  );
}

function Row({ sighting }: { sighting: Sighting }) {
  const until = sighting.last !== sighting.time ? when(sighting.last) : undefined;
  // Roles again: shown as cards, the elements lose the table's own.
  return (
    <tr role="row" class={live.fresh.value.has(sighting.number) ? 'fresh' : undefined} key={sighting.count}>
      <td role="cell" class="c-time" data-label={t.live.time}>
        <When at={sighting.time} stacked />
      </td>
      <td role="cell" class="c-seen" data-label={t.live.seen}>
        <Seen sighting={sighting} />
      </td>
      <td role="cell" class="c-met" data-label={t.live.indicator}>
        <Met sighting={sighting} />
      </td>
      <td role="cell" class="c-from" data-label={t.live.sources}>
        <Confidence value={sighting.indicator.confidence} />
        <div class="dim">
          {sighting.indicator.sources.map((source, i) => (
            <span key={source}>
              {i > 0 && ', '}
              <Foreign text={source} />
            </span>
          ))}
        </div>
      </td>
      <td role="cell" class="c-labels" data-label={t.live.labels}>
        <Labels labels={sighting.indicator.labels} />
      </td>
      <td role="cell" class="c-sensor" data-label={t.live.sensor}>
        <Foreign text={sighting.sensor} />
        <div class="dim">
          <Foreign text={sighting.source} />
        </div>
      </td>
      <td role="cell" class="c-count number" data-label={t.live.count} title={until && t.live.until(until)}>
        {count(sighting.count)}
      </td>
    </tr>
  );
}

function Link() {
  const state = live.link.value;
  const text = state === 'waiting' ? t.live.waiting(live.retryIn.value) : live.paused.value ? t.live.paused : t.live[state];
  return (
    <span class={`link ${state} ${live.paused.value ? 'paused' : ''}`}>
      <span class="dot" aria-hidden="true" />
      {text}
    </span>
  );
}

function PauseButton() {
  const waiting = live.heldCount.value;
  return (
    <button type="button" onClick={live.togglePause}>
      {!live.paused.value ? t.live.pause : waiting > 0 ? t.live.resumeWith(count(waiting)) : t.live.resume}
    </button>
  );
}

function Earlier() {
  const [problem, setProblem] = useState<Problem>();
  if (live.earlier.value === null) return null;
  return (
    <div class="earlier">
      {problem && <Trouble problem={problem} />}
      <button
        type="button"
        onClick={() => live.loadEarlier().then(() => setProblem(undefined), (error: unknown) => setProblem(problemOf(error)))}
      >
        {t.more}
      </button>
    </div>
  );
}

const COLUMNS = [
  ['time', 'c-time'],
  ['seen', 'c-seen'],
  ['indicator', 'c-met'],
  ['sources', 'c-from'],
  ['labels', 'c-labels'],
  ['sensor', 'c-sensor'],
  ['count', 'c-count'],
] as const;

export function LiveTable() {
  const rows = live.rows.value;
  return (
    <section class="feed" id="live" aria-labelledby="live-title" tabIndex={-1}>
      <header class="bar-head">
        <h2 id="live-title">{t.live.title}</h2>
        <Link />
        <PauseButton />
      </header>
      <p class="sr-only" aria-live="polite">
        {live.announcement.value}
      </p>
      {rows.length === 0 ? (
        <p class="empty dim">{live.link.value === 'live' ? t.live.empty : t.loading}</p>
      ) : (
        <table role="table" class="sightings">
          <caption class="sr-only">{t.live.caption}</caption>
          <thead role="rowgroup">
            <tr role="row">
              {COLUMNS.map(([column, name]) => (
                <th role="columnheader" scope="col" class={name} key={column}>
                  {t.live[column]}
                </th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {rows.map((sighting) => (
              <Row sighting={sighting} key={sighting.number} />
            ))}
          </tbody>
        </table>
      )}
      <Earlier />
    </section>
  );
}
