import { useState } from 'preact/hooks';
import { get, problemOf, type Problem } from './api';
import { Foreign, Trouble, useAnswer, When } from './bits';
import { nameOf, usePartners } from './eyes';
import { count, inLanguage, visible } from './format';
import { Answered, Grid, Nothing, Page } from './page';
import { hashOf } from './route';
import { t } from './text';
import type { Partner, Share, Shares, Withdrawal } from './types';

/** What became of what went: taken back, confirmed, deleted. */
function Became({ share }: { share: Share }) {
  const { recalled, confirmed, deleted } = share.state;
  const words = [
    ...(recalled > 0 ? [t.shares.recalled(count(recalled), count(confirmed))] : []),
    ...(deleted > 0 ? [t.shares.deleted(count(deleted))] : []),
  ];
  return words.length === 0 ? null : <div class="dim">{words.join(t.comma)}</div>;
}

function Deletion({ share }: { share: Share }) {
  return (
    <>
      <When at={share.share.delete_after} />{' '}
      {share.past_deletion && share.state.deleted < share.state.things && <span class="badge alarm">{t.shares.past}</span>}
      <Became share={share} />
    </>
  );
}

/** By which grants of which agreements it went. */
function Why({ share }: { share: Share }) {
  const agreements = [...new Set(share.share.grants.map((g) => `${g.agreement}/${g.version}`))];
  return (
    <>
      {t.purpose[share.share.purpose] ?? visible(share.share.purpose)}
      <div class="dim" title={share.share.grants.map((g) => g.grant).join('\n')}>
        {t.shares.grants(share.share.grants.length)}
        {agreements.map((a) => (
          <span key={a}>
            {', '}
            <a class="mono" href={hashOf('agreements', a)}>
              {a.slice(0, 8)}
            </a>
          </span>
        ))}
      </div>
    </>
  );
}

function Rows({ first, partner, partners }: { first: Shares; partner: string | undefined; partners: Partner[] }) {
  const [shares, setShares] = useState(first.shares);
  const [next, setNext] = useState(first.next);
  const [problem, setProblem] = useState<Problem>();
  async function more() {
    try {
      const page = await get<Shares>('shares', { before: String(next), ...(partner ? { partner } : {}) });
      setShares([...shares, ...page.shares]);
      setNext(page.next);
      setProblem(undefined);
    } catch (error) {
      setProblem(problemOf(error));
    }
  }
  if (shares.length === 0) return <Nothing text={t.shares.none} />;
  return (
    <>
      <Grid
        caption={t.shares.title}
        rows={shares}
        keyOf={(s) => s.entry}
        columns={[
          { name: t.shares.when, cell: (s) => <When at={s.share.at} stacked /> },
          { name: t.shares.partner, cell: (s) => <Foreign text={nameOf(s.share.partner, partners)} /> },
          { name: t.shares.channel, cell: (s) => <Foreign text={s.share.channel} /> },
          { name: t.shares.things, cell: (s) => count(s.share.things), number: true },
          { name: t.shares.why, cell: (s) => <Why share={s} /> },
          {
            name: t.shares.range,
            cell: (s) => (
              <>
                {s.share.first && <When at={s.share.first} />}
                {s.share.last && s.share.last.slice(0, 19) !== s.share.first?.slice(0, 19) && (
                  <>
                    {' – '}
                    <When at={s.share.last} />
                  </>
                )}
                {s.share.filter && (
                  <div class="dim">
                    <Foreign text={s.share.filter} mono />
                  </div>
                )}
              </>
            ),
          },
          { name: t.shares.deletion, cell: (s) => <Deletion share={s} /> },
          {
            name: t.shares.receipt,
            cell: (s) => (s.complete_at ? t.shares.complete : <span class="badge warn">{t.shares.cutShort}</span>),
          },
          { name: t.shares.entry, cell: (s) => count(s.entry), number: true },
        ]}
      />
      {problem && <Trouble problem={problem} />}
      {next !== null && (
        <button type="button" onClick={more}>
          {t.more}
        </button>
      )}
    </>
  );
}

function Withdrawals({ withdrawals, partners }: { withdrawals: Withdrawal[]; partners: Partner[] }) {
  if (withdrawals.length === 0) return <Nothing text={t.withdrawals.none} />;
  return (
    <Grid
      caption={t.withdrawals.title}
      rows={withdrawals}
      keyOf={(w) => `${w.partner} ${w.message ?? w.sent ?? ''} ${w.entries.join()}`}
      columns={[
        { name: t.withdrawals.sent, cell: (w) => <When at={w.sent} stacked /> },
        { name: t.shares.partner, cell: (w) => <Foreign text={nameOf(w.partner, partners)} /> },
        { name: t.shares.things, cell: (w) => count(w.things), number: true },
        {
          name: t.withdrawals.why,
          cell: (w) => (
            <>
              {t.withdrawals.whyName[w.why] ?? visible(w.why)}
              {w.reason && (
                <div class="dim">
                  <Foreign text={w.reason} />
                </div>
              )}
            </>
          ),
        },
        { name: t.withdrawals.by, cell: (w) => (w.by ? <Foreign text={w.by} /> : <span class="dim">{t.withdrawals.byItself}</span>) },
        {
          name: t.withdrawals.answer,
          cell: (w) =>
            w.answered ? (
              <>
                <span class={w.accepted ? 'badge calm' : 'badge alarm'}>{w.accepted ? t.messages.accepted : t.messages.refused}</span>{' '}
                <When at={w.answered} />
              </>
            ) : (
              <span class={w.overdue ? 'badge alarm' : 'badge'}>
                {w.message === null ? t.withdrawals.untold : w.overdue ? t.messages.overdue : t.messages.waiting}
              </span>
            ),
        },
      ]}
    />
  );
}

export function SharesPage({ detail }: { detail: string | undefined }) {
  const partners = usePartners();
  const asked = useAnswer((abort) => get<Shares>('shares', detail ? { partner: detail } : {}, abort), [detail]);
  const back = useAnswer((abort) => get<{ withdrawals: Withdrawal[] }>('withdrawals', detail ? { partner: detail } : {}, abort), [detail]);
  return (
    <Page title={t.shares.title} lead={t.shares.lead}>
      <div class="line filter">
        <label for="shares-of">{t.shares.filter}</label>
        <select id="shares-of" value={detail ?? ''} onChange={(event) => (location.hash = hashOf('shares', event.currentTarget.value))}>
          <option value="">{t.shares.everyone}</option>
          {partners.map((p) => (
            <option value={p.id} key={p.id}>
              {visible(inLanguage(p.name))}
            </option>
          ))}
        </select>
      </div>
      <Answered asked={asked}>{(first) => <Rows first={first} partner={detail} partners={partners} key={detail} />}</Answered>
      <section class="part">
        <h3>{t.withdrawals.title}</h3>
        <Answered asked={back}>{({ withdrawals }) => <Withdrawals withdrawals={withdrawals} partners={partners} />}</Answered>
      </section>
    </Page>
  );
}
