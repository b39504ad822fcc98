// Chromium with what every check of the console watches for: dialogs, uncaught errors, broken policies, requests that leave the node.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { equal, holds } from './check.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const shots = process.env.SHOTS; // a directory: pages are kept as pictures
if (shots) mkdirSync(shots, { recursive: true });

export const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});

export const complaints = [];
export const elsewhere = [];
// `base` is the address of the node; whatever is asked for elsewhere is noted.
export async function open(base, options) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-GB', timezoneId: 'Asia/Taipei', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (/Content.Security.Policy|Trusted ?Type/i.test(message.text())) complaints.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(base) && !request.url().startsWith('data:')) elsewhere.push(request.url());
  });
  return page;
}

export async function shoot(page, file) {
  if (shots) await page.screenshot({ path: join(shots, `${file}.png`), fullPage: true });
}

// The page's policy forbids scripts of others, so axe runs in the debugger's own world, where no policy applies.
export async function axe(page, what) {
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send('Page.getFrameTree');
  const world = await session.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id, worldName: 'axe' });
  const run = async (expression) => {
    const answer = await session.send('Runtime.evaluate', {
      expression, contextId: world.executionContextId, awaitPromise: true, returnByValue: true,
    });
    if (answer.exceptionDetails) throw new Error(answer.exceptionDetails.exception?.description ?? 'axe failed');
    return answer.result.value;
  };
  await run(`${AXE}; true`);
  const rules = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']";
  const found = await run(`axe.run(document, { runOnly: ${rules} }).then((r) => ({ passes: r.passes.length,
    violations: r.violations.map((v) => [v.impact, v.id, v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join(' | ')]) }))`);
  await session.detach();
  holds(found.passes > 5, `axe checked only ${found.passes} rules on ${what}`);
  const serious = found.violations.filter(([impact]) => impact === 'serious' || impact === 'critical');
  for (const [impact, id, where] of found.violations) console.log(`  # axe on ${what}: ${impact} ${id}: ${where}`);
  equal(serious.length, 0, `serious violations on ${what}`);
}

export async function signIn(page, name, secret) {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(secret);
  await page.getByRole('button', { name: 'Sign in' }).click();
}
