import { signal } from '@preact/signals';

/** What the reader asked for stands in the address's fragment, which never leaves the browser: links and Back work. */
export type Question = { ask: 'look' | 'find'; text: string };

function parse(): Question | undefined {
  const match = /^#(look|find)=(.*)$/s.exec(location.hash);
  if (!match) return undefined;
  try {
    const text = decodeURIComponent(match[2] ?? '');
    return text === '' ? undefined : { ask: match[1] as Question['ask'], text };
  } catch {
    return undefined;
  }
}

export const question = signal<Question | undefined>(parse());
/** Counts askings, so that asking the same again asks the node again. */
export const asked = signal(0);

window.addEventListener('hashchange', () => {
  question.value = parse();
});

export function ask(what: Question['ask'], text: string): void {
  const wanted = text.trim();
  if (wanted === '') return;
  asked.value++;
  location.hash = `${what}=${encodeURIComponent(wanted)}`;
}

export function dismiss(): void {
  history.pushState(null, '', location.pathname);
  question.value = undefined;
}
