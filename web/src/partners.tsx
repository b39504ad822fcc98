import { get } from './api';
import { Badge, Foreign, Json, useAnswer, When } from './bits';
import { EyesSurvey, mayExplain } from './eyes';
import { count, DAY, inDays, inLanguage, instant, region, visible } from './format';
import { Answered, Facts, Nothing, Page, Prose } from './page';
import { hashOf } from './route';
import { t } from './text';
import type { Languages, Partner } from './types';

const KEYS_OLD = 365 * DAY;
const age = (text: string | null | undefined) => Date.now() - (instant(text)?.getTime() ?? Date.now());

/** How the partner names itself in the other languages. */
function OtherNames({ name }: { name: Languages }) {
  const others = [...new Set(Object.values(name))].filter((n) => n && n !== inLanguage(name));
  return others.length === 0 ? null : (
    <span class="dim">
      <Foreign text={others.join(' · ')} />
    </span>
  );
}

export function StatusBadge({ status }: { status: string }) {
  const tone = status === 'active' ? 'badge calm' : status === 'proposed' ? 'badge' : 'badge alarm';
  return <span class={tone}>{t.partners.status[status] ?? visible(status)}</span>;
}

function Witnessed({ size, at }: { size: number | undefined; at: string | null | undefined }) {
  if (!size || !at) return <span class="dim">{t.partners.notYet}</span>;
  return (
    <>
      <When at={at} /> <span class="dim">{t.partners.entries(count(size))}</span>
    </>
  );
}

function Warnings({ partner }: { partner: Partner }) {
  const { witness } = partner;
  const stale = partner.status === 'active' && witness?.cosigned_at && age(witness.cosigned_at) > DAY;
  return (
    <>
      {witness?.frozen && (
        <div class="trouble" role="alert">
          <p>
            <strong>{t.partners.frozen}</strong>
          </p>
          {witness.alarm && (
            <p>
              <Foreign text={witness.alarm} />
            </p>
          )}
          <p><Prose text={t.partners.frozenRemedy} /></p>
        </div>
      )}
      {stale && <p class="notice">{t.partners.witnessStale}</p>}
      {age(partner.card_at) > KEYS_OLD && <p class="notice">{t.partners.keysOld(inDays(age(partner.card_at)))}</p>}
    </>
  );
}

function Card({ partner }: { partner: Partner }) {
  const { witness } = partner;
  const own = witness !== undefined; // else another organisation of the node looks
  return (
    <article class="card partner">
      <header>
        <div class="line">
          <h3>
            <Foreign text={inLanguage(partner.name)} />
          </h3>
          <StatusBadge status={partner.status} />
          <Badge>{t.partners.kind[partner.kind] ?? visible(partner.kind)}</Badge>
          <span class="dim">{region(partner.country)}</span>
          {own && mayExplain() && (
            <a class="to-shares" href={hashOf('shares', partner.id)}>
              {t.partners.shares}
            </a>
          )}
        </div>
        <OtherNames name={partner.name} />
      </header>
      <Warnings partner={partner} />
      <Facts
        facts={[
          [t.partners.fingerprint, <span class="mono digits">{partner.fingerprint}</span>],
          [
            t.partners.keys,
            <>
              <When at={partner.card_at} /> <span class="dim">({inDays(age(partner.card_at))})</span>
            </>,
          ],
          [t.partners.lastShare, own && (partner.last_share ? <When at={partner.last_share} /> : t.never)],
          [t.partners.ourLog, own && <Witnessed size={witness.cosigned_size} at={witness.cosigned_at} />],
          [t.partners.theirLog, own && <Witnessed size={witness.log_size} at={witness.log_cosigned_at} />],
          [t.partners.node, <Foreign text={partner.url} mono />],
          [t.partners.contact, partner.contact && <Foreign text={partner.contact} />],
          [t.partners.zone, <Foreign text={partner.zone} />],
          [t.partners.proposedBy, partner.proposed_by && <Foreign text={partner.proposed_by} />],
          [t.partners.confirmedBy, partner.confirmed_by && <Foreign text={partner.confirmed_by} />],
        ]}
      />
      <Json summary={t.partners.allKeys} value={partner.keys} />
      {mayExplain() && partner.status === 'active' && <EyesSurvey partner={partner} />}
    </article>
  );
}

export function PartnersPage() {
  const asked = useAnswer((abort) => get<{ partners: Partner[] }>('partners', {}, abort), []);
  return (
    <Page title={t.partners.title} lead={t.partners.lead}>
      <Answered asked={asked}>
        {({ partners }) =>
          partners.length === 0 ? (
            <Nothing text={t.partners.none} />
          ) : (
            <div class="cards">
              {partners.map((partner) => (
                <Card partner={partner} key={partner.id} />
              ))}
            </div>
          )
        }
      </Answered>
    </Page>
  );
}
