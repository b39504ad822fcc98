import { useRef, useState } from 'preact/hooks';
import { get, post, problemOf, session, type Problem } from './api';
import { Badge, Foreign, Json, Tlp, Trouble, useAnswer, When } from './bits';
import { mayLook, nameOf, usePartners } from './eyes';
import { count, visible } from './format';
import { Answered, Facts, Grid, Nothing, Page } from './page';
import { hashOf } from './route';
import { t } from './text';
import type { Partner, Queued, QueuedWithObject, ReleaseQueue } from './types';

const mayDecide = () => session.value?.role === 'admin';

function Waits({ queued }: { queued: Queued }) {
  return (
    <>
      <When at={queued.asked} /> {queued.overdue && <span class="badge alarm">{t.messages.overdue}</span>}
      <div class="dim">{queued.asked_by ? <Foreign text={t.release.askedBy(visible(queued.asked_by))} /> : t.release.found}</div>
    </>
  );
}

function List({ queue, partners }: { queue: ReleaseQueue; partners: Partner[] }) {
  if (queue.queue.length === 0) return <Nothing text={t.release.none} />;
  return (
    <Grid
      caption={t.release.title}
      rows={queue.queue}
      keyOf={(q) => q.number}
      columns={[
        { name: t.release.number, cell: (q) => count(q.number), number: true },
        {
          name: t.release.what,
          cell: (q) => (
            <>
              <Badge>{visible(q.type)}</Badge> <Foreign text={q.id} mono />
              <div class="dim">{q.source && <Foreign text={q.source} />}</div>
            </>
          ),
        },
        { name: t.release.marking, cell: (q) => <Tlp tlp={q.tlp} /> },
        {
          name: t.shares.partner,
          cell: (q) => (
            <>
              <Foreign text={nameOf(q.partner, partners)} />
              {q.asker && <div class="dim">{t.release.consentFor(visible(nameOf(q.asker, partners)))}</div>}
            </>
          ),
        },
        {
          name: t.shares.why,
          cell: (q) => (
            <>
              {t.purpose[q.purpose] ?? visible(q.purpose)}
              {q.agreement && (
                <div>
                  <a class="mono dim" href={hashOf('agreements', `${q.agreement}/${q.agreement_version}`)}>
                    {q.agreement.slice(0, 8)}
                  </a>
                </div>
              )}
            </>
          ),
        },
        { name: t.release.waits, cell: (q) => <Waits queued={q} /> },
        {
          name: t.release.decision,
          cell: (q) =>
            mayLook() && (
              <a href={hashOf('release', String(q.number))} aria-label={t.release.open(count(q.number))}>
                {mayDecide() ? t.release.decide : t.release.look}
              </a>
            ),
        },
      ]}
    />
  );
}

/** Approving lets something leave: the person types the password again, also with a session that is open. */
function Decision({ queued, onDone }: { queued: QueuedWithObject; onDone: (outcome: string) => void }) {
  const reason = useRef<HTMLTextAreaElement>(null);
  const password = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  async function decide(decision: 'approve' | 'refuse') {
    if (busy || !password.current?.reportValidity()) return;
    setBusy(true);
    try {
      const answer = await post<{ outcome: string }>(`release/${queued.number}`, {
        decision,
        sha256: queued.sha256,
        reason: reason.current?.value ?? '',
        password: password.current.value,
      });
      onDone(answer.outcome);
    } catch (error) {
      setProblem(problemOf(error));
      password.current.value = '';
      password.current.focus();
    }
    setBusy(false);
  }
  return (
    <form class="decision" onSubmit={(event) => event.preventDefault()}>
      {queued.two_persons && <p class="notice">{t.release.twoPersons}</p>}
      <label for="release-reason">{t.release.reason}</label>
      <textarea id="release-reason" ref={reason} rows={2} maxLength={1000} />
      <label for="release-password">{t.release.password(visible(session.value?.name ?? ''))}</label>
      <input id="release-password" type="password" ref={password} autocomplete="current-password" required />
      {problem && <Trouble problem={problem} />}
      <div class="line">
        <button type="button" class="primary" aria-disabled={busy} onClick={() => decide('approve')}>
          {t.release.approve}
        </button>
        <button type="button" aria-disabled={busy} onClick={() => decide('refuse')}>
          {t.release.refuse}
        </button>
      </div>
    </form>
  );
}

function One({ number, partners, onDone }: { number: string; partners: Partner[]; onDone: (outcome: string) => void }) {
  const asked = useAnswer((abort) => get<QueuedWithObject>(`release/${encodeURIComponent(number)}`, {}, abort), [number]);
  return (
    <>
      <p>
        <a href={hashOf('release')}>← {t.release.back}</a>
      </p>
      <Answered asked={asked}>
        {(q) => (
          <article class="sheet agreement-head">
            <h3>
              <Badge>{visible(q.type)}</Badge> <Foreign text={q.id} mono />
            </h3>
            <Facts
              facts={[
                [t.shares.partner, <Foreign text={nameOf(q.partner, partners)} />],
                [t.release.asker, q.asker && <Foreign text={nameOf(q.asker, partners)} />],
                [t.agreements.purpose, t.purpose[q.purpose] ?? visible(q.purpose)],
                [t.release.marking, <Tlp tlp={q.tlp} />],
                [t.release.source, q.source && <Foreign text={q.source} />],
                [t.release.waits, <Waits queued={q} />],
                [t.release.digest, <span class="mono">{q.sha256.slice(0, 16)}…</span>],
              ]}
            />
            <Json summary={t.release.object} value={q.object} open />
            {mayDecide() ? <Decision queued={q} onDone={onDone} /> : <p class="notice">{t.release.onlyAdmins}</p>}
          </article>
        )}
      </Answered>
    </>
  );
}

function Decided({ queue, partners }: { queue: ReleaseQueue; partners: Partner[] }) {
  if (queue.decisions.length === 0) return null;
  return (
    <section class="part">
      <h3>{t.release.decided}</h3>
      <Grid
        caption={t.release.decided}
        rows={queue.decisions}
        keyOf={(d) => d.entry}
        columns={[
          { name: t.shares.when, cell: ({ decision: d }) => <When at={d.at} stacked /> },
          { name: t.release.decision, cell: ({ decision: d }) => t.release.act[d.act] ?? visible(d.act) },
          { name: t.release.what, cell: ({ decision: d }) => <Foreign text={d.id} mono /> },
          { name: t.shares.partner, cell: ({ decision: d }) => <Foreign text={nameOf(d.partner, partners)} /> },
          { name: t.withdrawals.by, cell: ({ decision: d }) => <Foreign text={d.by} /> },
          { name: t.release.reason, cell: ({ decision: d }) => <Foreign text={d.reason} lines /> },
        ]}
      />
    </section>
  );
}

export function ReleasePage({ detail }: { detail: string | undefined }) {
  const partners = usePartners();
  const [outcome, setOutcome] = useState('');
  const asked = useAnswer((abort) => get<ReleaseQueue>('release', {}, abort), [detail]);
  const done = (what: string) => {
    setOutcome(what);
    location.hash = hashOf('release');
  };
  return (
    <Page title={t.release.title} lead={t.release.lead}>
      {outcome && !detail && (
        <p class="notice" role="status">
          {t.release.outcome[outcome] ?? visible(outcome)}
        </p>
      )}
      {detail ? (
        <One number={detail} partners={partners} onDone={done} key={detail} />
      ) : (
        <Answered asked={asked}>
          {(queue) => (
            <>
              <List queue={queue} partners={partners} />
              <Decided queue={queue} partners={partners} />
            </>
          )}
        </Answered>
      )}
    </Page>
  );
}
