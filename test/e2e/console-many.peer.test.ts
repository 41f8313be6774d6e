/** The console with ten thousand tenants: only what is seen is on the page, however one moves through them. */
import t from 'tap';
import { send, upstream } from '../doors/http/fixtures.js';
import { compress, oneSampleEach } from '../payload/encode.js';
import { open, picture, shows, startBrowser } from './browser.js';
import { needs, startEdge } from './processes.js';

t.setTimeout(300_000);

const TENANTS = 10_000;
const AT_ONCE = 50;
/** A few screens of rows. */
const MOST_ROWS = 150;
const ROWS = "document.querySelectorAll('.tenants tbody tr:not(.spacer)').length";
const FOCUSED = 'document.activeElement.textContent';

t.test('ten thousand tenants are read through with a few screens of rows on the page', async (t) => {
  if (!needs(t, 'chromium')) return;
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const edge = await startEdge(t, [`--upstream.url=${mimir.url}`, '--tenants.max=10000']);
  const body = compress(oneSampleEach(1));
  const names = Array.from({ length: TENANTS }, (_, n) => `tenant-${String(n).padStart(5, '0')}`);
  const waiting = [...names];
  const work = async (): Promise<void> => {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      await send(edge.proxy, body, { 'X-Scope-OrgID': id });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const browser = await startBrowser(t);
  const { page, complaints } = await open(t, browser, `${edge.admin}/#/tenants?sort=id`);
  await page.getByText('tenant-00000').waitFor();
  t.ok((await page.evaluate<number>(ROWS)) <= MOST_ROWS, 'at the beginning');
  t.equal(await page.locator('table.tenants').getAttribute('aria-rowcount'), String(TENANTS + 1));

  const rowOf = (id: string): string =>
    `[...document.querySelectorAll('.tenants tbody a')].find((link) => link.textContent === '${id}')`;
  for (const at of [5000, 9999, 2500]) {
    const id = names[at]!;
    await page.evaluate(`scrollTo(0, document.documentElement.scrollHeight * ${at / TENANTS})`);
    t.ok(
      await shows(
        page,
        "(() => { const { top, bottom } = document.querySelector('.tenants tbody').getBoundingClientRect(); const rows = [...document.querySelectorAll('.tenants tbody tr:not(.spacer)')].filter((row) => { const at = row.getBoundingClientRect(); return at.bottom > 0 && at.top < innerHeight; }); return rows.length > 8; })()",
      ),
      `rows are there around ${id}`,
    );
    t.ok((await page.evaluate<number>(ROWS)) <= MOST_ROWS, `around ${id}`);
  }
  await page.evaluate('scrollTo(0, 0)');
  t.ok(await shows(page, `${rowOf(names[0]!)} !== undefined`));
  await page.locator('.tenants tbody a').first().focus();
  await page.keyboard.press('End');
  t.ok(await shows(page, `${FOCUSED} === '${names.at(-1)}'`), 'End goes to the last');
  await page.keyboard.press('ArrowUp');
  t.ok(await shows(page, `${FOCUSED} === '${names.at(-2)}'`));
  await page.keyboard.press('Home');
  t.ok(await shows(page, `${FOCUSED} === '${names[0]}'`), 'Home to the first');
  t.ok((await page.evaluate<number>(ROWS)) <= MOST_ROWS, 'after all of it');
  await page.keyboard.press('/');
  await page.keyboard.type('0777');
  t.ok(await shows(page, `${ROWS} === 11`), 'tenant-00777 and tenant-0777x');
  await picture(page, 'many-tenants');
  t.strictSame(complaints, []);

  const bytes = await page.evaluate<number>(
    "performance.getEntriesByType('resource').filter(({ name }) => name.includes('/page/')).reduce((sum, { transferSize }) => sum + transferSize, 0)",
  );
  await page.goto(`${edge.admin}/`);
  await page.reload();
  await page.locator('#part-tenants', { hasText: /of 10\sk tenants/ }).waitFor();
  const firstView = await page.evaluate<number>('performance.now()');
  t.comment(
    `the page's files: ${bytes} bytes; the first view of ${TENANTS} tenants after ${Math.round(firstView)} ms`,
  );
});
