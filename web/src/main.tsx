import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { problemOf, resume, session, signOut, type Problem } from './api';
import { AnswerPanel, Boxes } from './ask';
import { Foreign, Trouble } from './bits';
import { visible } from './format';
import * as live from './live';
import { Mark } from './mark';
import { dismiss, question } from './route';
import { SignIn } from './signin';
import { Licences, status, StatusStrip } from './status';
import { LiveTable } from './table';
import { t } from './text';
import type { Session } from './types';

function Head({ user, onProblem }: { user: Session; onProblem: (problem: Problem) => void }) {
  return (
    <header class="head">
      <a class="skip" href="#live" onClick={(event) => {
        event.preventDefault();
        document.getElementById('live')?.focus();
      }}>
        {t.skip}
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

function Console({ user }: { user: Session }) {
  const [problem, setProblem] = useState<Problem>();
  useEffect(() => {
    live.start();
    return live.stop;
  }, []);
  const open = question.value;
  return (
    <>
      <Head user={user} onProblem={setProblem} />
      <main>
        {problem && <Trouble problem={problem} />}
        <StatusStrip />
        <Boxes />
        <div class={open ? 'work open' : 'work'}>
          {open && <AnswerPanel open={open} />}
          <LiveTable />
        </div>
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
