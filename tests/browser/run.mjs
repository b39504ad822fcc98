// Drives the console in Debian's Chromium against a running node that has the drill loaded.
// usage: node tests/browser/run.mjs https://127.0.0.1:PORT NAME PASSWORD APIKEY SOURCE      (SHOTS=DIR writes screenshots)
import { axe, browser, complaints, elsewhere, open as openAt, shoot, signIn as signInAs } from './browser.mjs';
import { check, equal, finish, holds } from './check.mjs';
import { dnsEvent, post } from './node.mjs';

const [base, name, password, key, source] = process.argv.slice(2);
if (!source) {
  console.error('usage: node tests/browser/run.mjs https://127.0.0.1:PORT NAME PASSWORD APIKEY SOURCE');
  process.exit(2);
}
const tag = Date.now().toString(36);
const HOSTILE = `x${tag}<img src=x onerror=alert(1)><script>alert(2)</script>`;

const open = (options) => openAt(base, options);

async function send(path, body) {
  const answer = await post(`${base}/api/v1/${path}`, key, body);
  holds(answer.status >= 200 && answer.status < 300, `${path} answered ${answer.status}: ${answer.text.slice(0, 300)}`);
}

// What a signed-in page may do, the test does as that page: with its cookie and its CSRF token.
function postAsPage(page, path, body, csrf) {
  return page.evaluate(async ([to, text, token]) => {
    const session = await (await fetch('/api/v1/session')).json();
    const headers = { 'Content-Type': 'application/octet-stream', ...(token ? { 'X-CSRF-Token': session.csrf } : {}) };
    const answered = await fetch(`/api/v1/${to}`, { method: 'POST', headers, body: text });
    return { status: answered.status, text: await answered.text() };
  }, [path, body, csrf]);
}

const signIn = (page, secret) => signInAs(page, name, secret);
const box = (page, label) => page.getByRole('textbox', { name: label });
const lookUp = async (page, value) => {
  await box(page, 'Look up a value').fill(value);
  await box(page, 'Look up a value').press('Enter');
};
const answer = (page) => page.locator('section.answer');
const row = (page, text) => page.getByRole('row').filter({ hasText: text });

const page = await open({ viewport: { width: 1400, height: 900 }, colorScheme: 'light' });

await check('the page comes with a strict policy and refers to nothing outside', async () => {
  const answered = await page.goto(base);
  const policy = answered.headers()['content-security-policy'] ?? '';
  holds(policy.includes("default-src 'none'") || policy.includes("default-src 'self'"), `policy: ${policy}`);
  holds(!policy.includes('unsafe-'), `policy: ${policy}`);
  equal(await page.locator('script:not([src]), style, [style], [onclick]').count(), 0, 'inline scripts and styles');
  await page.getByLabel('Name').waitFor();
});
await check('the sign-in page has no serious accessibility violations', () => axe(page, 'sign-in'));
await check('a wrong password is refused with a text and a remedy', async () => {
  await signIn(page, `${password}-not`);
  await page.getByRole('alert').waitFor();
  const said = await page.getByRole('alert').locator('p').allInnerTexts();
  holds(said.length === 2 && said.every((text) => text.trim() !== ''), `alert: ${JSON.stringify(said)}`);
  equal(await page.getByRole('heading', { name: 'Live sightings' }).count(), 0, 'consoles open');
  await shoot(page, 'sign-in-refused');
});
await check('the right password opens the console', async () => {
  await signIn(page, password);
  await page.getByRole('heading', { name: 'Live sightings' }).waitFor();
  await page.locator('.link', { hasText: 'live' }).waitFor();
  await page.getByText('indicators in the index').waitFor();
});
await check('the session lives in a cookie that scripts cannot read', async () => {
  equal(await page.evaluate('document.cookie'), '', 'document.cookie');
  const cookies = await page.context().cookies();
  holds(cookies.length > 0 && cookies.every((c) => c.httpOnly && c.secure && c.sameSite === 'Strict'), JSON.stringify(cookies));
});
await check('the sightings of the drill are listed and marked EXERCISE', async () => {
  await page.locator('table.sightings tbody tr').first().waitFor();
  await row(page, 'login.parcel-refund.example').first().waitFor();
  const marked = row(page, 'login.parcel-refund.example').first().getByText('EXERCISE', { exact: true });
  equal(await marked.count(), 1, 'badges');
});
await check('an event posted now appears at once, without a reload', async () => {
  await send(`events?source=${encodeURIComponent(source)}`, dnsEvent(`${tag}a`));
  await row(page, `t${tag}a.parcel-refund.example`).first().waitFor();
  await page.locator('[aria-live=polite]').filter({ hasText: /New sighting|new sightings/ }).waitFor();
});
await check('while paused new sightings wait and are counted; resuming shows them', async () => {
  await page.getByRole('button', { name: 'Pause' }).click();
  await send(`events?source=${encodeURIComponent(source)}`, dnsEvent(`${tag}b`));
  await page.getByRole('button', { name: /Resume, \d+ new/ }).waitFor();
  equal(await row(page, `t${tag}b.parcel-refund.example`).count(), 0, 'rows while paused');
  await page.getByRole('button', { name: /Resume/ }).click();
  await row(page, `t${tag}b.parcel-refund.example`).first().waitFor();
});
await check('times are local, with UTC on hover', async () => {
  const time = page.locator('table.sightings time').first();
  const title = await time.getAttribute('title');
  holds(/UTC$/.test(title ?? ''), `title: ${title}`);
  const local = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium', timeZone: 'Asia/Taipei' });
  const wanted = local.format(new Date(await time.getAttribute('datetime')));
  holds((await time.innerText()).includes(wanted), `${await time.innerText()} does not show ${wanted}`);
});
await check('a look-up by keyboard, defanged, shows sources, grades, confidence and sightings', async () => {
  await lookUp(page, 'hxxp://parcel-refund[.]example/pay/confirm');
  await answer(page).getByText('Stated as bad').waitFor();
  const text = await answer(page).innerText();
  for (const wanted of ['exercise-tw-scam-sites', 'TLP:', '%', 'first seen', '信用卡輸入頁', 'Sightings']) {
    holds(text.includes(wanted), `the answer lacks "${wanted}"`);
  }
  holds((await answer(page).locator('abbr.grade').count()) > 0, 'no Admiralty grade');
  equal(await page.evaluate('document.activeElement.classList.contains("asked")'), true, 'focus on the answer');
  await shoot(page, 'look-light-1400');
});
await check('the console with an answer has no serious accessibility violations', () => axe(page, 'console'));
await check('a value in a row can be looked up; Escape closes the answer', async () => {
  await page.keyboard.press('Escape');
  await answer(page).waitFor({ state: 'detached' });
  await row(page, 'login.parcel-refund.example').first().getByRole('button', { name: 'login.parcel-refund.example' }).click();
  await answer(page).getByText('Stated as bad').waitFor();
  await page.goBack();
  await answer(page).waitFor({ state: 'detached' });
});
await check('what is not a value is answered in the words of the node: its text, and its remedy where it gives one', async () => {
  await lookUp(page, 'nonsense value');
  await answer(page).getByRole('alert').waitFor();
  const refused = await page.evaluate(async () => (await fetch('/api/v1/look?value=nonsense%20value')).json());
  const wanted = [refused.error.text, refused.error.remedy].filter(Boolean);
  holds(wanted.length > 0, 'the node gave no text');
  const said = await answer(page).getByRole('alert').locator('p').allInnerTexts();
  equal(JSON.stringify(said), JSON.stringify(wanted), 'alert');
});
await check('a claim with markup in note and labels is shown as text and does nothing', async () => {
  const feed = `type,value,tags,note\ndomain,hostile-${tag}.example,"<b>bold</b> ${'<svg/onload=alert(3)>'}","${HOSTILE}"\n`;
  const path = `intake?source=${encodeURIComponent(source)}&format=csv&name=hostile-${tag}.csv`;
  equal((await postAsPage(page, path, feed, false)).status, 403, 'status without a CSRF token');
  const taken = await postAsPage(page, path, feed, true);
  equal(taken.status, 200, `status of the intake (${taken.text.slice(0, 300)})`);
  await lookUp(page, `hostile-${tag}.example`);
  await answer(page).getByText('<script>alert(2)</script>', { exact: false }).first().waitFor();
  await answer(page).getByText('<svg/onload=alert(3)>', { exact: false }).first().waitFor();
  equal(await answer(page).locator('img, script, b, svg[onload]').count(), 0, 'elements made from data');
});
await check('a value that is markup is shown as text too', async () => {
  await page.goto(`${base}/#look=${encodeURIComponent(HOSTILE)}`);
  await answer(page).getByText(HOSTILE, { exact: false }).first().waitFor();
  equal(await answer(page).locator('img, script').count(), 0, 'elements made from data');
});
await check('text search finds 詐騙', async () => {
  await box(page, 'Find in texts').fill('詐騙');
  await box(page, 'Find in texts').press('Enter');
  await answer(page).locator('.hit', { hasText: '詐騙' }).first().waitFor();
  await answer(page).getByText('EXERCISE', { exact: true }).first().waitFor();
  await shoot(page, 'find-light-1400');
});
await check('after a cut the stream comes back by itself and shows what was missed', async () => {
  await page.keyboard.press('Escape');
  await page.evaluate("location.hash = ''");
  await page.reload();
  await page.locator('.link', { hasText: 'live' }).waitFor();
  await page.context().setOffline(true);
  await page.route('**/api/v1/live', (route) => route.abort());
  await page.reload({ waitUntil: 'commit' }).catch(() => undefined);
  await page.context().setOffline(false);
  await page.goto(base);
  await page.locator('.link', { hasText: 'cut off' }).waitFor();
  await send(`events?source=${encodeURIComponent(source)}`, dnsEvent(`${tag}c`));
  await page.unroute('**/api/v1/live');
  await page.locator('.link.live').waitFor();
  await row(page, `t${tag}c.parcel-refund.example`).first().waitFor();
});

for (const colorScheme of ['light', 'dark']) {
  for (const width of [1400, 400]) {
    await check(`${colorScheme} at ${width} px: readable and no wider than the window`, async () => {
      const other = await open({ viewport: { width, height: 900 }, colorScheme, reducedMotion: 'reduce' });
      await other.goto(base);
      await signIn(other, password);
      await row(other, 'login.parcel-refund.example').first().waitFor();
      await shoot(other, `console-${colorScheme}-${width}`);
      await axe(other, `console, ${colorScheme}, ${width} px`);
      await lookUp(other, 'parcel-refund.example');
      await answer(other).getByText('Stated as bad').waitFor();
      await shoot(other, `answer-${colorScheme}-${width}`);
      await axe(other, `answer, ${colorScheme}, ${width} px`);
      const over = await other.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
      equal(over, 0, 'pixels beyond the window');
      await other.context().close();
    });
  }
}

await check('signing out ends the session, also for a second page', async () => {
  const second = await page.context().newPage();
  await second.goto(base);
  await second.getByRole('button', { name: 'Sign out' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Password').waitFor();
  // The second page notices by its stream or by its next question, whichever comes first.
  await second.evaluate("location.hash = 'look=parcel-refund.example'");
  await second.getByLabel('Password').waitFor();
  await second.getByText('Your session has ended').waitFor();
  equal((await page.request.get(`${base}/api/v1/sightings`)).status(), 401, 'status without a session');
});
await check('no dialog, uncaught error or policy violation on the way', () => equal(complaints.join('\n'), '', 'complaints'));
await check('no request left the node', () => equal(elsewhere.join('\n'), '', 'requests'));

await browser.close();
process.exit(finish());
