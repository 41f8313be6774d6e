/** The status page in a real browser, over a real edge with real traffic. Screenshots go to artifacts/. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { eventually, listen, PUSH_500, send, upstream } from '../doors/http/fixtures.js';
import { freePort } from '../free-port.js';
import { compress, oneSampleEach } from '../payload/encode.js';
import { needs, startEdge } from './processes.js';

const ARTIFACTS = new URL('../../../artifacts/', import.meta.url).pathname;
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TOKEN = 'page-token-0123456789';
const OVERRIDES = `overrides:
  noisy: { ingestion_rate: 2, ingestion_burst_size: 600 }
  steady: { ingestion_rate: 1e6, ingestion_burst_size: 1e6 }
  cut: { max_global_series_per_user: 4 }
  small: { ingestion_rate: 1, ingestion_burst_size: 50 }
`;

/** Asked through the debugger: a function in the page would need `unsafe-eval`. */
async function shows(page: Page, expression: string): Promise<void> {
  for (let i = 0; i < 200 && !(await page.evaluate(expression)); i++) await page.waitForTimeout(50);
}

const FIRST_ROW = "document.querySelector('tbody tr')";

interface Opened {
  readonly page: Page;
  /** What the browser complained of, content security violations included. */
  readonly complaints: string[];
}

async function open(
  t: Test,
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  t.teardown(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (one) => {
    if (!one.url().startsWith(new URL(url).origin)) complaints.push(`a request to ${one.url()}`);
  });
  await page.goto(url);
  return { page, complaints };
}

async function startBrowser(t: Test): Promise<Browser> {
  // Tests run as root in containers, where the sandbox can not be set up. The pages are our own.
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  t.teardown(() => browser.close());
  return browser;
}

interface Axe {
  run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>;
}

/** Injected by the test, past the page's own policy. */
async function seriousFindings(page: Page): Promise<string[]> {
  const context = await page.context().newCDPSession(page);
  const evaluate = async (expression: string): Promise<unknown> =>
    (await context.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })).result
      .value;
  await evaluate(`${AXE};undefined`);
  const { violations } = (await evaluate('axe.run()')) as Awaited<ReturnType<Axe['run']>>;
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
}

async function givenEdge(t: Test, more: readonly string[]) {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const folder = t.testdir();
  writeFileSync(join(folder, 'overrides.yaml'), OVERRIDES);
  writeFileSync(join(folder, 'tokens'), `alice write ${TOKEN}\nreader read ${TOKEN}-reads\n`);
  const flags = [
    `--upstream.url=${mimir.url}`,
    `--overrides.file=${join(folder, 'overrides.yaml')}`,
    `--admin.tokens_file=${join(folder, 'tokens')}`,
    ...more,
  ];
  mkdirSync(ARTIFACTS, { recursive: true });
  return { flags, mimir, file: join(folder, 'overrides.yaml'), edge: await startEdge(t, flags) };
}

const push = (url: string, tenant: string) => send(url, PUSH_500, { 'X-Scope-OrgID': tenant });

for (const more of [[], ['--workers=2']])
  t.test(`the page of ${more[0] ?? 'one process'}`, (t) => pageTests(t, more));

async function pageTests(t: Test, more: readonly string[]): Promise<void> {
  const given = (t: Test) => givenEdge(t, more);
  if (!needs(t, 'chromium')) return;
  const browser = await startBrowser(t);

  await t.test('shows what the API says, and who is refused, without a reload or a complaint', async (t) => {
    const { edge } = await given(t);
    const { page, complaints } = await open(t, browser, `${edge.admin}/`);
    await page.getByText('No tenant has sent anything yet').waitFor();
    await page.getByText('The edge is well').waitFor();
    for (let i = 0; i < 4; i++) await push(edge.proxy, 'steady');
    for (let i = 0; i < 10; i++) await push(edge.proxy, 'noisy');
    const first = page.locator('tbody tr').first();
    await first.getByText('noisy').waitFor();
    t.match(await first.innerText(), /rate_limited 9 pushes, 4\.5K samples, 4\.5K series/);
    t.match(await first.innerText(), /above it/);

    // Nothing is sent any more, so rates fall: what is shown lies between what the API says before and after.
    type Row = { samplesPerSecond: number; lostSamplesPerSecond: number };
    const api = async (): Promise<Row> =>
      ((await (await fetch(`${edge.admin}/api/v1/tenants`)).json()) as { tenants: Row[] }).tenants[0]!;
    const shown = (): Promise<number[]> =>
      page.evaluate(`[...${FIRST_ROW}.querySelectorAll('data')].map((cell) => Number(cell.value))`);
    const before = await api();
    const old = await shown();
    await shows(page, `Number(${FIRST_ROW}.querySelector('data').value) !== ${old[0]}`);
    const [lost = 0, samples = 0] = await shown();
    const after = await api();
    t.ok(samples <= before.samplesPerSecond && samples >= after.samplesPerSecond, `${samples} samples/s`);
    t.ok(lost <= before.lostSamplesPerSecond && lost >= after.lostSamplesPerSecond, `${lost} lost/s`);
    t.match(await page.locator('.list').first().innerText(), /noisy rate_limited/);
    t.strictSame(await seriousFindings(page), [], 'axe finds nothing serious');
    await page.screenshot({ path: join(ARTIFACTS, 'overview.png'), fullPage: true });
    t.strictSame(complaints, []);
  });

  await t.test('a tenant that loses 141 of 145 series is first, and says what it lost', async (t) => {
    const { edge } = await given(t);
    const lose = (tenant: string, series: number) =>
      send(edge.proxy, compress(oneSampleEach(series)), { 'X-Scope-OrgID': tenant });
    t.equal((await lose('small', 100)).status, 429);
    t.equal((await lose('cut', 145)).status, 400);
    const { page, complaints } = await open(t, browser, `${edge.admin}/`);
    const rows = page.locator('tbody tr');
    await rows.nth(1).waitFor();
    t.match(await rows.allInnerTexts(), [
      /^cut\s.*per_user_series_limit 141 samples, 141 series$/s,
      /^small\s.*burst_exceeded 1 push, 100 samples, 100 series$/s,
    ]);
    await page.getByRole('link', { name: 'cut' }).first().click();
    const why = page.locator('section', { has: page.locator('#why-title') });
    await why.getByText('per_user_series_limit 141 samples, 141 series').waitFor();
    await page.locator('#chart-lost').waitFor({ timeout: 30_000 });
    t.match(await page.locator('#chart-lost').getAttribute('aria-label'), /per_user_series_limit: now/);
    t.equal(await page.locator('#chart-refused').count(), 0, 'no push was refused whole');
    t.strictSame(complaints, []);
  });

  await t.test('search, sort and keys', async (t) => {
    const { edge } = await given(t);
    for (const tenant of ['steady', 'noisy', 'third']) await push(edge.proxy, tenant);
    await push(edge.proxy, 'third');
    const { page, complaints } = await open(t, browser, `${edge.admin}/`);
    const names = () => page.locator('tbody th a').allInnerTexts();
    await page.locator('tbody tr').nth(2).waitFor();
    await page.getByRole('button', { name: 'Tenant' }).click();
    await page.locator('th[aria-sort=ascending]').waitFor();
    await shows(page, `${FIRST_ROW}.querySelector('a').textContent === 'noisy'`);
    t.strictSame(await names(), ['noisy', 'steady', 'third']);
    await page.getByRole('button', { name: 'Pushes/s' }).click();
    await shows(page, `${FIRST_ROW}.querySelector('a').textContent === 'third'`);
    await page.locator('tbody a').first().focus();
    await page.keyboard.press('ArrowDown');
    t.equal(await page.evaluate('document.activeElement.textContent'), 'noisy');
    await page.keyboard.press('/');
    await page.keyboard.type('STEA');
    await shows(page, `document.querySelectorAll('tbody tr').length === 1`);
    t.strictSame(await names(), ['steady']);
    t.equal(await page.evaluate('document.activeElement.id'), 'search', 'what is typed in stays so');
    await page.keyboard.type('x');
    await page.getByText('No tenant in memory has “steax” in its name.').waitFor();
    t.strictSame(complaints, []);
  });

  await t.test('a tenant: charts, refusals in plain words, limits and where they come from', async (t) => {
    const { edge, file } = await given(t);
    for (let i = 0; i < 3; i++) await push(edge.proxy, 'noisy');
    const { page, complaints } = await open(t, browser, `${edge.admin}/`);
    await page.getByRole('link', { name: 'noisy' }).first().click();
    await page.getByText('Raise ingestion_rate or ingestion_burst_size, or send less.').first().waitFor();
    t.equal(await page.evaluate('document.activeElement.textContent'), 'noisy', 'a reader hears where it is');
    const limit = page.getByRole('row', { name: /^ingestion_rate 2/ });
    t.match(await limit.innerText(), /overrides .*overrides\.yaml/);
    t.equal(await page.locator('.chart canvas').count(), 3);
    t.match(await page.getByRole('row', { name: /^bytes_per_second / }).innerText(), /the edge’s default/);
    t.match(await page.getByRole('row', { name: /^request_rate / }).innerText(), /Mimir’s default/);
    t.equal(
      await page.getByRole('button', { name: 'Change ha_tracker_update_timeout_jitter_max' }).count(),
      0,
    );
    t.match(await page.locator('#chart-series').getAttribute('aria-label'), /limit: 150K/);
    await page.getByText('What it means').first().click();
    for (let i = 0; i < 3; i++) await push(edge.proxy, 'noisy');
    await page
      .locator('.list', { hasText: 'rate_limited' })
      .getByText(/× [4-9]/)
      .first()
      .waitFor();
    t.ok(await page.getByText('The sender was told: ').first().isVisible(), 'it stays open under traffic');
    t.match(await page.locator('.figures').innerText(), /ingestion_rate\s+\d.*(%|×) of the limit, above it/);
    writeFileSync(file, OVERRIDES.replace('ingestion_rate: 2,', 'ingestion_rate: 1,'));
    await page.getByText(/ingestion_rate 2 → 1/).waitFor();
    t.match(
      await page.locator('#chart-items').getAttribute('aria-label'),
      /limit: 1; limit changed at .*: 2 → 1/,
      'the past keeps its limit',
    );
    await page.keyboard.press('Escape');
    await page.getByText(/overrides\.yaml set ingestion_rate to 1 \(was 2\) for noisy/).waitFor();
    await page.getByRole('link', { name: 'noisy' }).first().click();
    await page.getByRole('row', { name: /^ingestion_rate 1 / }).waitFor();
    t.strictSame(await seriousFindings(page), []);
    await page.screenshot({ path: join(ARTIFACTS, 'tenant.png'), fullPage: true });
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { name: 'Tenants' }).waitFor();
    t.strictSame(complaints, []);
  });

  await t.test('a change: without a token, with one that may not, with one that may; and back', async (t) => {
    const { edge } = await given(t);
    await push(edge.proxy, 'noisy');
    const { page } = await open(t, browser, `${edge.admin}/#/tenants/noisy`);
    const dialog = page.locator('dialog');
    const ask = async (token: string): Promise<void> => {
      await dialog.getByLabel('Value (now 600)').fill('5000');
      await dialog.getByLabel('Why').fill('a test');
      await dialog.getByLabel(/^Token/).fill(token);
      await page.getByRole('button', { name: 'Go on' }).click();
    };
    await page.getByRole('button', { name: 'Change ingestion_burst_size' }).click();
    await dialog.getByLabel('Why').fill('a test');
    await page.getByRole('button', { name: 'Go on' }).click();
    t.equal(await page.locator('#change-summary').count(), 0, 'it asks for a value and a token first');
    await ask('not-a-token-0123456789');
    t.match(
      await page.locator('#change-summary').innerText(),
      /becomes 5000 instead of 600, on this replica alone.*for 1 hour.*Then it is 600 again/,
    );
    await page.getByRole('button', { name: 'Yes, do it' }).click();
    t.match(await page.locator('#change-said').innerText(), /Nothing was changed: writes need a token/);
    await page.getByRole('button', { name: 'Back' }).click();
    t.strictSame(
      await Promise.all((await dialog.locator('input').all()).map((input) => input.inputValue())),
      ['5000', 'a test', 'not-a-token-0123456789'],
      'what was typed is there still',
    );
    await ask(`${TOKEN}-reads`);
    await page.getByRole('button', { name: 'Yes, do it' }).click();
    t.match(await page.locator('#change-said').innerText(), /reader may read only/);
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('button', { name: 'Forget token' }).click();
    await page.getByRole('button', { name: 'Change ingestion_burst_size' }).click();
    await ask(TOKEN);
    t.strictSame(await seriousFindings(page), []);
    await page.getByRole('button', { name: 'Yes, do it' }).click();
    t.match(await page.locator('#change-said').innerText(), /Done: this replica alone obeys/);
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByText('set for a time alice').waitFor();
    t.equal(
      await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])'),
      '[{},{},""]',
    );
    await page.getByRole('button', { name: 'Take back ingestion_burst_size' }).click();
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByRole('button', { name: 'Yes, do it' }).click();
    await page.getByText('Done:').waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    await page.keyboard.press('Escape');
    await page.getByText(/alice.*took back ingestion_burst_size: 5,000.*noisy/).waitFor();
  });

  await t.test('it says when the connection is lost, and goes on when it is back', async (t) => {
    const { flags } = await given(t);
    const port = await freePort();
    const fixed = [...flags, `--listen.admin=127.0.0.1:${port}`];
    const edge = await startEdge(t, fixed);
    const { page } = await open(t, browser, `${edge.admin}/`);
    await page.locator('#connection', { hasText: 'Live' }).waitFor();
    await edge.stop();
    await page.locator('#connection', { hasText: 'Connection lost: what is shown is of' }).waitFor();
    const again = await startEdge(t, fixed);
    await page.locator('#connection', { hasText: 'Live' }).waitFor();
    await push(again.proxy, 'noisy');
    await page.locator('tbody').getByText('noisy').waitFor();
  });

  await t.test('Mimir that does not answer is the first thing that it says', async (t) => {
    const { edge, mimir } = await given(t);
    const { page } = await open(t, browser, `${edge.admin}/`);
    const first = (hasText: RegExp) => page.locator('.notices p:first-of-type', { hasText }).waitFor();
    await first(/Nothing was sent to Mimir in the last ten seconds\.$/);
    await push(edge.proxy, 'steady');
    await first(/Mimir answers\.$/);
    await mimir.close();
    t.equal((await push(edge.proxy, 'steady')).status, 502);
    await first(/^(Problem|Note): Mimir at http:\S+ (fails|answers none of).* Last: (unreachable|broken)/);
    t.equal(await page.getByText('The edge is well').count(), 0);
  });

  await t.test('of several addresses of Mimir it says which one is left out', async (t) => {
    const { flags, mimir } = await given(t);
    const other = await upstream();
    t.teardown(() => other.close());
    const both = `--upstream.url=${mimir.url},${other.url}`;
    const edge = await startEdge(t, [...flags.filter((flag) => !flag.startsWith('--upstream.url')), both]);
    await mimir.close();
    const { page } = await open(t, browser, `${edge.admin}/`);
    const row = page.locator('#addresses tr', { hasText: mimir.url });
    await row.getByText('yes').waitFor();
    for (let i = 0; i < 20; i++) t.equal((await push(edge.proxy, 'steady')).status, 200);
    // Tried again each time that it was out for, and out again.
    await row.getByText(/left out|one at a time/).waitFor();
    await row.getByText(/unreachable/).waitFor();
  });

  await t.test('reading with a token', async (t) => {
    const { flags } = await given(t);
    const edge = await startEdge(t, [...flags, '--admin.reads=token']);
    const { page } = await open(t, browser, `${edge.admin}/`);
    await page.getByLabel('Token').fill(`${TOKEN}-reads`);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText('The edge is well').waitFor();
  });

  await t.test('in the dark, on a narrow screen, behind a path prefix', async (t) => {
    const { edge } = await given(t);
    for (let i = 0; i < 3; i++) await push(edge.proxy, 'noisy');
    const proxy = createServer((req, res) => {
      const path = (req.url ?? '').replace(/^\/ops\/edge/, '');
      request(`${edge.admin}${path}`, { method: req.method, headers: req.headers }, (answer) => {
        res.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.on('error', () => res.destroy()).pipe(res);
      })
        .on('error', () => res.destroy())
        .end();
    });
    t.teardown(() => {
      proxy.close();
      proxy.closeAllConnections();
    });
    const url = await listen(proxy);
    const { page, complaints } = await open(t, browser, `${url}/ops/edge/`, {
      colorScheme: 'dark',
      viewport: { width: 380, height: 800 },
    });
    for (const hash of ['#/', '#/tenants/noisy']) {
      await page.goto(`${url}/ops/edge/${hash}`);
      await page.getByText('rate_limited').first().waitFor();
      const width = await page.evaluate<number>('document.documentElement.scrollWidth');
      const back = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      t.ok(width <= 380, `${width} pixels wide`);
      t.equal(back, 'rgb(18, 22, 27)');
      t.strictSame(await seriousFindings(page), []);
      await page.screenshot({ path: join(ARTIFACTS, `narrow-${hash.length}.png`), fullPage: true });
    }
    t.strictSame(complaints, []);
  });

  if (more.length === 0) return;
  await t.test('a worker that is killed while the page is open', async (t) => {
    const { edge } = await given(t);
    const { page, complaints } = await open(t, browser, `${edge.admin}/`);
    for (let i = 0; i < 10; i++) await push(edge.proxy, 'noisy');
    const row = page.locator('tbody tr').first();
    await row.getByText('rate_limited 9').waitFor();
    const ready = (await (await fetch(`${edge.admin}/readyz`)).json()) as { each: { pid: number }[] };
    const { pid } = ready.each[0]!;
    process.kill(pid, 'SIGKILL');
    const replaced = async (): Promise<boolean> => {
      const { each } = (await (await fetch(`${edge.admin}/readyz`)).json()) as { each: { pid: number }[] };
      return each.length === 2 && each.every((worker) => worker.pid !== pid);
    };
    t.ok(await eventually(replaced, 20_000), 'it is replaced');
    t.match(await row.innerText(), /rate_limited 9/, 'what it had counted is still there');
    for (let i = 0; i < 5; i++) await push(edge.proxy, 'noisy');
    await row.getByText('rate_limited 14').waitFor();
    t.match(await page.locator('#connection').innerText(), /Live/);
    t.strictSame(complaints, []);
  });
}
