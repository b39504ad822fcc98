// A person decides in the console on what waits (release.py).
// usage: node tests/browser/release.mjs '{"address",...}'
import { axe, browser, complaints, elsewhere, open, shoot, signIn } from './browser.mjs';
import { check, equal, finish } from './check.mjs';

const { address, name, password, id } = JSON.parse(process.argv[2] || '{}');
if (!address) {
  console.error("usage: node tests/browser/release.mjs '{\"address\":...}'");
  process.exit(2);
}
const page = await open(address, { viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
await page.goto(address);
await signIn(page, name, password);
await page.getByRole('navigation').getByRole('link', { name: 'Release' }).click();

await check('what waits is shown exactly as it would go', async () => {
  await page.getByRole('row').filter({ hasText: id }).getByRole('link', { name: /Look at number/ }).click();
  await page.locator('pre').filter({ hasText: id }).waitFor();
  await page.getByText('This grant wants two persons').waitFor();
});
await check('a wrong password decides nothing and ends no session', async () => {
  await page.getByLabel(`Password of ${name}`).fill('not the password');
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.getByRole('alert').filter({ hasText: 'this is not your password' }).waitFor();
  equal(await page.getByLabel(`Password of ${name}`).inputValue(), '', 'what was typed');
  await axe(page, 'a decision');
  await shoot(page, 'release-decide');
});
await check('with the password once more it is approved, and on record', async () => {
  await page.getByLabel('Reason').fill('agreed by phone');
  await page.getByLabel(`Password of ${name}`).fill(password);
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.getByText('Approved: it goes now.').waitFor();
  await page.getByRole('row').filter({ hasText: id }).filter({ hasText: 'agreed by phone' }).waitFor();
  await page.getByText('Nothing waits for a person.').waitFor();
});
await check('no dialog, uncaught error, policy violation or request elsewhere', () => equal([...complaints, ...elsewhere].join('\n'), '', 'complaints'));

await browser.close();
process.exit(finish());
