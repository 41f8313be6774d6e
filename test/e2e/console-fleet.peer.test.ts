/**
 * The console over a real fleet: three replicas, Redis, two addresses of Mimir. Every view at every width, in the light and
 * in the dark; then what it says when each of them fails. Pictures go to the folder that ARTIFACTS names.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { PUSH_500, send, upstream } from '../doors/http/fixtures.js';
import { compress, oneSampleEach } from '../payload/encode.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import { findings, open, overflow, picture, shows, startBrowser } from './browser.js';
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
  upstream: '#/upstream',
  fleet: '#/fleet',
} as const;
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
  const [first, second, third] = edges;
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
    const metrics = await Promise.all(
      edges.map(async ({ admin }) => (await fetch(`${admin}/metrics`)).text()),
    );
    const counted = (name: string, ...labels: string[]): number =>
      metrics
        .flatMap((text) => text.split('\n'))
        .filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)))
        .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    for (const tenant of ['team-checkout', 'team-search-production-eu-west-1-blue']) {
      const lost = counted('mimir_edge_discarded_samples_total', `"${tenant}"`);
      t.ok(lost > 0, `${tenant} lost ${lost} samples`);
      const row = `[...document.querySelectorAll('#losers tbody tr')].find((row) => row.querySelector('a').href.endsWith('${tenant}'))`;
      t.ok(
        await shows(page, `${row}?.innerText.includes(${JSON.stringify(`${short(lost)} samples,`)})`, 60_000),
        `${tenant}: the page shows ${short(lost)}: ${await page.evaluate(`${row}?.innerText`)}`,
      );
    }
    await page.getByText(/^of 3 replicas, \d+ s old$/).waitFor();
    await page.locator('nav').getByRole('link', { name: 'Fleet' }).click();
    await page.locator('#replicas tbody tr').nth(2).waitFor();
    const pushes = await page.evaluate<number[]>(
      "[...document.querySelectorAll('#replicas tbody tr')].map((row) => Number(row.querySelectorAll('data')[1].value))",
    );
    t.strictSame(pushes, [5, 5, 5], 'what each replica has got');
    t.strictSame(complaints, []);
  });

  await t.test(
    'every view has room and no violations at every width, in the light and in the dark',
    async (t) => {
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
    await picture(page, 'state-stale');
    t.strictSame(await findings(page), []);
    first.child.kill('SIGCONT');
    await page.locator('#connection', { hasText: 'Live' }).waitFor();
    await page.locator('nav').getByRole('link', { name: 'Overview' }).click();
  });

  await t.test('a replica that dies is missed', async () => {
    await second.stop('SIGKILL');
    await page.locator('#part-edge', { hasText: '2 replicas' }).waitFor({ timeout: 60_000 });
    await page.locator('nav').getByRole('link', { name: 'Fleet' }).click();
    await page.locator('#replicas', { hasText: 'silent for' }).waitFor({ timeout: 90_000 });
    await picture(page, 'state-replica');
    await page.locator('nav').getByRole('link', { name: 'Overview' }).click();
  });

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
    for (let i = 0; i < 3; i++) await push(first, 'infra-dns', compress(oneSampleEach(4)));
    await says(t, /Mimir does not answer/, /Mimir at http:\S+ answers none of/, 'mimir');
    await page.locator('nav').getByRole('link', { name: 'Upstream' }).click();
    await page.locator('#addresses tr', { hasText: 'down' }).first().waitFor();
    await picture(page, 'state-mimir-addresses');
  });
});

/** As the page writes it. */
function short(value: number): string {
  return value < 1000 ? String(value) : `${Number((value / 1000).toFixed(1))}\u00a0k`;
}
