/** Modes and limits that are set for a time. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { VERSION } from '#src/base/version.js';
import { eventually } from '../../doors/http/fixtures.js';
import { ajv, problem, schema } from '../document.js';
import { type StartAdmin, WRITER } from '../fixtures.js';

/** Each tenant is one test's. */
const overridesWith = (requestBurst: number) => `overrides:
  a: { ingestion_rate: 1e6, ingestion_burst_size: 1e6 }
  none: { ingestion_burst_size: 0 }
  changed: { request_rate: 5, request_burst_size: ${requestBurst} }
`;

export function changesCases(t: Test, admin: StartAdmin): void {
  t.test('while it serves', async (t) => {
    const edge = await admin(t, {}, overridesWith(5));

    t.test('a limit that is set for a time is enforced at once, and ends by itself', async (t) => {
      t.equal((await edge.push()).status, 200);
      const written = await edge.write('PUT', 'tenants/a/limits/ingestion_burst_size', {
        value: 100,
        ttl: '4s',
        reason: 'too much of a good thing',
      });
      t.match(await written.json(), {
        scope: 'replica',
        before: 1_000_000,
        after: 100,
        note: /this replica alone/,
      });
      for (let i = 0; i < 2; i++) {
        const refused = await edge.push();
        t.equal(refused.status, 429);
        t.match(await refused.text(), /tenant a .* burst of 100,/);
      }
      t.match(await edge.json('status'), {
        controls: [{ tenant: 'a', name: 'ingestion_burst_size', value: 100, by: 'alice' }],
      });
      t.ok(await eventually(async () => (await edge.push()).status === 200), 'it has ended');
      t.match(await edge.json('audit'), {
        entries: [
          { who: '', from: 'time', action: 'end', tenant: 'a', before: 100, after: null },
          {
            who: 'alice',
            from: 'here',
            action: 'set',
            tenant: 'a',
            name: 'ingestion_burst_size',
            before: 1_000_000,
            after: 100,
            reason: 'too much of a good thing',
          },
        ],
      });
    });

    t.test('the kill switch lets everything pass, and can be taken back', async (t) => {
      const push = () => edge.push(undefined, { 'X-Scope-OrgID': 'none' });
      for (let i = 0; i < 2; i++) t.equal((await push()).status, 429);
      t.equal((await edge.write('PUT', 'mode', { mode: 'off', ttl: '10m', reason: 'incident' })).status, 200);
      for (let i = 0; i < 2; i++) t.equal((await push()).status, 200);
      t.match(await edge.json('status'), { mode: 'off', modeSource: 'temporary' });
      t.match(await edge.json('tenants/none'), { mode: 'off', modeSource: 'temporary, for all tenants' });
      t.equal((await edge.write('DELETE', 'mode')).status, 200);
      for (let i = 0; i < 2; i++) t.equal((await push()).status, 429);
      t.match(await edge.json('status'), { mode: 'enforce', modeSource: 'settings' });
      await problem(t, await edge.write('DELETE', 'mode'), 404, /nothing is set/);
    });

    t.test('what limits were over time is part of the history, with marks where they changed', async (t) => {
      t.equal((await edge.push(undefined, { 'X-Scope-OrgID': 'changed' })).status, 200);
      const limit = { value: 7, ttl: '1h', reason: 'x' };
      t.equal((await edge.write('PUT', 'tenants/changed/limits/request_rate', limit)).status, 200);
      writeFileSync(edge.overridesFile, overridesWith(9));
      t.equal((await edge.write('POST', 'reload')).status, 200);
      const response = await edge.get('/api/v1/tenants/changed?range=5m');
      const tenant = (await response.json()) as {
        history: { limits: Record<string, { value: number }[]>; changes: { at: string }[] };
      };
      const validate = schema('/tenants/{id}', 'get');
      t.ok(validate(tenant), ajv.errorsText(validate.errors));
      const { limits, changes } = tenant.history;
      t.match(limits['request_rate'], [{ value: 5 }, { value: 7 }]);
      t.match(limits['ingestion_rate'], [{ value: 10_000 }]);
      t.match(changes, [
        { limit: 'request_rate', before: 5, after: 7 },
        { limit: 'request_burst_size', before: 5, after: 9 },
      ]);
      t.ok(changes.every(({ at }) => Math.abs(Date.now() - Date.parse(at)) < 60_000));
    });
  });

  t.test('a kill switch outlives a restart where there is a folder for it', async (t) => {
    // The test's own folder is made anew by each start.
    const folder = mkdtempSync(join(tmpdir(), 'state-'));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const overrides = 'overrides: { a: { ingestion_burst_size: 0 } }';
    const first = await admin(t, { 'state.dir': folder }, overrides);
    const off = { mode: 'off', ttl: '10m', reason: 'incident' };
    t.match(await (await first.write('PUT', 'mode', off)).json(), { scope: 'replica', replicasBehind: [] });
    const second = await admin(t, { 'state.dir': folder }, overrides);
    t.equal((await second.push()).status, 200, 'from the first push on');
    t.match(await second.json('status'), {
      mode: 'off',
      controls: [{ tenant: null, name: 'mode', value: 'off', by: 'alice', reason: 'incident' }],
    });
    t.equal((await second.write('DELETE', 'mode')).status, 200);
    t.equal((await second.push()).status, 429);
    t.match(await (await admin(t, { 'state.dir': folder }, overrides)).json('status'), { mode: 'enforce' });
  });

  t.test('what documents change is told like any other change, also of tenants that vanish', async (t) => {
    const edge = await admin(t, {}, 'overrides: { a: { request_rate: 5 }, b: { request_rate: 1 } }');
    t.match(
      await edge.json('audit'),
      { entries: [{ from: 'start', after: VERSION }] },
      'a start, and the first reading is no change',
    );
    writeFileSync(edge.overridesFile, 'overrides: { a: { request_rate: 6 } }');
    t.equal((await edge.write('POST', 'reload')).status, 200);
    const response = await edge.get('/api/v1/audit');
    const audit = (await response.json()) as { entries: object[] };
    const validate = schema('/audit', 'get');
    t.ok(validate(audit), ajv.errorsText(validate.errors));
    const common = { who: edge.overridesFile, from: 'overrides' };
    t.match(
      audit.entries.reverse().filter((entry) => 'from' in entry && entry.from === 'overrides'),
      [
        { ...common, tenant: 'a', action: 'set', name: 'request_rate', before: 5, after: 6 },
        { ...common, tenant: 'b', action: 'take back', name: 'overrides', before: 'named', after: null },
        { ...common, tenant: 'b', action: 'take back', name: 'request_rate', before: 1, after: 0 },
      ],
    );
    t.equal(audit.entries.length, 5, 'and that it was asked for');
  });

  t.test('the audit file has a line for each change, and none is made that it can not have', async (t) => {
    const file = join(t.testdir(), 'audit.jsonl');
    const edge = await admin(t, { 'admin.audit_file': file });
    await edge.write('PUT', 'mode', { mode: 'shadow', ttl: '1h', reason: 'a "test"\nof lines' });
    await edge.write('DELETE', 'mode');
    const lines = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    t.match(lines, [
      { from: 'start', action: 'start', after: VERSION },
      {
        who: 'alice',
        action: 'set',
        name: 'mode',
        tenant: null,
        before: 'enforce',
        after: 'shadow',
        reason: 'a "test"\nof lines',
      },
      { who: 'alice', action: 'take back', before: 'shadow', after: null },
    ]);
    t.notMatch(readFileSync(file, 'utf8'), WRITER);
    const full = await admin(t, { 'admin.audit_file': '/dev/full' });
    await problem(
      t,
      await full.write('PUT', 'mode', { mode: 'off', ttl: '1h', reason: 'x' }),
      503,
      /nothing was changed/,
    );
    t.match(await full.json('status'), { mode: 'enforce' });
  });
}
