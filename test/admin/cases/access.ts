/** Who may ask, and under which name. */
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import type { Test } from 'tap';
import { eventually } from '../../doors/http/fixtures.js';
import { problem } from '../document.js';
import { READER, type StartAdmin, WRITER } from '../fixtures.js';

export function accessCases(t: Test, admin: StartAdmin): void {
  t.test('who may write: nobody without tokens, and with them those that may write', async (t) => {
    const ask = { mode: 'off', ttl: '1h', reason: 'a test' };
    const open = await admin(t, { 'admin.tokens_file': '' });
    await problem(t, await open.write('PUT', 'mode', ask), 403, /NAME write TOKEN.*admin.tokens_file/);
    const edge = await admin(t);
    await problem(t, await edge.write('PUT', 'mode', ask, ''), 401, /need a token/);
    await problem(t, await edge.write('PUT', 'mode', ask, `${WRITER}x`), 401, /need a token/);
    await problem(t, await edge.write('PUT', 'mode', ask, READER), 403, /grafana may read only/);
    t.equal((await edge.write('PUT', 'mode', ask)).status, 200);
    t.match(
      await (await edge.get('/metrics')).text(),
      /admin_writes_total\{action="mode",outcome="refused"\} 3/,
    );
    t.match(
      await (await edge.get('/metrics')).text(),
      /admin_writes_total\{action="mode",outcome="done"\} 1/,
    );
    t.equal((await edge.get('/api/v1/status')).status, 200, 'reads are open');
    writeFileSync(edge.tokensFile, `bob write ${'b'.repeat(20)}\n`);
    const isRefused = async () => (await edge.write('PUT', 'mode', ask)).status === 401;
    t.ok(await eventually(isRefused), 'a token that is taken out of the file is no more');
    t.equal((await edge.write('PUT', 'mode', ask, 'b'.repeat(20))).status, 200);
  });

  t.test('reads can need a token, probes never', async (t) => {
    const edge = await admin(t, { 'admin.reads': 'token' });
    for (const path of ['status', 'tenants', 'stream', 'config', 'openapi.json']) {
      const refused = await edge.get(`/api/v1/${path}`);
      await problem(t, refused, 401, /admin.reads/);
      t.match(refused.headers.get('www-authenticate'), /Bearer/);
    }
    for (const token of [READER, WRITER])
      t.equal((await edge.get('/api/v1/status', { Authorization: `Bearer ${token}` })).status, 200);
    for (const path of ['/metrics', '/healthz', '/readyz', '/'])
      t.equal((await edge.get(path)).status, 200, path);
  });

  t.test("a name that is not the edge's and requests of other sites are refused", async (t) => {
    const edge = await admin(t, { 'admin.hosts': 'edge.example' });
    const status = (headers: Record<string, string>, path = '/api/v1/status') =>
      new Promise<number>((resolve, reject) => {
        request(`${edge.url}${path}`, { headers }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        })
          .on('error', reject)
          .end();
      });
    t.equal(await status({ Host: 'attacker.example' }), 421);
    t.equal(await status({ Host: 'attacker.example' }, '/'), 421);
    t.equal(await status({ Host: 'attacker.example' }, '/healthz'), 200, 'probes have any name');
    t.equal(await status({ Host: 'attacker.example' }, '/metrics'), 421, 'metrics do not');
    for (const name of [
      'edge.example',
      'edge-1:8082',
      'edge.monitoring.svc.cluster.local',
      '10.0.0.1:8082',
      '[::1]',
    ])
      t.equal(await status({ Host: name }, '/metrics'), 200, name);
    for (const origin of ['https://attacker.example', 'null'])
      t.equal(await status({ Host: 'edge-1', Origin: origin }, '/metrics'), 403, origin);
    t.equal(await status({ Host: 'localhost:8082' }), 200);
    t.equal(await status({ Host: '[::1]:8082' }), 200);
    t.equal(await status({ Host: 'EDGE.example' }), 200);
    t.equal(await status({ Host: 'edge.example', Origin: 'https://attacker.example' }), 403);
    t.equal(await status({ Host: 'edge.example', Origin: 'null' }), 403);
    t.equal(await status({ Host: 'edge.example', Origin: 'https://edge.example' }), 200);
    t.equal(await status({ Host: '10.0.0.1:8082', Origin: 'https://edge.example' }), 200, 'behind a proxy');
    const { headers } = await edge.get('/');
    t.match(headers.get('content-security-policy'), /default-src 'none'.*frame-ancestors 'none'/);
    t.notMatch(headers.get('content-security-policy'), /unsafe/);
    t.equal(headers.get('x-content-type-options'), 'nosniff');
    t.equal(headers.get('access-control-allow-origin'), null);
  });
}
