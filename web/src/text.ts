import { en, type Text } from './text.en';
import { ja } from './text.ja';
import { zhHant } from './text.zh';

/** Taiwan and Hong Kong write the same script. */
const catalogues: Record<string, Text> = { en, ja, 'zh-Hant': zhHant, 'zh-TW': zhHant, 'zh-HK': zhHant };

/** The languages of the console, each by its own name. */
export const LANGUAGES = [
  ['en', 'English'],
  ['ja', '日本語'],
  ['zh-Hant', '正體中文'],
] as const;

const KEPT = 'language';

/** What the reader chose before, then what the browser prefers: "zh-Hant-TW" looks for itself, then for "zh-Hant", then for "zh". */
function choose(): [string, Text] {
  for (const wanted of [localStorage.getItem(KEPT) ?? '', ...navigator.languages]) {
    for (let tag = wanted; tag; tag = tag.slice(0, Math.max(0, tag.lastIndexOf('-')))) {
      const found = catalogues[tag];
      if (found) return [found === zhHant ? 'zh-Hant' : tag, found];
    }
  }
  return ['en', en];
}

export const [language, t] = choose();
document.documentElement.lang = language;

export function pickLanguage(tag: string): void {
  localStorage.setItem(KEPT, tag);
  location.reload();
}

/** Numbers and dates as the reader writes them, in the language of the page. */
export const locale = navigator.languages.find((tag) => tag.split('-')[0] === language.split('-')[0]) ?? (language === 'zh-Hant' ? 'zh-TW' : language);
