import { signal } from '@preact/signals';

/** What the reader asked for stands in the address's fragment, which never leaves the browser: links and Back work. */
export type Question = { ask: 'look' | 'find'; text: string };

export const PAGES = ['watch', 'partners', 'agreements', 'shares', 'release', 'exchange', 'exports'] as const;
export type Page = (typeof PAGES)[number];
/** `detail` is what of the page is open: an agreement, a partner whose shares are listed. */
export type Place = { page: Page; detail?: string | undefined; question?: Question | undefined };

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function parse(): Place {
  const asking = /^#(look|find)=(.*)$/s.exec(location.hash);
  if (asking) {
    const text = decode(asking[2] ?? '');
    return { page: 'watch', question: text ? { ask: asking[1] as Question['ask'], text } : undefined };
  }
  const named = /^#([a-z]+)(?:\/(.*))?$/s.exec(location.hash);
  const page = PAGES.find((name) => name === named?.[1]);
  return page ? { page, detail: (named?.[2] && decode(named[2])) || undefined } : { page: 'watch' };
}

export const place = signal<Place>(parse());
/** Counts askings, so that asking the same again asks the node again. */
export const asked = signal(0);

window.addEventListener('hashchange', () => {
  place.value = parse();
});

export function ask(what: Question['ask'], text: string): void {
  const wanted = text.trim();
  if (wanted === '') return;
  asked.value++;
  location.hash = `${what}=${encodeURIComponent(wanted)}`;
}

export function dismiss(): void {
  history.pushState(null, '', location.pathname);
  place.value = { page: 'watch' };
}

export const hashOf = (page: Page, detail?: string) =>
  page === 'watch' ? '#watch' : detail ? `#${page}/${encodeURIComponent(detail)}` : `#${page}`;
