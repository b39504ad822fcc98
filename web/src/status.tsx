import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { get, problemOf, type Problem } from './api';
import { Exercise, Foreign, Trouble } from './bits';
import { count, when } from './format';
import { t } from './text';
import type { Status } from './types';

const AGAIN_AFTER = 15_000;

export const status = signal<Status | undefined>(undefined);

/** Asks again every while the page is looked at. */
function usePolling(): Problem | undefined {
  const [problem, setProblem] = useState<Problem>();
  useEffect(() => {
    const abort = new AbortController();
    const load = () => {
      if (document.hidden) return;
      get<Status>('status', {}, abort.signal).then(
        (answer) => {
          status.value = answer;
          setProblem(undefined);
        },
        (error: unknown) => abort.signal.aborted || setProblem(problemOf(error)),
      );
    };
    load();
    const timer = setInterval(load, AGAIN_AFTER);
    document.addEventListener('visibilitychange', load);
    return () => {
      abort.abort();
      clearInterval(timer);
      document.removeEventListener('visibilitychange', load);
      status.value = undefined;
    };
  }, []);
  return problem;
}

function Fact({ label, value, more, mono = false }: { label: string; value: string; more?: string | undefined; mono?: boolean }) {
  return (
    <div class="fact">
      <dt>{label}</dt>
      <dd class={mono ? 'mono' : 'number'} title={more}>
        {value}
      </dd>
    </div>
  );
}

export function StatusStrip() {
  const problem = usePolling();
  const now = status.value;
  if (problem && !now) return <Trouble problem={problem} />;
  const show = (n: number | null | undefined) => (n === undefined ? '…' : n === null ? '–' : count(n));
  const built = when(now?.index.built);
  const checkpoint = when(now?.ledger.checkpoint_at);
  return (
    <section class="status" aria-label={t.status.title}>
      <dl>
        <Fact label={t.status.index} value={show(now?.index.indicators)} more={built && t.status.built(built)} />
        <Fact label={t.status.claims} value={show(now?.counts.claims)} />
        <Fact label={t.status.objects} value={show(now?.counts.objects)} />
        <Fact label={t.status.sightings} value={show(now?.counts.sightings)} />
        <Fact label={t.status.quarantine} value={show(now?.quarantine)} />
        <Fact
          label={t.status.ledger}
          value={show(now?.ledger.entries)}
          more={now && (checkpoint ? t.status.checkpoint(checkpoint) : t.status.noCheckpoint)}
        />
        <Fact label={t.status.root} value={now ? `${now.ledger.root.slice(0, 12)}…` : '…'} more={now?.ledger.root} mono />
      </dl>
    </section>
  );
}

/** What may be done with the data is part of the data. */
export function Licences() {
  const sources = status.value?.sources ?? [];
  if (sources.length === 0) return null;
  return (
    <details class="licences">
      <summary>{t.status.licences}</summary>
      <ul>
        {sources.map((source) => (
          <li key={source.name}>
            {source.exercise && <Exercise />} <Foreign text={source.name} />{' '}
            <span class="dim">{source.licence ? <Foreign text={source.licence} /> : t.status.noLicence}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}
