import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { get, problemOf, session, type Problem } from './api';
import { Foreign, Trouble } from './bits';
import { count, inLanguage, visible } from './format';
import { t } from './text';
import type { EyesCounts, EyesMark, EyesState, Partner, Survey } from './types';

/** Whose eyes the answers are looked at with; undefined: one's own. */
export const eyes = signal<{ partner: Partner; purpose: string } | undefined>(undefined);

export const mayLook = () => session.value?.role === 'analyst' || session.value?.role === 'admin';
/** Those who see the register of what went, and explain why. */
export const mayExplain = () => mayLook() || session.value?.role === 'auditor';

/** What questions to the node add. */
export function eyesQuery(): Record<string, string> {
  return eyes.value ? { as: eyes.value.partner.id, purpose: eyes.value.purpose } : {};
}
export const eyesKey = () => (eyes.value ? `${eyes.value.partner.id} ${eyes.value.purpose}` : '');

export function usePartners(): Partner[] {
  const [partners, setPartners] = useState<Partner[]>([]);
  useEffect(() => {
    const abort = new AbortController();
    get<{ partners: Partner[] }>('partners', {}, abort.signal).then(
      (answer) => setPartners(answer.partners),
      () => undefined, // the selector is not there then; the page of partners tells why
    );
    return () => abort.abort();
  }, []);
  return partners;
}

/** A partner's own name for itself, as far as one knows it. */
export function nameOf(id: string, partners: Partner[]): string {
  const partner = partners.find((p) => p.id === id);
  return partner ? inLanguage(partner.name) : id;
}

export function PurposeSelect({ id, value, onPick }: { id: string; value: string; onPick: (purpose: string) => void }) {
  return (
    <select id={id} value={value} onChange={(event) => onPick(event.currentTarget.value)}>
      {Object.entries(t.purpose).map(([purpose, name]) => (
        <option value={purpose} key={purpose}>
          {name}
        </option>
      ))}
    </select>
  );
}

export function EyesSelector() {
  const partners = usePartners();
  const now = eyes.value;
  if (!mayLook() || partners.length === 0) return null;
  const pick = (id: string) => {
    const partner = partners.find((p) => p.id === id);
    eyes.value = partner && { partner, purpose: now?.purpose ?? 'network_safety' };
  };
  return (
    <div class={now ? 'box eyes on' : 'box eyes'}>
      <label for="eyes-of">{t.eyes.label}</label>
      <div class="field">
        <select id="eyes-of" value={now?.partner.id ?? ''} aria-describedby="eyes-hint" onChange={(event) => pick(event.currentTarget.value)}>
          <option value="">{t.eyes.own}</option>
          {partners.map((p) => (
            <option value={p.id} key={p.id}>
              {visible(inLanguage(p.name))}
            </option>
          ))}
        </select>
        {now && (
          <>
            <label class="sr-only" for="eyes-purpose">
              {t.eyes.purpose}
            </label>
            <PurposeSelect id="eyes-purpose" value={now.purpose} onPick={(purpose) => (eyes.value = { ...now, purpose })} />
          </>
        )}
      </div>
      <p class="hint dim" id="eyes-hint">
        {t.eyes.hint}
      </p>
    </div>
  );
}

const SIGN: Record<EyesState, string> = { goes: '●', redacted: '◐', stays: '○' };

export function StateBadge({ state }: { state: EyesState }) {
  return (
    <span class={`sight ${state}`}>
      <span aria-hidden="true">{SIGN[state]}</span> {t.eyes.state[state] ?? state}
    </span>
  );
}

/** What happens to a thing, and why, in words beside it. */
export function Sight({ mark }: { mark: EyesMark | undefined }) {
  if (!mark) return null;
  const why = t.eyes.rule[mark.rule] ?? mark.rule;
  const without = mark.redact.map(visible).join(t.comma);
  return (
    <p class="seen-by" title={mark.agreement && `${why}\n${mark.agreement}`}>
      <StateBadge state={mark.state} />{' '}
      <span class="dim">
        {mark.state === 'redacted' ? t.eyes.without(without) : why}
        {mark.state === 'stays' && without && ` (${without})`}
        {mark.given && `${t.comma}${t.eyes.given}`}
      </span>
    </p>
  );
}

function Rules({ counts }: { counts: EyesCounts }) {
  const staying = Object.entries(counts.rules).filter(([rule]) => rule !== 'granted');
  return (
    <ul class="rules">
      {staying.map(([rule, n]) => (
        <li key={rule}>
          <span class="number">{count(n)}</span> {t.eyes.rule[rule] ?? rule}
        </li>
      ))}
    </ul>
  );
}

export function EyesSummary({ counts, partner = eyes.value?.partner }: { counts: EyesCounts | undefined; partner?: Partner | undefined }) {
  if (!counts) return null;
  const name = partner ? inLanguage(partner.name) : counts.partner.name;
  return (
    <section class="through" role="status">
      <strong>
        <Foreign text={t.eyes.summary(name)} /> <span class="dim">({t.purpose[counts.purpose]})</span>
      </strong>
      <p>
        {counts.things === 0
          ? t.eyes.nothing
          : t.eyes.counts(count(counts.goes), count(counts.redacted), count(counts.stays), count(counts.things))}
      </p>
      {counts.partner.status !== 'active' ? <p>{t.eyes.inactive}</p> : <Rules counts={counts} />}
    </section>
  );
}

export function sumOf(a: EyesCounts | undefined, b: EyesCounts): EyesCounts {
  if (!a) return b;
  const rules = { ...a.rules };
  for (const [rule, n] of Object.entries(b.rules)) rules[rule] = (rules[rule] ?? 0) + n;
  return { ...b, things: a.things + b.things, goes: a.goes + b.goes, redacted: a.redacted + b.redacted, stays: a.stays + b.stays, rules };
}

/** Everything through a partner's eyes: a step at a time, so that it can be stopped and nothing waits for it. */
export function EyesSurvey({ partner }: { partner: Partner }) {
  const [purpose, setPurpose] = useState('network_safety');
  const [counts, setCounts] = useState<EyesCounts>();
  const [abort, setAbort] = useState<AbortController>();
  const [problem, setProblem] = useState<Problem>();
  useEffect(() => () => abort?.abort(), [abort]);
  async function run() {
    const stop = new AbortController();
    setAbort(stop);
    setProblem(undefined);
    setCounts(undefined);
    try {
      let total: EyesCounts | undefined;
      for (let after: string | null = ''; after !== null; ) {
        const step: Survey = await get<Survey>('explain', { to: partner.id, purpose, after, limit: '5000' }, stop.signal);
        total = sumOf(total, step.eyes);
        setCounts(total);
        after = step.next;
      }
    } catch (error) {
      if (!stop.signal.aborted) setProblem(problemOf(error));
    }
    setAbort(undefined);
  }
  const running = abort !== undefined;
  const id = `survey-${partner.id}`;
  return (
    <div class="survey">
      <div class="line">
        <label class="sr-only" for={id}>
          {t.eyes.purpose}
        </label>
        <PurposeSelect id={id} value={purpose} onPick={setPurpose} />
        <button type="button" onClick={() => (running ? abort.abort() : void run())}>
          {running ? t.eyes.stop : t.eyes.survey}
        </button>
        {counts && (
          <span class="dim">{running ? t.eyes.surveying(count(counts.things)) : t.eyes.surveyed(count(counts.things))}</span>
        )}
      </div>
      {problem && <Trouble problem={problem} />}
      {counts && <EyesSummary counts={counts} partner={partner} />}
    </div>
  );
}
