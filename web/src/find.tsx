import { useState } from 'preact/hooks';
import { get, problemOf, type Problem } from './api';
import { Badge, Exercise, Foreign, Trouble, useAnswer, Value, When } from './bits';
import { eyes, eyesKey, eyesQuery, EyesSummary, Sight, sumOf } from './eyes';
import { count, visible } from './format';
import { t } from './text';
import type { Found, Hit } from './types';

function HitRow({ hit }: { hit: Hit }) {
  return (
    <li class="hit">
      <div class="line">
        {hit.exercise && <Exercise />}
        <Badge>{visible(hit.type)}</Badge>
        <Value text={hit.value ?? hit.id} />
      </div>
      <Sight mark={hit.eyes} />
      <p class="note">
        <Foreign text={hit.text} lines />
      </p>
      <p class="dim">
        <Foreign text={hit.source} />
        {hit.time && (
          <>
            {', '}
            <When at={hit.time} />
          </>
        )}
      </p>
    </li>
  );
}

function Hits({ first }: { first: Found }) {
  const [hits, setHits] = useState(first.hits);
  const [next, setNext] = useState(first.next);
  const [sight, setSight] = useState(first.eyes);
  const [problem, setProblem] = useState<Problem>();
  async function more() {
    try {
      const page = await get<Found>('find', { q: first.query, before: String(next), ...eyesQuery() });
      setHits([...hits, ...page.hits]);
      setNext(page.next);
      if (sight && page.eyes) setSight(sumOf(sight, page.eyes));
      setProblem(undefined);
    } catch (error) {
      setProblem(problemOf(error));
    }
  }
  return (
    <>
      <p class="dim" role="status">
        {hits.length === 0 ? t.find.none : t.find.count(count(hits.length))}
      </p>
      <EyesSummary counts={sight} />
      <ul class="plain hits">
        {hits.map((hit) => (
          <HitRow hit={hit} key={hit.number} />
        ))}
      </ul>
      {problem && <Trouble problem={problem} />}
      {next !== null && (
        <button type="button" onClick={more}>
          {t.more}
        </button>
      )}
    </>
  );
}

export function FindAnswer({ query, asking }: { query: string; asking: number }) {
  const asked = useAnswer((abort) => get<Found>('find', { q: query, ...eyesQuery() }, abort), [query, asking, eyes.value]);
  return (
    <>
      <h2 tabIndex={-1} class="asked">
        {t.find.title(`“${visible(query)}”`)}
      </h2>
      {asked.state === 'asking' && <p class="dim">{t.loading}</p>}
      {asked.state === 'problem' && <Trouble problem={asked.problem} />}
      {asked.state === 'answer' && <Hits first={asked.answer} key={eyesKey()} />}
    </>
  );
}
