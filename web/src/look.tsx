import type { ComponentChildren } from 'preact';
import { get } from './api';
import { Badge, Confidence, Exercise, Foreign, Grade, Json, Labels, Tlp, Trouble, useAnswer, Value, When } from './bits';
import { eyes, eyesQuery, EyesSummary, Sight, StateBadge } from './eyes';
import { count, percent, region, visible } from './format';
import { t } from './text';
import type { Benign, Claim, Indicator, KnownObject, Look, Relationship } from './types';

type Tone = 'bad' | 'benign' | 'quiet';

/** The one sentence a reader wants first. */
function verdict(look: Look): { tone: Tone; title: string; why: string } {
  const lists = [...new Set(look.benign.filter((b) => b.suppresses).map((b) => `“${visible(b.list)}”`))];
  const active = look.indicators.filter((i) => i.active);
  if (lists.length > 0) return { tone: 'benign', title: t.look.benignVerdict, why: t.look.benignWhy(lists.join(', ')) };
  if (active.length > 0) {
    const sources = new Set(active.flatMap((i) => i.sources));
    const surest = Math.max(...active.map((i) => i.confidence));
    return { tone: 'bad', title: t.look.badVerdict, why: t.look.badWhy(sources.size, percent(surest)) };
  }
  if (look.indicators.length > 0) return { tone: 'quiet', title: t.look.quietVerdict, why: t.look.quietWhy };
  if (look.objects.length > 0) return { tone: 'quiet', title: t.look.mentionedVerdict, why: t.look.mentionedWhy };
  if (look.sightings.count > 0) return { tone: 'quiet', title: t.look.seenVerdict, why: t.look.seenWhy };
  return { tone: 'quiet', title: t.look.nothingVerdict, why: t.look.nothingWhy };
}

function Part({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="part">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Facts({ facts }: { facts: [string, ComponentChildren][] }) {
  const known = facts.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return (
    <dl class="facts">
      {known.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

const at = (moment: string | null) => moment && <When at={moment} />;
const said = (text: string | null) => text && <Foreign text={text} />;

function BenignLists({ benign }: { benign: Benign[] }) {
  if (benign.length === 0) return null;
  return (
    <Part title={t.look.benign}>
      <ul class="plain">
        {benign.map((b) => (
          <li key={`${b.list} ${b.entry}`}>
            <span class={b.suppresses ? 'badge calm' : 'badge'}>{t.look.role[b.role] ?? visible(b.role)}</span>{' '}
            {t.look.benignEntry(visible(b.list))} <Foreign text={b.entry} mono />{' '}
            <span class="dim">({b.suppresses ? t.look.suppresses : t.look.annotates})</span>
          </li>
        ))}
      </ul>
    </Part>
  );
}

function ClaimCard({ claim }: { claim: Claim }) {
  return (
    <li class="claim">
      <div class="claim-head">
        <strong>
          <Foreign text={claim.source} />
        </strong>
        <Grade grade={claim.reliability} />
        <Tlp tlp={claim.tlp} />
        {claim.context && <Badge>{t.look.context}</Badge>}
        {claim.revoked && <Badge>{t.look.revoked}</Badge>}
        <Confidence value={claim.term} label={t.look.term} why={t.look.termWhy} />
      </div>
      <Sight mark={claim.eyes} />
      <Labels labels={claim.labels} />
      {claim.note && (
        <p class="note">
          <Foreign text={claim.note} lines />
        </p>
      )}
      <Facts
        facts={[
          [t.look.stated, claim.confidence === null ? t.look.statedNone : count(claim.confidence)],
          [t.look.first, at(claim.first)],
          [t.look.last, at(claim.last)],
          [t.look.created, at(claim.created)],
          [t.look.modified, at(claim.modified)],
          [t.look.validFrom, at(claim.valid_from)],
          [t.look.validUntil, at(claim.valid_until)],
          [t.look.accepted, at(claim.accepted)],
          [t.look.ref, said(claim.ref)],
        ]}
      />
      {claim.meta !== undefined && <Json summary={t.look.meta} value={claim.meta} />}
    </li>
  );
}

function IndicatorCard({ indicator }: { indicator: Indicator }) {
  return (
    <article class="card indicator">
      <header>
        <h4>
          <Foreign text={indicator.value} mono />
        </h4>
        <div class="line">
          {indicator.exercise && <Exercise />}
          <Badge>{indicator.kind}</Badge>
          <span class="dim">{t.look.how[indicator.how] ?? indicator.how}</span>
          <Tlp tlp={indicator.tlp} />
          {!indicator.active && <Badge>{t.look.inactive}</Badge>}
        </div>
        <div class="line">
          <Confidence value={indicator.confidence} />
          <span class="dim">
            <When at={indicator.first} /> – <When at={indicator.last} />,{' '}
            {t.look.firstBy(visible(indicator.first_source))}
          </span>
        </div>
      </header>
      <h5 class="dim">{t.look.claims(indicator.claims.length + (indicator.more_claims ?? 0))}</h5>
      <ul class="plain claims">
        {indicator.claims.map((claim) => (
          <ClaimCard claim={claim} key={`${claim.source} ${claim.id}`} />
        ))}
      </ul>
      {indicator.more_claims ? <p class="dim">{t.look.moreClaims(count(indicator.more_claims))}</p> : null}
    </article>
  );
}

function Sightings({ sightings }: Pick<Look, 'sightings'>) {
  if (sightings.count === 0) {
    return (
      <Part title={t.look.sightings}>
        <p class="dim">{t.look.neverSeen}</p>
      </Part>
    );
  }
  const bySource = Object.entries(sightings.by_source);
  return (
    <Part title={t.look.sightings}>
      <p>
        <strong>{sightings.count === 1 ? t.look.seenOnce : t.look.seen(count(sightings.count))}</strong>{' '}
        {sightings.before_valid_from && <Badge>{t.look.beforeValid}</Badge>}
      </p>
      <Facts
        facts={[
          [t.look.first, at(sightings.first)],
          [t.look.last, at(sightings.last)],
          [
            t.look.bySource,
            bySource.map(([source, n], i) => (
              <span key={source}>
                {i > 0 && ', '}
                <Foreign text={source} /> {count(n)}
              </span>
            )),
          ],
        ]}
      />
    </Part>
  );
}

function titleOf(object: Record<string, unknown>): string {
  const name = object['name'] ?? object['relationship_type'] ?? object['value'] ?? object['pattern'];
  return typeof name === 'string' ? name : '';
}

function ObjectRow({ known }: { known: KnownObject }) {
  const title = titleOf(known.object);
  const summary = (
    <span class="object">
      <Badge>{visible(known.type)}</Badge> {title && <Foreign text={title} />} <Tlp tlp={known.tlp} />
      {known.revoked && <Badge>{t.look.revoked}</Badge>}
      {known.entitled && <Badge>{t.look.entitled}</Badge>}
      {known.not_watched && <Badge>{t.look.notMatched}</Badge>}
      <span class="dim">
        <Foreign text={known.source} />
        {known.modified && (
          <>
            {', '}
            <When at={known.modified} />
          </>
        )}
      </span>
    </span>
  );
  return (
    <li>
      <Json summary={summary} value={known.object} />
      <Sight mark={known.eyes} />
    </li>
  );
}

function RelationshipRow({ related }: { related: Relationship }) {
  const { source_ref: from, target_ref: to, relationship_type: verb } = related.object;
  const between = typeof from === 'string' && typeof to === 'string';
  const summary = (
    <span class="object">
      <Badge>{visible(related.type)}</Badge>
      {between ? (
        <span class="mono">
          <bdi>{visible(from)}</bdi> <strong>{visible(String(verb ?? '→'))}</strong> <bdi>{visible(to)}</bdi>
        </span>
      ) : (
        <span class="mono">
          <bdi>{visible(related.property)}</bdi> → <bdi>{visible(related.target)}</bdi>
        </span>
      )}
      <span class="dim">
        <Foreign text={related.source} />
      </span>
    </span>
  );
  const ends = [...new Set(between ? [from, to] : [related.id])];
  const state = (id: string) => related.ends?.find((end) => end.id === id)?.state;
  return (
    <li>
      <Json summary={summary} value={related.object} />
      <Sight mark={related.eyes} />
      <div class="ends">
        {ends.map((id) => {
          const seen = state(id);
          return (
            <span key={id}>
              {seen && <StateBadge state={seen} />}
              {seen === null && <span class="dim">{t.eyes.unknownEnd}</span>} <Value text={id} />
            </span>
          );
        })}
      </div>
    </li>
  );
}

function Network({ network }: Pick<Look, 'network'>) {
  const { asn, owner, country } = network;
  if (asn == null && !owner && !country) return null;
  return (
    <Part title={t.look.network}>
      <Facts
        facts={[
          [t.look.asn, asn == null ? null : `AS${asn}`],
          [t.look.owner, said(owner ?? null)],
          [t.look.country, country ? `${region(country)} (${visible(country)})` : null],
        ]}
      />
    </Part>
  );
}

function Answer({ look }: { look: Look }) {
  const { tone, title, why } = verdict(look);
  return (
    <>
      <div class={`verdict ${tone}`} role="status">
        <strong>{title}</strong>
        <p>{why}</p>
      </div>
      <EyesSummary counts={look.eyes} />
      <BenignLists benign={look.benign} />
      {look.indicators.length > 0 && (
        <Part title={t.look.indicators}>
          {look.indicators.map((indicator) => (
            <IndicatorCard indicator={indicator} key={indicator.id} />
          ))}
        </Part>
      )}
      <Sightings sightings={look.sightings} />
      <Network network={look.network} />
      {look.objects.length > 0 && (
        <Part title={t.look.objects}>
          <ul class="plain objects">
            {look.objects.map((known) => (
              <ObjectRow known={known} key={`${known.id} ${known.source} ${known.modified ?? ''}`} />
            ))}
          </ul>
        </Part>
      )}
      {look.relationships.length > 0 && (
        <Part title={t.look.relationships}>
          <ul class="plain objects">
            {look.relationships.map((related) => (
              <RelationshipRow related={related} key={related.id} />
            ))}
          </ul>
        </Part>
      )}
      {look.sources.length > 0 && (
        <Part title={t.look.sources}>
          <Labels labels={look.sources} />
        </Part>
      )}
    </>
  );
}

export function LookAnswer({ value, asking }: { value: string; asking: number }) {
  const asked = useAnswer((abort) => get<Look>('look', { value, ...eyesQuery() }, abort), [value, asking, eyes.value]);
  return (
    <>
      <h2 tabIndex={-1} class="asked">
        <Foreign text={asked.state === 'answer' ? asked.answer.value : value} mono />{' '}
        {asked.state === 'answer' && <Badge>{visible(asked.answer.kind)}</Badge>}
      </h2>
      {asked.state === 'asking' && <p class="dim">{t.loading}</p>}
      {asked.state === 'problem' && <Trouble problem={asked.problem} />}
      {asked.state === 'answer' && <Answer look={asked.answer} />}
    </>
  );
}
