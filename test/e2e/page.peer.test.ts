/** The console in a real browser, over a real edge with real traffic: in one process, and with workers. */
import { writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import t, { type Test } from 'tap';
import { eventually, listen, PUSH_500, send, upstream } from '../doors/http/fixtures.js';
import { freePort } from '../free-port.js';
import { compress, oneSampleEach } from '../payload/encode.js';
import { findings, open, overflow, picture, shows, startBrowser } from './browser.js';
import { needs, startEdge } from './processes.js';

const TOKEN = 'page-token-0123456789';
const OVERRIDES = `overrides:
  noisy: { ingestion_rate: 2, ingestion_burst_size: 600 }
  steady: { ingestion_rate: 1e6, ingestion_burst_size: 1e6 }
  cut: { max_global_series_per_user: 4 }
  small: { ingestion_rate: 1, ingestion_burst_size: 50 }
`;
/** Each waits most of the time: for the next word from its edge. */
const AT_ONCE = 4;

const FIRST_ROW = "document.querySelector('.tenants tbody tr:not(.spacer)')";

/** What can be pressed and is less than 40 pixels high. */
const TOO_SMALL =
  "[...document.querySelectorAll('button:not(.bare, .skip), nav a, select, input, summary')].filter((one) => { const { height } = one.getBoundingClientRect(); return height > 0 && height < 40; }).map((one) => one.textContent)";

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
  return { flags, mimir, file: join(folder, 'overrides.yaml'), edge: await startEdge(t, flags) };
}

const push = (url: string, tenant: string) => send(url, PUSH_500, { 'X-Scope-OrgID': tenant });

t.setTimeout(400_000);

if (needs(t, 'chromium')) {
  t.jobs = AT_ONCE;
  const browser = await startBrowser(t);
  for (const more of [[], ['--workers=2']]) pageTests(browser, more);
}

function pageTests(browser: Browser, more: readonly string[]): void {
  const given = (t: Test) => givenEdge(t, more);
  const test = (promise: string, run: (t: Test) => Promise<void>): void => {
    t.test(`${more[0] ?? 'one process'}: ${promise}`, { buffered: true }, run);
  };

  test('shows what the API says, and who is refused, without a reload or a complaint', async (t) => {
    const { edge } = await given(t);
    const { page, complaints } = await open(t, browser, `${edge.admin}/`);
    await page.getByText('No tenant has sent anything yet').waitFor();
    await page.getByText('The edge is well, and nothing is lost').waitFor();
    for (let i = 0; i < 4; i++) await push(edge.proxy, 'steady');
    for (let i = 0; i < 10; i++) await push(edge.proxy, 'noisy');
    const first = page.locator('#losers tbody tr').first();
    await first.getByText('9 pushes').waitFor();
    t.match(await first.innerText(), /^noisy\s.*rate_limited 4\.5\sk samples, 4\.5\sk series, 9 pushes/s);
    t.match(await first.innerText(), /over its ingestion rate/);
    t.match(await first.innerText(), /above it/);
    await page.getByRole('heading', { name: 'One tenant loses samples.' }).waitFor();
    t.match(await page.locator('#part-tenants').innerText(), /1 of 2 tenants/);
    t.match(await page.locator('#refusals').innerText(), /noisy\s+over its ingestion rate\s+rate_limited/);
    t.strictSame(await findings(page), []);
    await picture(page, `overview${more.length}`);
    await page
      .getByRole('link', { name: /^Tenants/ })
      .first()
      .click();
    const row = page.locator('.tenants tbody tr').first();
    await row.getByText('noisy').waitFor();
    t.match(await row.innerText(), /rate_limited 4\.5\sk samples, 4\.5\sk series, 9 pushes/);
    t.match(await row.innerText(), /above it/);

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
    t.strictSame(await findings(page), []);
    t.strictSame(complaints, []);
  });

  test('a tenant that loses 141 of 145 series is first, and says what it lost', async (t) => {
    const { edge } = await given(t);
    const lose = (tenant: string, series: number) =>
      send(edge.proxy, compress(oneSampleEach(series)), { 'X-Scope-OrgID': tenant });
    t.equal((await lose('small', 100)).status, 429);
    t.equal((await lose('cut', 145)).status, 400);
    const { page, complaints } = await open(t, browser, `${edge.admin}/`);
    const losers = page.locator('#losers tbody tr');
    await losers.nth(1).waitFor();
    t.match(await losers.allInnerTexts(), [
      /^cut\s.*per_user_series_limit 141 samples, 141 series\s/s,
      /^small\s.*burst_exceeded 100 samples, 100 series, 1 push\s/s,
    ]);
    await page.goto(`${edge.admin}/#/tenants`);
    const rows = page.locator('.tenants tbody tr');
    await rows.nth(1).waitFor();
    t.match(await rows.allInnerTexts(), [
      /^cut\s.*per_user_series_limit 141 samples, 141 series$/s,
      /^small\s.*burst_exceeded 100 samples, 100 series, 1 push$/s,
    ]);
    await page.getByRole('link', { name: 'cut' }).first().click();
    const why = page.locator('#why');
    await why.getByText('per_user_series_limit 141 samples, 141 series').waitFor();
    await page.locator('#chart-lost').waitFor({ timeout: 30_000 });
    t.match(await page.locator('#chart-lost').getAttribute('aria-label'), /per_user_series_limit: now/);
    t.equal(await page.locator('#chart-refused').count(), 0, 'no push was refused whole');
    t.strictSame(complaints, []);
  });

  test('search, sort and keys', async (t) => {
    const { edge } = await given(t);
    for (const tenant of ['steady', 'noisy', 'third']) await push(edge.proxy, tenant);
    await push(edge.proxy, 'third');
    const { page, complaints } = await open(t, browser, `${edge.admin}/#/tenants`);
    const names = () => page.locator('.tenants tbody th a').allInnerTexts();
    await page.locator('.tenants tbody tr').nth(2).waitFor();
    await page.getByRole('button', { name: 'Tenant', exact: true }).click();
    await page.locator('th[aria-sort=ascending]').waitFor();
    await shows(page, `${FIRST_ROW}.querySelector('a').textContent === 'noisy'`);
    t.strictSame(await names(), ['noisy', 'steady', 'third']);
    await page.getByRole('button', { name: 'Pushes/s' }).click();
    await shows(page, `${FIRST_ROW}.querySelector('a').textContent === 'third'`);
    await page.locator('.tenants tbody a').first().focus();
    await page.keyboard.press('ArrowDown');
    t.equal(await page.evaluate('document.activeElement.textContent'), 'noisy');
    await page.keyboard.press('/');
    await page.keyboard.type('STEA');
    await shows(page, `document.querySelectorAll('.tenants tbody tr').length === 1`);
    t.strictSame(await names(), ['steady']);
    t.equal(await page.evaluate('document.activeElement.id'), 'search', 'what is typed in stays so');
    await page.keyboard.type('x');
    await page.getByText('No tenant in memory has “STEAx” in its name.').waitFor();
    await page.keyboard.press('Backspace');
    await page.locator('#range').selectOption('15m');
    t.match(page.url(), /search=STEA/);
    await page.reload();
    await page.locator('.tenants tbody tr').first().waitFor();
    t.strictSame(await names(), ['steady'], 'what was searched survives a reload');
    t.equal(await page.locator('#search').inputValue(), 'STEA');
    t.equal(await page.locator('#range').inputValue(), '15m');
    await page.locator('th[aria-sort=descending]', { hasText: 'Pushes/s' }).waitFor();
    await page.locator('.tenants tbody a').first().focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'steady', exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.tenants tbody tr').first().waitFor();
    t.strictSame(await names(), ['steady'], 'and the way back');
    await page.getByRole('button', { name: 'Losing' }).click();
    await page.getByText('No tenant in memory has “STEA” in its name.').waitFor();
    await page.locator('#search').fill('');
    await page.getByText(/No tenant loses anything \(last 15\smin\)\./).waitFor();
    t.strictSame(complaints, []);
  });

  test('an answer that comes late does not take the place of what was asked for since', async (t) => {
    const { edge } = await given(t);
    for (const tenant of ['steady', 'noisy']) await push(edge.proxy, tenant);
    const { page } = await open(t, browser, `${edge.admin}/#/tenants`);
    await page.locator('.tenants tbody tr').nth(1).waitFor();
    let letGo = (): void => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const asked = new Promise<void>((resolve) => {
      void page.route(/tenants\?.*search=noi/, async (route) => {
        resolve();
        await held;
        await route.continue().catch(() => {});
      });
    });
    await page.locator('#search').fill('noi');
    await asked;
    await page.locator('#search').fill('stea');
    t.ok(await shows(page, `${FIRST_ROW}.querySelector('a').textContent === 'steady'`));
    letGo();
    // The next word from the edge would mend it within two seconds.
    t.notOk(await shows(page, `${FIRST_ROW}?.querySelector('a').textContent !== 'steady'`, 3000));
  });

  test('what the edge can not answer is said, with of when is what stays', async (t) => {
    const { edge } = await given(t);
    for (let i = 0; i < 3; i++) await push(edge.proxy, 'noisy');
    const { page } = await open(t, browser, `${edge.admin}/`);
    const busy = { status: 503, json: { detail: 'The edge is busy' } };
    const note = page.getByText(
      /What is shown is of \d\d:\d\d:\d\d and could not be read anew: The edge is busy\./,
    );
    for (const [hash, there, path] of [
      ['#/', '#losers tbody tr', '**/overview?*'],
      ['#/tenants', '.tenants tbody tr', '**/tenants?*'],
      ['#/tenants/noisy', '#why', '**/tenants/noisy?*'],
    ] as const) {
      await page.goto(`${edge.admin}/${hash}`);
      await page.locator(there).first().waitFor();
      await page.route(path, (route) => route.fulfill(busy));
      await note.waitFor();
      t.ok(await page.locator(there).first().isVisible(), `${hash}: what was read stays`);
      t.strictSame(await findings(page), []);
      await page.unroute(path);
      await note.waitFor({ state: 'detached' });
    }
    await page.route('**/overview?*', (route) => route.fulfill(busy));
    await page.goto(`${edge.admin}/#/`);
    await page.getByText('What was sent and lost could not be read.').waitFor();
    t.equal(await note.count(), 0, 'of what was never read nothing is old');
  });

  test('under a tenant’s name nothing is shown of the one before', async (t) => {
    const { edge } = await given(t);
    for (const tenant of ['steady', 'noisy']) {
      await send(edge.proxy, PUSH_500, { 'X-Scope-OrgID': tenant, 'User-Agent': `${tenant}-program/1` });
    }
    const { page } = await open(t, browser, `${edge.admin}/#/tenants/noisy`);
    await page.locator('#tenant-senders').getByText('noisy-program').waitFor();
    await page.route(/api\/v1\/.*steady/, () => {});
    await page.evaluate("location.hash = '#/tenants/steady'");
    await page.getByRole('heading', { level: 1, name: 'steady' }).waitFor();
    await page.getByText('Reading what steady sends …').waitFor();
    t.notMatch(await page.locator('#main').innerText(), /noisy|ingestion_rate/);
  });

  test('a tenant: charts, refusals in plain words, limits and where they come from', async (t) => {
    const { edge, file } = await given(t);
    for (let i = 0; i < 3; i++) await push(edge.proxy, 'noisy');
    const { page, complaints } = await open(t, browser, `${edge.admin}/`);
    await page.locator('#losers').getByRole('link', { name: 'noisy' }).click();
    await page.getByText('Raise ingestion_rate or ingestion_burst_size, or send less.').first().waitFor();
    t.equal(await page.evaluate('document.activeElement.textContent'), 'noisy', 'a reader hears where it is');
    const limit = page.getByRole('row', { name: /^ingestion_rate 2/ });
    t.match(await limit.innerText(), /overrides .*overrides\.yaml/);
    // Those of losses come with the first step of ten seconds.
    for (const id of ['items', 'pushes', 'series', 'bytes']) {
      t.equal(await page.locator(`#chart-${id} canvas`).count(), 1);
    }
    const defaults = page.getByRole('row', { name: /^(bytes_per_second|request_rate) / });
    t.equal(await defaults.count(), 0, 'what it has of its own comes first');
    await page.locator('#limits').getByRole('button', { name: 'All' }).click();
    t.match(page.url(), /limits=all/);
    t.match(await page.getByRole('row', { name: /^bytes_per_second / }).innerText(), /the edge’s default/);
    t.match(await page.getByRole('row', { name: /^request_rate / }).innerText(), /Mimir’s default/);
    t.equal(
      await page.getByRole('button', { name: 'Change ha_tracker_update_timeout_jitter_max' }).count(),
      0,
    );
    t.match(await page.locator('#chart-series').getAttribute('aria-label'), /limit: 150\sk/);
    await page.getByText('What it means').first().click();
    for (let i = 0; i < 3; i++) await push(edge.proxy, 'noisy');
    await page
      .locator('#refusals')
      .getByText(/× [4-9]/)
      .first()
      .waitFor();
    t.ok(await page.getByText('The sender was told: ').first().isVisible(), 'it stays open under traffic');
    await page.getByRole('button', { name: 'Hold still' }).click();
    const held = await page.locator('#refusals li').first().innerText();
    for (let i = 0; i < 3; i++) await push(edge.proxy, 'noisy');
    await page
      .locator('#why')
      .getByText(/[78] pushes/)
      .waitFor();
    t.equal(await page.locator('#refusals li').first().innerText(), held, 'what is held does not move');
    await page.getByRole('button', { name: 'Held: go on' }).click();
    await page
      .locator('#refusals')
      .getByText(/× [78]/)
      .first()
      .waitFor();
    t.match(
      await page.locator('.figures').innerText(),
      /ingestion_rate\s+■ \d.*(%|×) of the limit\s*, above it/,
    );
    writeFileSync(file, OVERRIDES.replace('ingestion_rate: 2,', 'ingestion_rate: 1,'));
    await page.getByText(/ingestion_rate 2 → 1/).waitFor();
    t.match(
      await page.locator('#chart-items').getAttribute('aria-label'),
      /limit: 1; limit changed at .*: 2 → 1/,
      'the past keeps its limit',
    );
    await page.keyboard.press('Escape');
    await page.locator('.tenants').waitFor();
    await page.goto(`${edge.admin}/#/changes`);
    await page.getByText(/overrides\.yaml set ingestion_rate to 1 \(was 2\) for noisy/).waitFor();
    await page.goto(`${edge.admin}/#/tenants/noisy`);
    await page.getByRole('row', { name: /^ingestion_rate 1 / }).waitFor();
    // At the end of the curve: what was before the edge began is not known.
    const end = ((await page.locator('#chart-items .u-over').boundingBox())?.width ?? 0) - 1;
    await page.locator('#chart-items .u-over').hover({ position: { x: end, y: 40 } });
    // Steps come every ten seconds: with the second one what is under the pointer is known.
    await shows(
      page,
      "/accepted\\s+\\d/.test(document.querySelector('.chart:has(#chart-items) .legend').innerText)",
      40_000,
    );
    t.match(
      await page
        .locator('.chart', { has: page.locator('#chart-items') })
        .locator('.legend')
        .innerText(),
      /^\d\d:\d\d:\d\d\s.*accepted\s+[\d.]+.*offered\s+[\d.]+.*lost\s+[\d.]+/s,
      'values where the pointer is',
    );
    t.strictSame(await findings(page), []);
    await picture(page, `tenant${more.length}`);
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { name: 'Tenants' }).waitFor();
    t.strictSame(complaints, []);
  });

  test('a refusal that somebody reads stays and stays open, whatever comes after it', async (t) => {
    const { edge } = await given(t);
    const refuse = (tenant: string) =>
      send(edge.proxy, new Uint8Array([255, 255, 255]), { 'X-Scope-OrgID': tenant });
    t.equal((await refuse('read')).status, 400);
    const { page, complaints } = await open(t, browser, `${edge.admin}/`);
    const read = page.locator('#refusals li', { has: page.getByRole('link', { name: 'read', exact: true }) });
    await read.getByText('What it means').click();
    const told = read.getByText('The sender was told: ');
    await told.waitFor();
    // More than are shown, and more than the page is told of.
    for (let i = 0; i < 60; i++) await refuse(`other-${i}`);
    await page.locator('#refusals').getByRole('link', { name: 'other-59' }).waitFor();
    t.ok(await told.isVisible());
    t.ok((await page.locator('#refusals li').count()) <= 21, 'of the others there are no more than ever');
    for (let i = 0; i < 2; i++) await refuse('read');
    await read.getByText('× 2').waitFor();
    t.ok(await told.isVisible());
    await page.getByRole('button', { name: 'Hold still' }).click();
    const held = await page.locator('#refusals ul').innerText();
    for (let i = 60; i < 90; i++) await refuse(`other-${i}`);
    await page.locator('#by-reason').getByText('93 pushes').waitFor({ timeout: 20_000 });
    t.equal(await page.locator('#refusals ul').innerText(), held, 'what is held does not move');
    await read.getByText('What it means').click();
    await page.getByRole('button', { name: 'Held: go on' }).click();
    await page.locator('#refusals').getByRole('link', { name: 'other-89' }).waitFor();
    t.equal(await read.count(), 0, 'what nobody reads any more makes room');
    t.strictSame(complaints, []);
  });

  test('a change: without a token, with one that may not, with one that may; and back', async (t) => {
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
    t.strictSame(await findings(page), []);
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
    await page.goto(`${edge.admin}/#/changes`);
    await page.getByText(/alice.*took back ingestion_burst_size: 5,000.*noisy/).waitFor();
  });

  test('it says when the connection is lost, and goes on when it is back', async (t) => {
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
    await page.goto(`${edge.admin}/#/tenants`);
    await page.locator('tbody').getByText('noisy').waitFor();
  });

  test('Mimir that does not answer is the first thing that it says', async (t) => {
    const { edge, mimir } = await given(t);
    const { page } = await open(t, browser, `${edge.admin}/`);
    const part = (hasText: RegExp) => page.locator('#part-mimir', { hasText }).waitFor();
    await part(/Nothing was sent to Mimir in the last ten seconds\.$/);
    await push(edge.proxy, 'steady');
    await part(/1 of 1 well.*0 % of 1 request failed/s);
    await page.getByRole('heading', { name: /Mimir answers\.$/ }).waitFor();
    await mimir.close();
    t.equal((await push(edge.proxy, 'steady')).status, 502);
    await page
      .locator('.problems li', {
        hasText: /Mimir\s+Mimir at http:\S+ (fails|answers none of).* Last: (unreachable|broken)/,
      })
      .waitFor();
    await page
      .getByRole('heading', { name: /^Mimir (fails|does not answer)\. The edge is well\.$/ })
      .waitFor();
    t.equal(await page.getByText('nothing is lost').count(), 0);
    t.strictSame(await findings(page), []);
  });

  test('of several addresses of Mimir it says which one is left out', async (t) => {
    const { flags, mimir } = await given(t);
    const other = await upstream();
    t.teardown(() => other.close());
    const both = `--upstream.url=${mimir.url},${other.url}`;
    const edge = await startEdge(t, [...flags.filter((flag) => !flag.startsWith('--upstream.url')), both]);
    await mimir.close();
    const { page } = await open(t, browser, `${edge.admin}/#/upstream`);
    const row = page.locator('#addresses tr', { hasText: mimir.url });
    await row.getByText('yes').waitFor();
    for (let i = 0; i < 20; i++) t.equal((await push(edge.proxy, 'steady')).status, 200);
    // Tried again each time that it was out for, and out again.
    await row.getByText(/left out|one at a time/).waitFor();
    await row.getByText(/unreachable/).waitFor();
  });

  test('reading with a token', async (t) => {
    const { flags } = await given(t);
    const edge = await startEdge(t, [...flags, '--admin.reads=token']);
    const { page } = await open(t, browser, `${edge.admin}/`);
    await page.getByLabel('Token').fill(`${TOKEN}-reads`);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText('The edge is well').waitFor();
    t.strictSame(await findings(page), []);
  });

  test('in the dark, on a narrow screen, behind a path prefix', async (t) => {
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
      hasTouch: true,
    });
    for (const hash of ['#/', '#/tenants', '#/tenants/noisy']) {
      await page.goto(`${url}/ops/edge/${hash}`);
      await page.getByText('rate_limited').first().waitFor();
      const back = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      t.equal(await overflow(page), 0, 'nothing is beside the screen');
      t.strictSame(await page.evaluate(TOO_SMALL), [], 'what is pressed is as high as a finger needs');
      t.equal(back, 'rgb(14, 17, 22)');
      t.strictSame(await findings(page), []);
      await picture(page, `narrow-${hash.length}`);
    }
    t.strictSame(complaints, []);
  });

  if (more.length === 0) return;
  test('a worker that is killed while the page is open', async (t) => {
    const { edge } = await given(t);
    const { page, complaints } = await open(t, browser, `${edge.admin}/#/tenants`);
    for (let i = 0; i < 10; i++) await push(edge.proxy, 'noisy');
    const row = page.locator('.tenants tbody tr').first();
    await row.getByText(/rate_limited .*9 pushes/).waitFor();
    const ready = (await (await fetch(`${edge.admin}/readyz`)).json()) as { each: { pid: number }[] };
    const { pid } = ready.each[0]!;
    process.kill(pid, 'SIGKILL');
    const replaced = async (): Promise<boolean> => {
      const { each } = (await (await fetch(`${edge.admin}/readyz`)).json()) as { each: { pid: number }[] };
      return each.length === 2 && each.every((worker) => worker.pid !== pid);
    };
    t.ok(await eventually(replaced, 20_000), 'it is replaced');
    t.match(await row.innerText(), /rate_limited .*9 pushes/, 'what it had counted is still there');
    for (let i = 0; i < 5; i++) await push(edge.proxy, 'noisy');
    await row.getByText(/rate_limited .*14 pushes/).waitFor();
    t.match(await page.locator('#connection').innerText(), /Live/);
    t.strictSame(complaints, []);
  });
}
