import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { problemOf, resume, session, signOut, type Problem } from './api';
import { AgreementsPage } from './agreements';
import { AnswerPanel, Boxes } from './ask';
import { Foreign, Trouble } from './bits';
import { ExchangePage } from './exchange';
import { ExportsPage } from './exports';
import { mayExplain } from './eyes';
import { visible } from './format';
import * as live from './live';
import { Mark } from './mark';
import { PartnersPage } from './partners';
import { ReleasePage } from './release';
import { dismiss, hashOf, PAGES, place, type Page } from './route';
import { SharesPage } from './shares';
import { SignIn } from './signin';
import { Licences, status, StatusStrip } from './status';
import { LiveTable } from './table';
import { LANGUAGES, language, pickLanguage, t } from './text';
import type { Session } from './types';

function Head({ user, onProblem }: { user: Session; onProblem: (problem: Problem) => void }) {
  const target = place.value.page === 'watch' ? 'live' : 'page-title';
  return (
    <header class="head">
      <a
        class="skip"
        href={`#${target}`}
        onClick={(event) => {
          event.preventDefault();
          document.getElementById(target)?.focus();
        }}
      >
        {target === 'live' ? t.skip : t.skipToPage}
      </a>
      <Mark />
      <h1>
        {t.brand} <span lang="ja">狼煙</span>
      </h1>
      {status.value && (
        <span class="node dim">
          <Foreign text={status.value.name} />
        </span>
      )}
      <LanguagePicker />
      <span class="user dim">
        <span class="sr-only">{t.session.label} </span>
        {t.session.as(visible(user.name), visible(user.role))}
      </span>
      <button type="button" onClick={() => signOut().then(dismiss, (error: unknown) => onProblem(problemOf(error)))}>
        {t.session.signOut}
      </button>
    </header>
  );
}

function LanguagePicker() {
  return (
    <span class="languages">
      <label class="sr-only" for="language">
        {t.session.language}
      </label>
      <select id="language" value={language} onChange={(event) => pickLanguage(event.currentTarget.value)}>
        {LANGUAGES.map(([tag, name]) => (
          <option value={tag} lang={tag} key={tag}>
            {name}
          </option>
        ))}
      </select>
    </span>
  );
}

/** What a role may not ask for is not offered: the node refuses it anyway. */
function offered(page: Page, role: string): boolean {
  if (page === 'watch' || page === 'exports') return role !== 'auditor';
  if (page === 'shares' || page === 'release' || page === 'exchange') return mayExplain();
  return true;
}

function Pages({ user }: { user: Session }) {
  const now = place.value.page;
  const bar = useRef<HTMLElement>(null);
  useEffect(() => bar.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }), [now]);
  return (
    <nav class="pages" aria-label={t.nav.label} ref={bar}>
      {PAGES.filter((page) => offered(page, user.role)).map((page) => (
        <a href={hashOf(page)} aria-current={page === now ? 'page' : undefined} key={page}>
          {t.nav[page]}
        </a>
      ))}
    </nav>
  );
}

function Watch() {
  const open = place.value.question;
  return (
    <>
      <StatusStrip />
      <Boxes />
      <div class={open ? 'work open' : 'work'}>
        {open && <AnswerPanel open={open} />}
        <LiveTable />
      </div>
    </>
  );
}

function Body({ user }: { user: Session }) {
  const { page, detail } = place.value;
  switch (offered(page, user.role) ? page : 'partners') {
    case 'partners':
      return <PartnersPage />;
    case 'agreements':
      return <AgreementsPage detail={detail} />;
    case 'shares':
      return <SharesPage detail={detail} />;
    case 'release':
      return <ReleasePage detail={detail} />;
    case 'exchange':
      return <ExchangePage />;
    case 'exports':
      return <ExportsPage />;
    default:
      return <Watch />;
  }
}

function Console({ user }: { user: Session }) {
  const [problem, setProblem] = useState<Problem>();
  useEffect(() => {
    if (user.role === 'auditor') return; // auditors see registers, not what sensors met
    live.start();
    return live.stop;
  }, [user.role]);
  return (
    <>
      <Head user={user} onProblem={setProblem} />
      <Pages user={user} />
      <main>
        {problem && <Trouble problem={problem} />}
        <Body user={user} />
      </main>
      <footer>
        <Licences />
      </footer>
    </>
  );
}

function App() {
  const [problem, setProblem] = useState<Problem>();
  useEffect(() => {
    let timer: number | undefined;
    const attempt = () =>
      resume().then(
        () => setProblem(undefined),
        (error: unknown) => {
          setProblem(problemOf(error));
          timer = window.setTimeout(attempt, 5000);
        },
      );
    void attempt();
    return () => clearTimeout(timer);
  }, []);
  if (session.value) return <Console user={session.value} />;
  if (session.value === null) return <SignIn />;
  return <main class="gate">{problem ? <Trouble problem={problem} /> : <p class="dim">{t.loading}</p>}</main>;
}

render(<App />, document.getElementById('app')!);
