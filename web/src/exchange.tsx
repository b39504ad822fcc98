import type { ComponentChildren } from 'preact';
import { get } from './api';
import { Foreign, Tlp, useAnswer, When } from './bits';
import { nameOf, usePartners } from './eyes';
import { count, inLanguage, tenths, visible } from './format';
import { Answered, Grid, Nothing, Page } from './page';
import { hashOf } from './route';
import { t } from './text';
import type { Collection, Exchange, Message, Messages, Partner, Peer, Relay, Witnesses } from './types';

const Part = ({ title, children }: { title: string; children: ComponentChildren }) => (
  <section class="part">
    <h3>{title}</h3>
    {children}
  </section>
);

/** "partner:UUID" by the name the partner gave itself. */
function who(principal: string, partners: Partner[]): string {
  const partner = partners.find((p) => principal === `partner:${p.id}`);
  return partner ? `partner:${inLanguage(partner.name)}` : principal;
}

function Rights({ collection, partners }: { collection: Collection; partners: Partner[] }) {
  return (
    <ul class="plain rights">
      {collection.rights.map((r) => (
        <li key={r.principal}>
          <Foreign text={who(r.principal, partners)} mono />{' '}
          <span class="dim">{[r.reads && t.exchange.reads, r.writes && t.exchange.writes].filter(Boolean).join(', ')}</span>
        </li>
      ))}
      {collection.admins && <li class="dim">{t.exchange.admins}</li>}
    </ul>
  );
}

function Collections({ exchange, partners }: { exchange: Exchange; partners: Partner[] }) {
  const rows = exchange.roots.flatMap((root) => root.collections.map((collection) => ({ root, collection })));
  return (
    <Grid
      caption={t.exchange.collections}
      rows={rows}
      keyOf={({ collection }) => collection.id}
      columns={[
        {
          name: t.exchange.collection,
          cell: ({ collection }) => (
            <>
              <Foreign text={collection.title} />
              <div class="dim">
                <Foreign text={collection.alias ?? collection.id} mono />
              </div>
            </>
          ),
        },
        { name: t.exchange.root, cell: ({ root }) => <Foreign text={`/${root.path}/`} mono /> },
        { name: t.exchange.members, cell: ({ collection }) => count(collection.members), number: true },
        {
          name: t.exchange.ceiling,
          cell: ({ collection }) => (collection.ceiling ? <Tlp tlp={collection.ceiling} /> : <span class="dim">{t.exchange.noCeiling}</span>),
        },
        { name: t.exchange.rights, cell: ({ collection }) => <Rights collection={collection} partners={partners} /> },
      ]}
    />
  );
}

function PeerState({ peer }: { peer: Peer }) {
  const tone = peer.state === 'ok' ? 'badge calm' : peer.state === 'failing' ? 'badge alarm' : 'badge';
  return (
    <>
      <span class={tone}>{t.exchange.stateName[peer.state] ?? visible(peer.state)}</span>
      {peer.error && (
        <div class="dim">
          <Foreign text={peer.error} />
        </div>
      )}
    </>
  );
}

function Peers({ peers }: { peers: Peer[] }) {
  const sum = (peer: Peer, of: 'accepted' | 'rejected' | 'pushed' | 'refused') => peer.collections.reduce((n, c) => n + c[of], 0);
  if (peers.length === 0) return <Nothing text={t.exchange.noPeers} />;
  return (
    <Grid
      caption={t.exchange.peers}
      rows={peers}
      keyOf={(p) => p.name}
      columns={[
        {
          name: t.exchange.peer,
          cell: (p) => (
            <>
              <Foreign text={p.name} />
              <div class="dim">
                <Foreign text={p.url} mono />
              </div>
            </>
          ),
        },
        { name: t.exchange.state, cell: (p) => <PeerState peer={p} /> },
        { name: t.exchange.lastOk, cell: (p) => (p.last_ok ? <When at={p.last_ok} /> : t.never) },
        { name: t.exchange.taken, cell: (p) => count(sum(p, 'accepted')), number: true },
        { name: t.exchange.refusedHere, cell: (p) => count(sum(p, 'rejected')), number: true },
        { name: t.exchange.posted, cell: (p) => count(sum(p, 'pushed')), number: true },
        { name: t.exchange.refusedThere, cell: (p) => count(sum(p, 'refused')), number: true },
      ]}
    />
  );
}

const Cosigned = ({ at }: { at: string | null }) => (at ? <When at={at} /> : <span class="dim">{t.partners.notYet}</span>);

function WitnessParts({ witnesses }: { witnesses: Witnesses }) {
  const none = <Nothing text={t.exchange.noWitness} />;
  return (
    <div class="pair">
      <Part title={t.exchange.witnesses}>
        {witnesses.witnesses.length === 0 ? (
          none
        ) : (
          <Grid
            caption={t.exchange.witnesses}
            rows={witnesses.witnesses}
            keyOf={(w) => w.id}
            columns={[
              { name: t.exchange.witness, cell: (w) => <Foreign text={w.partner} /> },
              { name: t.exchange.size, cell: (w) => count(w.size), number: true },
              { name: t.exchange.cosigned, cell: (w) => <Cosigned at={w.cosigned_at} /> },
            ]}
          />
        )}
      </Part>
      <Part title={t.exchange.logs}>
        {witnesses.witnessed_here.length === 0 ? (
          none
        ) : (
          <Grid
            caption={t.exchange.logs}
            rows={witnesses.witnessed_here}
            keyOf={(w) => w.origin}
            columns={[
              {
                name: t.exchange.log,
                cell: (w) => (
                  <>
                    <Foreign text={w.origin} mono /> {w.frozen && <span class="badge alarm">{t.exchange.frozen}</span>}
                    {w.frozen && w.alarm && (
                      <div class="dim">
                        <Foreign text={w.alarm} />
                      </div>
                    )}
                  </>
                ),
              },
              { name: t.exchange.size, cell: (w) => count(w.size), number: true },
              { name: t.exchange.cosigned, cell: (w) => <Cosigned at={w.cosigned_at} /> },
            ]}
          />
        )}
      </Part>
    </div>
  );
}

function Held({ relay }: { relay: Relay }) {
  const why = Object.entries(relay.rules).map(([rule, n]) => `${count(n)} ${t.eyes.rule[rule] ?? rule}`);
  return (
    <>
      {count(relay.held)}
      {why.map((line) => (
        <div class="dim" key={line}>
          {line}
        </div>
      ))}
    </>
  );
}

function Relays({ relays, partners }: { relays: Relay[]; partners: Partner[] }) {
  if (relays.length === 0) return <Nothing text={t.relays.none} />;
  return (
    <Grid
      caption={t.relays.title}
      rows={relays}
      keyOf={(r) => `${r.partner} ${r.collection}`}
      columns={[
        { name: t.relays.partner, cell: (r) => <Foreign text={nameOf(r.partner, partners)} /> },
        { name: t.exchange.collection, cell: (r) => <Foreign text={r.title ?? r.collection} /> },
        { name: t.relays.lastSent, cell: (r) => (r.last_sent ? <When at={r.last_sent} /> : t.never) },
        { name: t.relays.sent, cell: (r) => count(r.sent), number: true },
        { name: t.relays.unanswered, cell: (r) => count(r.unanswered), number: true },
        { name: t.relays.toDo, cell: (r) => count(r.to_do), number: true },
        { name: t.relays.took, cell: (r) => (r.p50 === null || r.p95 === null ? t.unknown : t.relays.seconds(tenths(r.p50), tenths(r.p95))) },
        { name: t.relays.held, cell: (r) => <Held relay={r} /> },
      ]}
    />
  );
}

function MessageState({ message }: { message: Message }) {
  if (message.accepted) return <span class="badge calm">{t.messages.accepted}</span>;
  const tone = message.overdue || message.accepted === false ? 'badge alarm' : 'badge';
  const word = message.accepted === false ? t.messages.refused : message.overdue ? t.messages.overdue : t.messages.waiting;
  return (
    <>
      <span class={tone}>{word}</span>{' '}
      {message.attempts > 0 && message.accepted === null && <span class="dim">{t.messages.attempts(count(message.attempts))}</span>}
      {message.problem && (
        <div class="dim">
          <Foreign text={message.problem} />
        </div>
      )}
    </>
  );
}

function MessageTable({ messages, partners }: { messages: Message[]; partners: Partner[] }) {
  if (messages.length === 0) return <Nothing text={t.messages.none} />;
  return (
    <Grid
      caption={t.messages.title}
      rows={messages}
      keyOf={(m) => `${m.direction} ${m.id}`}
      columns={[
        { name: t.messages.at, cell: (m) => <When at={m.at} /> },
        {
          name: t.messages.partner,
          cell: (m) => (
            <>
              <span class="dim">{t.messages.direction[m.direction]}</span> <Foreign text={nameOf(m.partner, partners)} />
            </>
          ),
        },
        { name: t.messages.kind, cell: (m) => <Foreign text={m.kind} mono /> },
        { name: t.messages.state, cell: (m) => <MessageState message={m} /> },
        { name: t.messages.acknowledged, cell: (m) => (m.acknowledged ? <When at={m.acknowledged} /> : t.unknown) },
        {
          name: t.messages.share,
          cell: (m) => (m.share === null ? t.unknown : <a href={hashOf('shares', m.partner)}>{count(m.share)}</a>),
          number: true,
        },
        { name: t.messages.counter, cell: (m) => count(m.counter), number: true },
      ]}
    />
  );
}

function Refusals({ messages, partners }: { messages: Messages; partners: Partner[] }) {
  if (messages.refusals.length === 0) return null;
  return (
    <Part title={t.messages.refusals}>
      <Grid
        caption={t.messages.refusals}
        rows={messages.refusals}
        keyOf={(r) => `${r.partner} ${r.why}`}
        columns={[
          { name: t.messages.partner, cell: (r) => <Foreign text={nameOf(r.partner, partners)} /> },
          {
            name: t.messages.why,
            cell: (r) => (
              <>
                <Foreign text={r.why} />
                <div class="dim">
                  <Foreign text={r.text} />
                </div>
              </>
            ),
          },
          { name: t.messages.count, cell: (r) => count(r.count), number: true },
          { name: t.messages.last, cell: (r) => <When at={r.last} /> },
        ]}
      />
    </Part>
  );
}

function MessageParts({ messages, partners }: { messages: Messages; partners: Partner[] }) {
  return (
    <>
      <Part title={t.messages.title}>
        <p class="dim">
          {t.messages.counts(count(messages.waiting), count(messages.overdue))}
          {messages.oldest && (
            <>
              {' '}
              {t.messages.oldest} <When at={messages.oldest} />
            </>
          )}
        </p>
        <MessageTable messages={messages.messages} partners={partners} />
      </Part>
      <Refusals messages={messages} partners={partners} />
    </>
  );
}

export function ExchangePage() {
  const partners = usePartners();
  const exchange = useAnswer((abort) => get<Exchange>('exchange', {}, abort), []);
  const messages = useAnswer((abort) => get<Messages>('messages', {}, abort), []);
  const witnesses = useAnswer((abort) => get<Witnesses>('witness', {}, abort), []);
  return (
    <Page title={t.exchange.title} lead={t.exchange.lead}>
      <Answered asked={witnesses}>{(answer) => <WitnessParts witnesses={answer} />}</Answered>
      <Answered asked={messages}>{(answer) => <MessageParts messages={answer} partners={partners} />}</Answered>
      <Answered asked={exchange}>
        {(answer) => (
          <>
            <Part title={t.exchange.collections}>
              <Collections exchange={answer} partners={partners} />
            </Part>
            <Part title={t.relays.title}>
              <Relays relays={answer.relays} partners={partners} />
            </Part>
            <Part title={t.exchange.peers}>
              <Peers peers={answer.peers} />
            </Part>
          </>
        )}
      </Answered>
    </Page>
  );
}
