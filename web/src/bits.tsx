import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { problemOf, type Problem } from './api';
import { date, instant, percent, time, utc, visible, visibleLines } from './format';
import { ask } from './route';
import { t } from './text';

/** Text from outside: a text node, set apart from the writing direction around it. */
export function Foreign({ text, mono = false, lines = false }: { text: string; mono?: boolean; lines?: boolean }) {
  return <bdi class={mono ? 'mono' : undefined}>{lines ? visibleLines(text) : visible(text)}</bdi>;
}

/** A value that can be looked up; never a link, so that nobody follows it by accident. */
export function Value({ text }: { text: string }) {
  return (
    <button type="button" class="value mono" title={t.look.of(visible(text))} onClick={() => ask('look', text)}>
      <bdi>{visible(text)}</bdi>
    </button>
  );
}

export function When({ at, stacked = false }: { at: string | null | undefined; stacked?: boolean }) {
  const moment = instant(at);
  if (!at || !moment) return <>{t.unknown}</>;
  return (
    <time class={stacked ? 'when stacked' : 'when'} dateTime={at} title={t.utc(utc(moment))}>
      <span class="date">{date(moment)}</span> <span class="clock">{time(moment)}</span>
    </time>
  );
}

export function Confidence({ value, label, why }: { value: number; label?: string; why?: string }) {
  const share = Math.min(1, Math.max(0, value));
  return (
    <span class="confidence" title={why}>
      {label && <span class="dim">{label} </span>}
      <span class="number">{percent(share)}</span>
      <svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect class="track" width="100" height="6" rx="3" />
        <rect class="fill" width={share * 100} height="6" rx="3" />
      </svg>
    </span>
  );
}

export function Labels({ labels }: { labels: string[] }) {
  if (labels.length === 0) return null;
  return (
    <ul class="chips" aria-label={t.look.labels}>
      {labels.map((label) => (
        <li class="chip" key={label}>
          <Foreign text={label} />
        </li>
      ))}
    </ul>
  );
}

const TLP: Record<string, string> = { clear: 'clear', green: 'green', amber: 'amber', 'amber+strict': 'amber', red: 'red' };

export function Tlp({ tlp }: { tlp: string }) {
  const word = tlp.toLowerCase().replace(/^tlp:/, '');
  return <span class={`tlp ${TLP[word] ?? 'clear'}`}>TLP:{word.toUpperCase()}</span>;
}

export function Grade({ grade }: { grade: string }) {
  const meaning = `${t.gradeLabel} ${t.grade[grade] ?? grade}`;
  return (
    <abbr class="grade" title={meaning} aria-label={meaning}>
      {grade}
    </abbr>
  );
}

export const Exercise = () => <span class="badge exercise">{t.exercise}</span>;

export const Badge = ({ children }: { children: ComponentChildren }) => <span class="badge">{children}</span>;

/** JSON that is written out only once it is opened: objects can be large and many. */
export function Json({ summary, value, open: opened = false }: { summary: ComponentChildren; value: unknown; open?: boolean }) {
  const [open, setOpen] = useState(opened);
  return (
    <details class="json" open={opened} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{summary}</summary>
      {open && (
        <pre tabIndex={0}>
          <bdi>{visibleLines(JSON.stringify(value, null, 2))}</bdi>
        </pre>
      )}
    </details>
  );
}

export function Trouble({ problem }: { problem: Problem }) {
  return (
    <div class="trouble" role="alert">
      <p>
        <strong>
          <Foreign text={problem.message} />
        </strong>
      </p>
      {problem.remedy && (
        <p>
          <Foreign text={problem.remedy} />
        </p>
      )}
    </div>
  );
}

export type Asked<T> = { state: 'asking' } | { state: 'answer'; answer: T } | { state: 'problem'; problem: Problem };

/** Asks again when a dependency changes; an answer that comes too late is dropped. */
export function useAnswer<T>(load: (abort: AbortSignal) => Promise<T>, on: unknown[]): Asked<T> {
  const [asked, setAsked] = useState<Asked<T>>({ state: 'asking' });
  useEffect(() => {
    const abort = new AbortController();
    setAsked({ state: 'asking' });
    load(abort.signal).then(
      (answer) => abort.signal.aborted || setAsked({ state: 'answer', answer }),
      (error: unknown) => abort.signal.aborted || setAsked({ state: 'problem', problem: problemOf(error) }),
    );
    return () => abort.abort();
  }, on);
  return asked;
}
