/**
 * The console over a real fleet: three replicas, Redis, two addresses of Mimir. Every view at every width, in the light and
 * in the dark; then what it says when each of them fails. Pictures go to the folder that ARTIFACTS names.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { short } from '#src/base/amounts.js';
import { eventually, PUSH_500, send, upstream } from '../doors/http/fixtures.js';
import { compress, oneSampleEach } from '../payload/encode.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import { findings, open, overflow, picture, shows, startBrowser, unreadable } from './browser.js';
import { needs, type StartedEdge, startEdge } from './processes.js';

t.setTimeout(400_000);

const TOKEN = 'fleet-token-0123456789';
const OVERRIDES = `overrides:
  team-checkout: { ingestion_rate: 2, ingestion_burst_size: 600 }
  team-search-production-eu-west-1-blue: { max_global_series_per_user: 4 }
  infra-dns: { max_global_series_per_user: 520 }
`;
const VIEWS = {
  overview: '#/',
  tenants: '#/tenants',
  tenant: '#/tenants/team-checkout',
  changes: '#/changes',
  senders: '#/senders',
  advice: '#/advice',
  trials: '#/trials',
  upstream: '#/upstream',
  fleet: '#/fleet',
} as const;
const LONG_NAME = 'platform-observability-kubernetes-monitoring-shared-services-euw1';
const LONG_PROGRAM = 'OpenTelemetry-Collector-Contrib/0.108.0';
const CURRENT_IN_SIGHT =
  "(() => { const { left, right } = document.querySelector('nav [aria-current]').getBoundingClientRect(); return left >= 0 && right <= innerWidth; })()";
const WIDTHS = [1440, 1024, 768, 380];
/** axe takes a second: the widest and the narrowest have all that the others have. */
const LOOKED_AT_BY_AXE = [1440, 380];

async function givenFleet(t: Test) {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const mimirs = [await upstream(), await upstream()];
  for (const mimir of mimirs) t.teardown(() => mimir.close());
  const folder = t.testdir();
  const file = join(folder, 'overrides.yaml');
  writeFileSync(file, OVERRIDES);
  writeFileSync(join(folder, 'tokens'), `alice write ${TOKEN}\n`);
  const flags = [
    `--upstream.url=${mimirs.map(({ url }) => url).join(',')}`,
    `--overrides.file=${file}`,
    `--admin.tokens_file=${join(folder, 'tokens')}`,
    `--state.redis.url=${redis.url}`,
  ];
  const edges = await Promise.all([
    startEdge(t, flags),
    startEdge(t, flags),
    startEdge(t, [...flags, '--admin.reads=token']),
  ]);
  return { redis, mimirs, file, edges: edges as [StartedEdge, StartedEdge, StartedEdge] };
}

t.test('the console of a fleet', { skip: redisMissing }, async (t) => {
  if (!needs(t, 'chromium')) return;
  const browser = await startBrowser(t);
  const { redis, mimirs, file, edges } = await givenFleet(t);
  const [first, , third] = edges;
  const push = (edge: StartedEdge, tenant: string, body: Uint8Array = PUSH_500) =>
    send(edge.proxy, body, { 'X-Scope-OrgID': tenant });
  const traffic = async (): Promise<void> => {
    for (const edge of edges) {
      for (let i = 0; i < 3; i++) await push(edge, 'team-checkout');
      await push(edge, 'team-search-production-eu-west-1-blue', compress(oneSampleEach(20)));
      await push(edge, 'infra-dns');
    }
  };
  await traffic();

  await t.test('numbers on the page are the sums of the counters of all replicas', async (t) => {
    const { page, complaints } = await open(t, browser, `${first.admin}/`);
    await agrees(t, page, await Promise.all(edges.map(lostOf)));
    await page.getByText(/^of 3 replicas, \d+ s old$/).waitFor();
    const begins =
      "/ not known before/.test(document.querySelector('#chart-samples')?.getAttribute('aria-label'))";
    t.ok(await shows(page, begins), 'a mark says where what is known begins');
    await page.locator('nav').getByRole('link', { name: 'Tenants' }).click();
    await page.locator('.tenants .spark').nth(2).waitFor();
    const starts = await page.evaluate<number[]>(
      "[...document.querySelectorAll('.tenants .spark')].map((spark) => spark.querySelector('polyline').points[0].x)",
    );
    t.ok(
      starts.every((x) => x > 80),
      `curves begin when the fleet does: ${starts}`,
    );
    await page.locator('nav').getByRole('link', { name: 'Fleet' }).click();
    await page.locator('#replicas tbody tr').nth(2).waitFor();
    const pushes = await page.evaluate<number[]>(
      "[...document.querySelectorAll('#replicas tbody tr')].map((row) => Number(row.querySelectorAll('data')[1].value))",
    );
    t.strictSame(pushes, [5, 5, 5], 'what each replica has got');
    const says = page.locator('#replicas tbody td', { hasText: /^\S+\s*well/ });
    await says.nth(2).waitFor();
    await page.locator('nav').getByRole('link', { name: 'Upstream' }).click();
    await page
      .locator('#addresses-of-all')
      .getByText(/^of 3 replicas, \d+ s old$/)
      .waitFor();
    t.equal(await page.locator('#addresses-of-all tbody tr').count(), mimirs.length);
    await page.goto(`${first.admin}/#/tenants/team-checkout`);
    t.ok(
      await shows(
        page,
        "/ 3 replicas started, version /.test(document.querySelector('#chart-items')?.getAttribute('aria-label'))",
        60_000,
      ),
      'a deploy of all replicas is one mark',
    );
    await page.goto(`${first.admin}/#/changes?from=starts`);
    await page
      .locator('.timeline li', { hasText: /replica \S+ started, version / })
      .nth(2)
      .waitFor();
    t.strictSame(complaints, []);
  });

  await t.test(
    'every view has room and no violations at every width, in the light and in the dark',
    async (t) => {
      await send(first.proxy, PUSH_500, { 'X-Scope-OrgID': LONG_NAME, 'User-Agent': LONG_PROGRAM });
      for (const colorScheme of ['light', 'dark'] as const) {
        for (const width of WIDTHS) {
          const { page, complaints } = await open(t, browser, `${first.admin}/`, {
            colorScheme,
            viewport: { width, height: 900 },
          });
          for (const [name, hash] of Object.entries(VIEWS)) {
            await page.goto(`${first.admin}/${hash}`);
            await page.locator('h1').first().waitFor();
            await shows(page, "document.querySelector('[aria-busy=true]') === null");
            t.equal(await overflow(page), 0, `${name} at ${width}`);
            t.strictSame(await unreadable(page), [], `${name} at ${width}`);
            t.ok(await shows(page, CURRENT_IN_SIGHT), `${name} at ${width}: one sees where one is`);
            if (LOOKED_AT_BY_AXE.includes(width)) {
              t.strictSame(await findings(page), [], `${name} at ${width}, ${colorScheme}`);
            }
            await picture(page, `${name}-${width}-${colorScheme}`);
          }
          // An edge that does not know who is in its fleet answers 404.
          const others = complaints.filter((text) => !text.includes('404'));
          t.strictSame(others, [], `${width}, ${colorScheme}`);
          await page.context().close();
        }
      }
    },
  );

  await t.test('a replica that wants a token for reading asks for one, and nothing else', async (t) => {
    const { page } = await open(t, browser, `${third.admin}/`);
    await page.getByRole('heading', { name: 'Reading needs a token' }).waitFor();
    t.strictSame(await findings(page), []);
    await picture(page, 'state-no-permission');
    await page.getByLabel('Token').fill(TOKEN);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.locator('#part-edge').waitFor();
  });

  const { page } = await open(t, browser, `${first.admin}/`);
  const says = async (t: Test, title: RegExp, problem: RegExp, name: string): Promise<void> => {
    await page.getByRole('heading', { level: 1, name: title }).waitFor();
    await page.locator('.problems li', { hasText: problem }).first().waitFor();
    t.strictSame(await findings(page), []);
    await picture(page, `state-${name}`);
  };

  await t.test('overrides that can not be used are the fault of the edge', async (t) => {
    writeFileSync(file, 'overrides: [');
    await says(
      t,
      /the edge has a problem/i,
      /The overrides can not be used, for .*; the last good limits stay/,
      'overrides',
    );
    writeFileSync(file, OVERRIDES);
    await shows(page, "!document.querySelector('h1').innerText.includes('the edge has')");
  });

  await t.test('an edge that hangs leaves the page as it was, and says of when that is', async (t) => {
    await page.locator('#connection', { hasText: 'Live' }).waitFor();
    first.child.kill('SIGSTOP');
    await page.locator('nav').getByRole('link', { name: 'Changes' }).click();
    await page.getByText('Reading the changes …').waitFor();
    await picture(page, 'state-loading');
    await page
      .locator('#connection', { hasText: /Connection lost: what is shown is of \d\d:\d\d:\d\d/ })
      .waitFor();
    await page.getByText('There is no connection to read the changes.').waitFor();
    await picture(page, 'state-stale');
    t.strictSame(await findings(page), []);
    first.child.kill('SIGCONT');
    await page.locator('#connection', { hasText: 'Live' }).waitFor();
    await page.locator('nav').getByRole('link', { name: 'Overview' }).click();
  });

  // One that hung may have lost the book: who took it over writes its name within ten seconds.
  await eventually(async () => {
    const each = await Promise.all(edges.map(fleetOf));
    const keeper = each.find(({ book }) => book.keptHere);
    return keeper !== undefined && each.every(({ book }) => book.keeper?.name === keeper.here);
  }, 60_000);
  const bookkeepers = await Promise.all(edges.map(bookkeeperOf));
  const killed = edges[bookkeepers.findIndex(({ keptHere }) => keptHere)]!;
  const others = edges.filter((edge) => edge !== killed);
  const [survivor] = others as [StartedEdge];

  await t.test(
    'a bookkeeper that dies is missed; the page says who took over, and its numbers are those of the counters still',
    async (t) => {
      const { name } = await bookkeeperOf(killed);
      t.equal(bookkeepers.filter(({ keptHere }) => keptHere).length, 1);
      t.ok(
        bookkeepers.every((one) => one.name === name),
        `all name the same one: ${name}`,
      );
      await page.goto(`${survivor.admin}/#/fleet`);
      await page.locator('#bookkeeper', { hasText: `added up by ${name} since` }).waitFor();
      const gone = await lostOf(killed);
      await killed.stop('SIGKILL');
      for (const edge of others) await push(edge, 'team-checkout');
      const names = await Promise.all(others.map(async (edge) => (await fleetOf(edge)).here));
      const taken = page.locator('#bookkeeper', {
        hasText: new RegExp(`by (${names.map(escaped).join('|')}) since`),
      });
      await taken.waitFor({ timeout: 60_000 });
      const elected = await Promise.all(others.map(bookkeeperOf));
      const keeper = elected.find(({ keptHere }) => keptHere);
      t.match(await page.locator('#bookkeeper').innerText(), `by ${keeper?.name} since`);
      const row = page.locator('#replicas tr', { hasText: keeper?.name ?? '' });
      t.match(await row.innerText(), /bookkeeper/);
      await page
        .locator('#replicas tr', { hasText: name ?? '' })
        .getByText('silent for')
        .waitFor({ timeout: 90_000 });
      t.strictSame(await findings(page), []);
      await picture(page, 'state-bookkeeper');
      await page.locator('nav').getByRole('link', { name: 'Overview' }).click();
      await page.locator('#part-edge', { hasText: '2 replicas' }).waitFor({ timeout: 60_000 });
      await agrees(t, page, [gone, ...(await Promise.all(others.map(lostOf)))]);
    },
  );

  await t.test(
    'Redis that is away is the fault of the edge, and each replica serves its share',
    async (t) => {
      await redis.stop();
      await says(
        t,
        /the edge has a problem/i,
        /Redis does not answer, for .*: each replica serves its share/,
        'redis',
      );
    },
  );

  await t.test('Mimir that is away is the fault of Mimir', async (t) => {
    for (const mimir of mimirs) await mimir.close();
    for (let i = 0; i < 3; i++) await push(survivor, 'infra-dns', compress(oneSampleEach(4)));
    await says(t, /Mimir does not answer/, /Mimir at http:\S+ answers none of/, 'mimir');
    await page.locator('nav').getByRole('link', { name: 'Upstream' }).click();
    await page.locator('#addresses tr', { hasText: 'down' }).first().waitFor();
    await picture(page, 'state-mimir-addresses');
  });
});

const LOSERS = ['team-checkout', 'team-search-production-eu-west-1-blue'];

/** Samples that a replica counts as lost, by tenant. */
async function lostOf({ admin }: StartedEdge): Promise<Map<string, number>> {
  const lines = (await (await fetch(`${admin}/metrics`)).text()).split('\n');
  const lost = (tenant: string): number =>
    lines
      .filter(
        (line) => line.startsWith('mimir_edge_discarded_samples_total{') && line.includes(`"${tenant}"`),
      )
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  return new Map(LOSERS.map((tenant) => [tenant, lost(tenant)]));
}

/** What the overview says of each who loses is the sum of what replicas count. */
async function agrees(t: Test, page: Page, replicas: readonly ReadonlyMap<string, number>[]): Promise<void> {
  for (const tenant of LOSERS) {
    const lost = replicas.reduce((sum, each) => sum + (each.get(tenant) ?? 0), 0);
    t.ok(lost > 0, `${tenant} lost ${lost} samples`);
    const row = `[...document.querySelectorAll('#losers tbody tr')].find((row) => row.querySelector('a').href.endsWith('${tenant}'))`;
    t.ok(
      await shows(page, `${row}?.innerText.includes(${JSON.stringify(`${short(lost)} samples,`)})`, 60_000),
      `${tenant}: the page shows ${short(lost)}: ${await page.evaluate(`${row}?.innerText`)}`,
    );
  }
}

interface Fleet {
  readonly here: string;
  readonly book: { readonly keptHere: boolean; readonly keeper: { readonly name: string | null } | null };
}

async function fleetOf({ admin }: StartedEdge): Promise<Fleet> {
  return (
    await fetch(`${admin}/api/v1/fleet`, { headers: { Authorization: `Bearer ${TOKEN}` } })
  ).json() as Promise<Fleet>;
}

/** As a replica names who was elected. */
async function bookkeeperOf(edge: StartedEdge): Promise<{ keptHere: boolean; name: string | null }> {
  const { book } = await fleetOf(edge);
  return { keptHere: book.keptHere, name: book.keeper?.name ?? null };
}

function escaped(text: string): string {
  return text.replace(/[.\\]/g, '\\$&');
}
