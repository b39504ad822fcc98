import { useEffect, useRef, useState } from 'preact/hooks';
import { problemOf, sessionEnded, signIn, type Problem } from './api';
import { Trouble } from './bits';
import { Mark } from './mark';
import { t } from './text';

export function SignIn() {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const name = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);
  useEffect(() => name.current?.focus(), []);

  async function submit(event: Event) {
    event.preventDefault();
    if (busy || !name.current || !password.current) return;
    setBusy(true);
    setProblem(undefined);
    try {
      await signIn(name.current.value, password.current.value);
    } catch (error) {
      setProblem(problemOf(error));
      setBusy(false);
      password.current.value = '';
      password.current.focus();
    }
  }

  return (
    <main class="gate">
      <form class="card" onSubmit={submit} aria-labelledby="sign-in-title">
        <Mark />
        <h1 id="sign-in-title">
          {t.brand} <span lang="ja">狼煙</span>
        </h1>
        <p class="dim">{t.signIn.lead}</p>
        {sessionEnded.value && !problem && (
          <p class="notice" role="status">
            {t.signIn.ended}
          </p>
        )}
        <label for="name">{t.signIn.name}</label>
        <input id="name" ref={name} name="username" autocomplete="username" autocapitalize="none" spellcheck={false} required />
        <label for="password">{t.signIn.password}</label>
        <input id="password" ref={password} name="password" type="password" autocomplete="current-password" required />
        {problem && <Trouble problem={problem} />}
        <button type="submit" class="primary" aria-disabled={busy}>
          {busy ? t.signIn.busy : t.signIn.submit}
        </button>
      </form>
    </main>
  );
}
