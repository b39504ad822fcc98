import { locale, language } from './text';
import type { Languages } from './types';

const integer = new Intl.NumberFormat(locale);
const share = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 });
const day = new Intl.DateTimeFormat(locale, { year: 'numeric', month: 'short', day: 'numeric' });
const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const utcTime = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23', timeZone: 'UTC' });
const regions = new Intl.DisplayNames(locale, { type: 'region', fallback: 'code' });

export const count = (n: number) => integer.format(n);
const decimal = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
export const tenths = (x: number) => decimal.format(x);
export const percent = (x: number) => share.format(x);
export const date = (at: Date) => day.format(at);
export const time = (at: Date) => clock.format(at);
export const utc = (at: Date) => utcTime.format(at);

export function instant(text: string | null | undefined): Date | undefined {
  const at = text ? new Date(text) : undefined;
  return at && !Number.isNaN(at.getTime()) ? at : undefined;
}

export function when(text: string | null | undefined): string | undefined {
  const at = instant(text);
  return at && `${date(at)}, ${time(at)}`;
}

export function region(code: string): string {
  return /^[A-Z]{2}$/.test(code) ? (regions.of(code) ?? code) : code;
}

// Controls, bidirectional overrides, zero-width and tag characters: on a screen they hide or reorder what was reported.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Text from outside with every invisible character written out, e.g. "\u202e". */
export function visible(text: string): string {
  return text.replace(UNSEEN, (c) => {
    const hex = (c.codePointAt(0) ?? 0).toString(16);
    return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`;
  });
}

/** The same for longer texts, whose line ends are no trick. */
export const visibleLines = (text: string) => text.split(/\r?\n/).map(visible).join('\n');

const days = new Intl.NumberFormat(locale, { style: 'unit', unit: 'day', unitDisplay: 'long', maximumFractionDigits: 0 });
export const DAY = 86_400_000;
/** Whole days between two instants, in words. */
export const inDays = (ms: number) => days.format(Math.round(ms / DAY));

/** The one of three texts that is nearest to the language of the page. */
export function inLanguage(text: Languages): string {
  return text[language.startsWith('ja') ? 'ja' : language.startsWith('zh') ? 'zh-Hant' : 'en'] || text.en;
}
