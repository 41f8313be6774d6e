/** A part of all rates, set for a time. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { run } from '../../cli/run.js';
import { ajv, problem, schema } from '../document.js';
import type { StartAdmin } from '../fixtures.js';

/** A push has 500 samples. */
const LIMITS = 'ingestion_rate: 1e-9, ingestion_burst_size: 2000';
const OVERRIDES = `overrides: { a: { ${LIMITS} }, vip: { ${LIMITS} }, cheap: { ${LIMITS} } }`;
const EDGE_LIMITS = 'overrides: { vip: { priority: critical }, cheap: { priority: low } }';

export function panicCases(t: Test, admin: StartAdmin): void {
  t.test('set, changed and taken back', async (t) => {
    const edge = await admin(t, edgeLimits(t), OVERRIDES);

    t.test('a panic admits a part of the rates at once, for all but critical tenants', async (t) => {
      const push = (tenant: string) => edge.push(undefined, { 'X-Scope-OrgID': tenant });
      const panic = { factor: 0.25, ttl: '15m', reason: 'ingesters are full' };
      t.match(await (await edge.write('PUT', 'panic', panic)).json(), {
        scope: 'replica',
        before: null,
        after: 0.25,
      });
      for (const tenant of ['a', 'cheap']) {
        t.equal((await push(tenant)).status, 200, tenant);
        const refused = await push(tenant);
        t.equal(refused.status, 503, `${tenant} has had a fourth of its burst`);
        t.match(await refused.text(), /may send 25 % of their rates .*\(err-edge-panic\)/);
      }
      for (let i = 0; i < 2; i++) t.equal((await push('vip')).status, 200);

      const response = await edge.get('/api/v1/panic');
      const body = await response.json();
      const validate = schema('/panic', 'get');
      t.ok(validate(body), ajv.errorsText(validate.errors));
      t.match(body, {
        admitted: { critical: 1, normal: 0.25, low: 0.25 },
        set: [{ class: null, factor: 0.25, reason: 'ingesters are full', by: 'alice' }],
      });
      t.match(await edge.json('status'), {
        panic: { admitted: { normal: 0.25 } },
        controls: [{ tenant: null, name: 'panic', value: 0.25 }],
      });
      t.match(
        (await run(['top', '--once', `--url=${edge.url}`])).stdout.replaceAll('\n  ', ' '),
        /, PANIC: normal 25 %, low 25 % of their rates; /,
      );
      t.match(await edge.json('denials?reason=edge_panic'), { denials: [{ status: 503 }, { status: 503 }] });
      const metrics = await (await edge.get('/metrics')).text();
      t.match(metrics, 'mimir_edge_panic_admitted{priority="normal"} 0.25\n');
      t.match(metrics, 'mimir_edge_panic_admitted{priority="critical"} 1\n');
      t.match(metrics, 'mimir_edge_discarded_requests_total{user="a",reason="edge_panic"} 1\n');

      t.equal((await edge.write('DELETE', 'panic', { reason: 'over' })).status, 200);
      t.match(await edge.json('panic'), { admitted: { critical: 1, normal: 1, low: 1 }, set: [] });
      t.notMatch((await run(['top', '--once', `--url=${edge.url}`])).stdout, /PANIC/);
      t.match(await edge.json('audit'), {
        entries: [
          { who: 'alice', action: 'take back', tenant: null, name: 'panic', before: 0.25, after: null },
          { who: 'alice', action: 'set', name: 'panic', before: null, after: 0.25, reason: panic.reason },
        ],
      });
      await problem(t, await edge.write('DELETE', 'panic'), 404, /no panic is set/);
    });

    t.test('a class has a part of its own, and all have one when all are named', async (t) => {
      const set = async (body: object) =>
        t.equal((await edge.write('PUT', 'panic', { ttl: '15m', reason: 'x', ...body })).status, 200);
      const admitted = async () => (await edge.json<{ admitted: object }>('panic')).admitted;
      await set({ factor: 0.5 });
      await set({ factor: 0.9, class: 'low' });
      t.same(await admitted(), { critical: 1, normal: 0.5, low: 0.9 });
      await set({ factor: 0.25, class: 'all' });
      t.same(await admitted(), { critical: 0.25, normal: 0.25, low: 0.9 });
      await set({ factor: 0.8, class: 'critical' });
      t.same(await admitted(), { critical: 0.8, normal: 0.25, low: 0.9 });
      t.equal((await edge.write('DELETE', 'panic', { class: 'all' })).status, 200);
      t.same(await admitted(), { critical: 0.8, normal: 0.5, low: 0.9 });
      await problem(t, await edge.write('DELETE', 'panic', { class: 'normal' }), 404, /no panic is set/);
      t.equal((await edge.write('DELETE', 'panic')).status, 200);
      t.same(await admitted(), { critical: 1, normal: 1, low: 1 }, 'without a class all of it ends');
    });

    t.test('what is no panic is refused with a sentence, and needs a token', async (t) => {
      for (const [body, wrong] of [
        [{ factor: 1.1, ttl: '1m', reason: 'x' }, /factor is a number from 0 to 1/],
        [{ factor: -0.1, ttl: '1m', reason: 'x' }, /factor is/],
        [{ factor: '0.5', ttl: '1m', reason: 'x' }, /factor is/],
        [{ ttl: '1m', reason: 'x' }, /factor is/],
        [{ factor: 0.5, ttl: '1m', reason: '' }, /reason/],
        [{ factor: 0.5, reason: 'x' }, /ttl is a duration/],
        [
          { factor: 0.5, ttl: '1m', reason: 'x', class: 'best' },
          /class is one of all, critical, normal, low/,
        ],
        [{ factor: 0.5, ttl: '1m', reason: 'x', tenant: 'a' }, /no field tenant/],
      ] as const) {
        await problem(t, await edge.write('PUT', 'panic', body), 400, wrong);
      }
      await problem(t, await edge.write('DELETE', 'panic', { class: 'best' }), 400, /class is one of/);
      await problem(
        t,
        await edge.write('PUT', 'panic', { factor: 0.5, ttl: '1m', reason: 'x' }, ''),
        401,
        /token/,
      );
      t.match(await edge.json('panic'), { set: [] });
    });
  });

  t.test('a panic outlives a restart where there is a folder for it', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'state-'));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const first = await admin(t, { 'state.dir': folder });
    const panic = { factor: 0, class: 'all', ttl: '10m', reason: 'x' };
    t.equal((await first.write('PUT', 'panic', panic)).status, 200);
    const second = await admin(t, { 'state.dir': folder });
    t.equal((await second.push()).status, 503, 'from the first push on');
  });
}

function edgeLimits(t: Test): Record<string, string> {
  // The test's own folder is made anew by the start.
  const folder = mkdtempSync(join(tmpdir(), 'panic-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'edge.yaml');
  writeFileSync(file, EDGE_LIMITS);
  return { 'overrides.edge_file': file };
}
