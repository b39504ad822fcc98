import { useState } from 'preact/hooks';
import { get, problemOf, type Problem } from './api';
import { Foreign, Trouble, useAnswer, When } from './bits';
import { usePartners } from './eyes';
import { count, inLanguage, visible } from './format';
import { Answered, Grid, Nothing, Page } from './page';
import { hashOf } from './route';
import { t } from './text';
import type { Partner, Share, Shares } from './types';

function Deletion({ share }: { share: Share }) {
  return (
    <>
      <When at={share.share.delete_after} /> {share.past_deletion && <span class="badge warn">{t.shares.past}</span>}
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
  const nameOf = (id: string) => {
    const known = partners.find((p) => p.id === id);
    return known ? inLanguage(known.name) : id;
  };
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
          { name: t.shares.partner, cell: (s) => <Foreign text={nameOf(s.share.partner)} /> },
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

export function SharesPage({ detail }: { detail: string | undefined }) {
  const partners = usePartners();
  const asked = useAnswer((abort) => get<Shares>('shares', detail ? { partner: detail } : {}, abort), [detail]);
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
    </Page>
  );
}
