import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { get } from './api';
import { Badge, Foreign, Tlp, useAnswer, When } from './bits';
import { count, DAY, date, inDays, inLanguage, instant, region, visible } from './format';
import { Answered, Grid, Nothing, Page } from './page';
import { hashOf } from './route';
import { LANGUAGES, language, t } from './text';
import type { Agreement, AgreementWithText, Grant, Party } from './types';

const SOON = 30 * DAY;
const until = (text: string) => (instant(text)?.getTime() ?? 0) - Date.now();

function nameOf(parties: Party[], id: string): string {
  const party = parties.find((p) => p.id === id);
  return party ? visible(inLanguage(party.name)) : id;
}

function Status({ status }: { status: string }) {
  const tone = status === 'active' ? 'badge calm' : status === 'suspended' || status === 'ended' ? 'badge alarm' : 'badge';
  return <span class={tone}>{t.agreements.statusName[status] ?? visible(status)}</span>;
}

/** How many have signed, each person once; a party needs two. */
function signed(agreement: Agreement): [number, number] {
  let n = 0;
  for (const party of agreement.parties) {
    const persons = new Set(agreement.statements.filter((s) => s.act === 'sign' && s.party === party.id).map((s) => s.person));
    n += Math.min(persons.size, agreement.signatures_of_a_party);
  }
  return [n, agreement.parties.length * agreement.signatures_of_a_party];
}

function warningsOf(agreement: Agreement): string[] {
  if (agreement.status !== 'active') return [];
  const begins = until(agreement.valid_from);
  const ends = until(agreement.valid_until);
  const review = until(agreement.review_at);
  return [
    ...(begins > 0 ? [t.agreements.notBegun(inDays(begins))] : []),
    ...(ends > 0 && ends < SOON ? [t.agreements.expires(inDays(ends))] : []),
    ...(review <= 0 ? [t.agreements.reviewPast] : review < SOON ? [t.agreements.review(inDays(review))] : []),
  ];
}

const Warnings = ({ agreement }: { agreement: Agreement }) => (
  <>
    {warningsOf(agreement).map((warning) => (
      <span class="badge warn" key={warning}>
        {warning}
      </span>
    ))}
  </>
);

const Day = ({ at }: { at: string }) => {
  const moment = instant(at);
  return moment ? <time dateTime={at}>{date(moment)}</time> : <>{t.unknown}</>;
};

const OVER = ['expired', 'superseded', 'ended'];

function List({ agreements }: { agreements: Agreement[] }) {
  const [all, setAll] = useState(false);
  const over = agreements.filter((a) => OVER.includes(a.status));
  const shown = [...(all ? agreements : agreements.filter((a) => !OVER.includes(a.status)))].reverse();
  if (agreements.length === 0) return <Nothing text={t.agreements.none} />;
  return (
    <>
      <Grid
        caption={t.agreements.title}
        rows={shown}
        keyOf={(a) => `${a.id} ${a.version}`}
        columns={[
          {
            name: t.agreements.agreement,
            cell: (a) => (
              <>
                <a href={hashOf('agreements', `${a.id}/${a.version}`)} aria-label={t.agreements.open(visible(inLanguage(a.title)))}>
                  <Foreign text={inLanguage(a.title)} />
                </a>{' '}
                <span class="dim">{t.agreements.version(a.version)}</span>
              </>
            ),
          },
          { name: t.agreements.parties, cell: (a) => <Foreign text={a.parties.map((p) => inLanguage(p.name)).join(t.comma)} /> },
          {
            name: t.agreements.status,
            cell: (a) => (
              <span class="line">
                <Status status={a.status} />
                <Warnings agreement={a} />
              </span>
            ),
          },
          {
            name: t.agreements.until,
            cell: (a) => (
              <>
                <Day at={a.valid_from} /> – <Day at={a.valid_until} />
              </>
            ),
          },
          { name: t.agreements.signatures, cell: (a) => t.agreements.signed(...signed(a)) },
          { name: t.agreements.purposes, cell: (a) => a.purposes.map((p) => t.purpose[p] ?? visible(p)).join(t.comma) },
        ]}
      />
      {over.length > 0 && !all && (
        <button type="button" onClick={() => setAll(true)}>
          {t.agreements.older} ({count(over.length)})
        </button>
      )}
    </>
  );
}

/* ---- one agreement */

function Timeline({ agreement }: { agreement: Agreement }) {
  const start = instant(agreement.valid_from)?.getTime() ?? 0;
  const end = instant(agreement.valid_until)?.getTime() ?? 0;
  const place = (at: number) => Math.min(100, Math.max(0, (100 * (at - start)) / Math.max(1, end - start)));
  const today = place(Date.now());
  const review = place(instant(agreement.review_at)?.getTime() ?? start);
  return (
    <figure class="timeline" aria-label={t.agreements.timeline}>
      <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        <rect class="track" y="3" width="100" height="2" rx="1" />
        <rect class="fill" y="3" width={today} height="2" rx="1" />
        <rect class="review" x={Math.max(0, review - 0.2)} y="1" width="0.4" height="6" />
        <rect class="now" x={Math.min(99.4, Math.max(0, today - 0.3))} width="0.6" height="8" />
      </svg>
      <figcaption>
        <span>
          {t.agreements.from} <Day at={agreement.valid_from} />
        </span>
        <span>
          {t.agreements.today} <Day at={new Date().toISOString()} />
        </span>
        <span>
          {t.agreements.reviewAt} <Day at={agreement.review_at} />
        </span>
        <span>
          {t.agreements.to} <Day at={agreement.valid_until} />
        </span>
      </figcaption>
    </figure>
  );
}

function Words({ words }: { words: string[] }) {
  if (words.length === 1 && words[0] === '*') return <span class="dim">{t.agreements.all}</span>;
  return <Foreign text={words.join(t.comma)} />;
}

function HeldBack({ grant }: { grant: Grant }) {
  const held: string[] = [
    ...(t.agreements.heldPersonal[grant.personal_data] ? [t.agreements.heldPersonal[grant.personal_data] ?? ''] : []),
    ...(grant.attribution ? [] : [t.agreements.heldAttribution]),
    ...(grant.victim_identity ? [] : [t.agreements.heldVictim]),
    ...grant.fields_deny.map(visible),
  ];
  return <>{held.join(t.comma) || t.unknown}</>;
}

function onwardOf(grant: Grant, parties: Party[]): string {
  if (typeof grant.onward === 'string') return t.agreements.onwardName[grant.onward] ?? visible(grant.onward);
  return grant.onward.map((id) => nameOf(parties, id)).join(t.comma);
}

function Grants({ agreement }: { agreement: AgreementWithText }) {
  const { parties } = agreement;
  return (
    <Grid
      caption={t.agreements.grants}
      rows={agreement.document.grants}
      keyOf={(g) => g.id}
      columns={[
        {
          name: t.agreements.direction,
          cell: (g) => (
            <bdi>
              {nameOf(parties, g.from)} → {nameOf(parties, g.to)}
            </bdi>
          ),
        },
        { name: t.agreements.purpose, cell: (g) => t.purpose[g.purpose] ?? visible(g.purpose) },
        {
          name: t.agreements.what,
          cell: (g) => (
            <>
              <Words words={g.object_types} />
              <div class="dim">
                <Words words={g.kinds} />
              </div>
            </>
          ),
        },
        { name: t.agreements.offences, cell: (g) => <Words words={g.offences} /> },
        { name: t.agreements.ceiling, cell: (g) => <Tlp tlp={g.tlp_ceiling} /> },
        { name: t.agreements.holds, cell: (g) => <HeldBack grant={g} /> },
        { name: t.agreements.release, cell: (g) => t.agreements.releaseName[g.human_release] ?? visible(g.human_release) },
        { name: t.agreements.use, cell: (g) => t.agreements.useName[g.judicial_use] ?? visible(g.judicial_use) },
        { name: t.agreements.onward, cell: (g) => onwardOf(g, parties) },
        { name: t.agreements.retention, cell: (g) => inDays(g.retention_days * DAY) },
        { name: t.agreements.perDay, cell: (g) => count(g.max_items_per_day), number: true },
      ]}
    />
  );
}

function Statements({ agreement }: { agreement: Agreement }) {
  return (
    <Grid
      caption={t.agreements.statements}
      rows={agreement.statements}
      keyOf={(s) => `${s.party} ${s.person} ${s.act} ${s.at ?? ''}`}
      columns={[
        { name: t.agreements.party, cell: (s) => <bdi>{nameOf(agreement.parties, s.party)}</bdi> },
        { name: t.agreements.person, cell: (s) => <Foreign text={s.person} /> },
        { name: t.agreements.said, cell: (s) => t.agreements.act[s.act] ?? visible(s.act) },
        { name: t.agreements.at, cell: (s) => <When at={s.at} /> },
      ]}
    />
  );
}

function LanguageSwitch({ now, onPick }: { now: string; onPick: (language: string) => void }) {
  return (
    <div class="switch" role="group" aria-label={t.agreements.textLanguage}>
      {LANGUAGES.map(([tag, name]) => (
        <button type="button" lang={tag} aria-pressed={tag === now} onClick={() => onPick(tag)} key={tag}>
          {name}
        </button>
      ))}
    </div>
  );
}

const Part = ({ title, aside, children }: { title: string; aside?: ComponentChildren; children: ComponentChildren }) => (
  <section class="part">
    <div class="line part-head">
      <h3>{title}</h3>
      {aside}
    </div>
    {children}
  </section>
);

function One({ id, version }: { id: string; version: string | undefined }) {
  const [tag, setTag] = useState(language.startsWith('ja') ? 'ja' : language.startsWith('zh') ? 'zh-Hant' : 'en');
  const asked = useAnswer(
    (abort) => get<AgreementWithText>(`agreements/${encodeURIComponent(id)}`, { language: tag, ...(version ? { version } : {}) }, abort),
    [id, version, tag],
  );
  return (
    <>
      <p>
        <a href={hashOf('agreements')}>← {t.agreements.back}</a>
      </p>
      <Answered asked={asked}>
        {(a) => (
          <div class="agreement">
            <div class="sheet agreement-head">
              <h3>
                <Foreign text={inLanguage(a.title)} /> <span class="dim">{t.agreements.version(a.version)}</span>
              </h3>
              <div class="line">
                <Status status={a.status} />
                <Warnings agreement={a} />
                {a.parties.map((p) => (
                  <span key={p.id}>
                    <Foreign text={inLanguage(p.name)} /> <span class="dim">{region(p.country)}</span>
                  </span>
                ))}
                {a.purposes.map((p) => (
                  <Badge key={p}>{t.purpose[p] ?? visible(p)}</Badge>
                ))}
              </div>
              <Timeline agreement={a} />
              <p class="dim">
                {t.agreements.digest} <span class="mono">{a.sha256}</span>
              </p>
            </div>
            <Part title={t.agreements.grants}>
              <Grants agreement={a} />
            </Part>
            <Part title={t.agreements.statements}>
              <Statements agreement={a} />
            </Part>
            <Part title={t.agreements.text} aside={<LanguageSwitch now={tag} onPick={setTag} />}>
              <pre class="sheet prose" lang={a.language} tabIndex={0} aria-label={t.agreements.text}>
                {a.text.split('\n').map((line) => `${visible(line)}\n`)}
              </pre>
            </Part>
          </div>
        )}
      </Answered>
    </>
  );
}

export function AgreementsPage({ detail }: { detail: string | undefined }) {
  const asked = useAnswer((abort) => get<{ agreements: Agreement[] }>('agreements', {}, abort), []);
  const [id, version] = detail?.split('/') ?? [];
  return (
    <Page title={t.agreements.title} lead={t.agreements.lead}>
      {id ? <One id={id} version={version} key={detail} /> : <Answered asked={asked}>{({ agreements }) => <List agreements={agreements} />}</Answered>}
    </Page>
  );
}
