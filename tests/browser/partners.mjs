// Drives the pages of the partnership in Debian's Chromium against a node that signed an agreement (partners.py).
// usage: node tests/browser/partners.mjs '{"address",...}'      the line that partners.py prints; SHOTS=DIR writes screenshots
import { axe, browser, complaints, elsewhere, open, shoot, signIn } from './browser.mjs';
import { check, equal, finish, holds } from './check.mjs';

const { address, name, password, auditor, agreement } = JSON.parse(process.argv[2] || '{}');
if (!address) {
  console.error("usage: node tests/browser/partners.mjs '{\"address\":...}'");
  process.exit(2);
}

const wide = { viewport: { width: 1280, height: 900 }, colorScheme: 'light', reducedMotion: 'reduce' };
const go = async (page, link) => {
  await page.getByRole('navigation').getByRole('link', { name: link, exact: true }).click();
  await page.getByRole('heading', { name: link, level: 2 }).waitFor();
};
const row = (page, text) => page.getByRole('row').filter({ hasText: text });
const answer = (page) => page.locator('section.answer');

const page = await open(address, wide);
await page.goto(address);
await signIn(page, name, password);
await page.getByRole('navigation').waitFor();

await check('partners: who they are, fingerprints, whose log was cosigned, and what is not yet confirmed', async () => {
  await go(page, 'Partners');
  equal(await page.evaluate('document.activeElement.id'), 'page-title', 'the focus');
  const japan = page.locator('article.partner').filter({ hasText: 'Japan CERT' });
  const text = await japan.innerText();
  for (const wanted of ['active', 'Japan', '日本CERT', 'we cosigned its log', 'up to entry', '+81 3 0000 0000', 'mei', 'lin']) {
    holds(text.includes(wanted), `the card lacks "${wanted}": ${text}`);
  }
  holds(/(\d{4} ){7}\d{4}/.test(text), `no fingerprint: ${text}`);
  await page.locator('article.partner').filter({ hasText: 'US CERT' }).getByText('waits for the second person').waitFor();
});
await check('partners: what would go of everything, by rule', async () => {
  const japan = page.locator('article.partner').filter({ hasText: 'Japan CERT' });
  await japan.getByRole('button', { name: 'What would go of everything?' }).click();
  await japan.getByText('As Japan CERT would see it').waitFor();
  await japan.getByText('its marking is above the ceiling').waitFor();
  await axe(page, 'partners');
  await shoot(page, 'partners-light-1280');
});
await check('agreements: the list, and one with grants, signatures and its text in three languages', async () => {
  await go(page, 'Agreements');
  holds((await row(page, 'Network safety enhancement').innerText()).includes('in force'), 'in force');
  holds((await row(page, 'Joint cybercrime fighting').innerText()).includes('1 of 4'), 'one of four has signed');
  await axe(page, 'agreements');
  await page.getByRole('link', { name: /Read “Network safety/ }).click();
  await page.locator('.prose').filter({ hasText: agreement }).waitFor();
  equal(await page.getByRole('row').filter({ hasText: 'signed' }).count(), 4, 'signatures');
  holds((await row(page, '→ Japan CERT').innerText()).includes('TLP:AMBER'), 'a grant');
  await page.getByRole('button', { name: '日本語' }).click();
  await page.locator('.prose[lang=ja]').filter({ hasText: '当事者' }).waitFor();
  await page.getByRole('button', { name: '正體中文' }).click();
  await page.locator('.prose[lang=zh-Hant]').filter({ hasText: '提供予' }).waitFor();
  await axe(page, 'an agreement');
  await shoot(page, 'agreement-light-1280');
  await page.goBack();
  await page.getByRole('link', { name: /Read “Joint/ }).waitFor();
});
await check('shares: the register, and by partner', async () => {
  await go(page, 'Shares');
  const entry = row(page, 'taxii objects').first();
  await entry.waitFor();
  holds(/network safety/.test(await entry.innerText()), await entry.innerText());
  await page.getByLabel('Partner', { exact: true }).selectOption({ label: 'US CERT' });
  await page.getByText('Nothing has gone to a partner.').waitFor();
  await page.getByLabel('Partner', { exact: true }).selectOption({ label: 'Japan CERT' });
  await row(page, 'Japan CERT').first().waitFor();
  await axe(page, 'shares');
  await row(page, 'taxii objects').first().getByRole('link').click();
  await page.locator('.prose').filter({ hasText: agreement }).waitFor();
});
await check('release: what waits for a person, and what was decided', async () => {
  await go(page, 'Release');
  await page.getByText('Nothing waits for a person.').waitFor();
  await axe(page, 'release');
});
await check('exchange: collections with their rights, witnesses, messages', async () => {
  await go(page, 'Exchange');
  await page.getByText('partner:Japan CERT').waitFor();
  await page.getByRole('heading', { name: 'Messages', exact: true }).waitFor();
  await page.getByRole('table', { name: 'Logs that we witness' }).getByText('jpcert.example').waitFor();
  await axe(page, 'exchange');
});
await check('exports: formats with the address to poll, which answers', async () => {
  await go(page, 'Exports');
  const shown = await row(page, '/api/v1/export/csv').innerText();
  const polled = await page.request.get(/https:\S+/.exec(shown)[0]);
  equal(polled.status(), 200, 'status of the poll');
  await axe(page, 'exports');
});
await check("a search through a partner's eyes marks every hit with its reason", async () => {
  await page.getByRole('navigation').getByRole('link', { name: 'Watch' }).click();
  await page.getByLabel('Through the eyes of').selectOption({ label: 'Japan CERT' });
  await page.getByRole('textbox', { name: 'Find in texts' }).fill('loader');
  await page.getByRole('textbox', { name: 'Find in texts' }).press('Enter');
  await answer(page).getByText('As Japan CERT would see it').waitFor();
  const hits = answer(page).locator('.hit');
  equal(await hits.locator('.seen-by').count(), await hits.count(), 'marks, hits');
  holds((await hits.filter({ hasText: 'kept here' }).innerText()).includes('stays'), 'TLP:RED');
  holds((await hits.filter({ hasText: 'kept here' }).innerText()).includes('above the ceiling'), 'and why');
  holds((await hits.filter({ hasText: '203.0.113.99' }).innerText()).includes('goes'), 'a line of a feed');
  await axe(page, 'a search through other eyes');
  await shoot(page, 'eyes-find-light-1280');
});
await check('so does a look-up: the object, its graph, and the ends of each relationship', async () => {
  await answer(page).locator('.hit').filter({ hasText: 'A loader that' }).getByRole('button').click();
  await answer(page).getByRole('heading', { name: 'Relationships' }).waitFor();
  const uses = answer(page).locator('.objects > li').filter({ hasText: 'uses' });
  holds((await uses.locator('.seen-by').innerText()).includes('who is held responsible'), 'the relationship stays');
  const ends = await uses.locator('.ends .sight').allInnerTexts();
  equal(ends.map((end) => end.replace(/\W+/, '')).sort().join(), 'goes,stays', 'its ends');
  equal(await answer(page).locator('b:has-text("phones")').count(), 0, 'elements made from data');
  await axe(page, 'a look-up through other eyes');
  await page.getByLabel('for the purpose of').selectOption({ label: 'prosecution assistance' });
  await answer(page).getByText('no grant has this direction and purpose').first().waitFor();
  await page.getByLabel('Through the eyes of').selectOption({ label: 'your own' });
  await answer(page).locator('.through').waitFor({ state: 'detached' });
  equal(await answer(page).locator('.seen-by').count(), 0, 'marks with own eyes');
});
await check('an auditor sees the registers and no contents', async () => {
  const other = await open(address, wide);
  await other.goto(address);
  await signIn(other, auditor, password);
  await other.locator('article.partner').first().waitFor();
  const links = await other.getByRole('navigation').getByRole('link').allInnerTexts();
  equal(links.join(), 'Partners,Agreements,Shares,Release,Exchange', 'pages');
  await go(other, 'Shares');
  await row(other, 'taxii objects').first().waitFor();
  await other.context().close();
});
for (const [locale, words] of [['ja-JP', ['パートナー', '協定', '共有']], ['zh-TW', ['夥伴', '協議', '分享']]]) {
  await check(`${locale}: the console speaks it, and the reader can choose another`, async () => {
    const other = await open(address, { ...wide, locale });
    await other.goto(address);
    await other.locator('input[type=password]').fill(password);
    await other.locator('input:not([type=password])').fill(name);
    await other.locator('button.primary').click();
    for (const word of words) {
      await other.getByRole('navigation').getByRole('link', { name: word, exact: true }).click();
      await other.getByRole('heading', { name: word, level: 2 }).waitFor();
    }
    equal(await other.evaluate('document.documentElement.lang'), locale === 'ja-JP' ? 'ja' : 'zh-Hant', 'language of the page');
    await axe(other, locale);
    await other.locator('#language').selectOption('en');
    await other.getByRole('heading', { name: 'Shares', level: 2 }).waitFor();
    await other.context().close();
  });
}
for (const colorScheme of ['light', 'dark']) {
  for (const width of [1280, 400]) {
    await check(`${colorScheme} at ${width} px: every page is readable and no wider than the window`, async () => {
      const other = await open(address, { viewport: { width, height: 900 }, colorScheme, reducedMotion: 'reduce' });
      await other.goto(address);
      await signIn(other, name, password);
      await other.getByRole('navigation').waitFor();
      for (const link of await other.getByRole('navigation').getByRole('link').allInnerTexts()) {
        await other.getByRole('navigation').getByRole('link', { name: link, exact: true }).click();
        await other.getByText('Asking the node').first().waitFor({ state: 'detached' });
        await shoot(other, `${link.toLowerCase()}-${colorScheme}-${width}`);
        await axe(other, `${link}, ${colorScheme}, ${width} px`);
        const over = await other.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
        equal(over, 0, `pixels beyond the window on ${link}`);
      }
      await other.context().close();
    });
  }
}
await check('no dialog, uncaught error or policy violation on the way', () => equal(complaints.join('\n'), '', 'complaints'));
await check('no request left the node', () => equal(elsewhere.join('\n'), '', 'requests'));

await browser.close();
process.exit(finish());
