/** What is asked wrongly, and whatever else is asked. */
import fc from 'fast-check';
import type { Test } from 'tap';
import { anyText } from '../../any-text.js';
import { isProblem, problem } from '../document.js';
import { OVERRIDES, type StartAdmin, WRITER } from '../fixtures.js';

/** No URL has half of a surrogate pair. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

export function questionsCases(t: Test, admin: StartAdmin): void {
  t.test('what is asked wrongly is answered in plain words', async (t) => {
    const edge = await admin(
      t,
      { 'tenants.unknown': 'refuse' },
      'overrides: { a: { ingestion_burst_factor: 2 } }',
    );
    const put = (path: string, body: unknown) => edge.write('PUT', path, body);
    const ask = { ttl: '1h', reason: 'x' };
    await problem(t, await put('mode', { ...ask, mode: 'maybe' }), 400, /one of enforce, shadow, off/);
    await problem(t, await put('mode', { mode: 'off', reason: 'x' }), 400, /ttl is a duration/);
    await problem(
      t,
      await put('mode', { mode: 'off', ttl: '31d', reason: 'x' }),
      400,
      /ttl is a duration from 1s to 30d/,
    );
    await problem(t, await put('mode', { mode: 'off', ttl: '1h' }), 400, /reason is a text/);
    await problem(t, await put('mode', { mode: 'off', ttl: '1h', reason: ' ' }), 400, /reason/);
    await problem(t, await put('mode', { ...ask, mode: 'off', hint: 1 }), 400, /no field hint/);
    await problem(t, await put('mode', '[]'), 400, /not a JSON object/);
    await problem(t, await put('mode', '{'), 400, /not JSON/);
    await problem(
      t,
      await put('mode', { ...ask, mode: 'off', reason: 'x'.repeat(20_000) }),
      413,
      /at most 16384/,
    );
    await problem(
      t,
      await put('tenants/a/limits/ingestion_rat', { ...ask, value: 1 }),
      404,
      /did you mean ingestion_rate/,
    );
    await problem(
      t,
      await put('tenants/a/limits/ingestion_rate', { ...ask, value: -1 }),
      400,
      /not negative/,
    );
    await problem(
      t,
      await put('tenants/a/limits/ingestion_burst_size', { ...ask, value: 1 }),
      409,
      /ingestion_burst_factor/,
    );
    await problem(
      t,
      await put('tenants/b/limits/ingestion_rate', { ...ask, value: 1 }),
      404,
      /tenants.unknown is refuse/,
    );
    await problem(
      t,
      await put('tenants/a%7Cb/mode', { ...ask, mode: 'off' }),
      404,
      /no tenant can have this id/,
    );
    await problem(t, await edge.write('PATCH', 'mode', {}), 405, /PUT, DELETE/);
    await problem(t, await edge.get('/api/v1/nothing'), 404, /openapi.json/);
    await problem(t, await edge.get('/api/v1/tenants?sort=x'), 400, /sort is one of/);
    await problem(t, await edge.get('/api/v1/tenants?limit=0'), 400, /from 1 to 500/);
    await problem(t, await edge.get('/api/v1/tenants?limit=1&limit=2'), 400, /more than once/);
    await problem(t, await edge.get('/api/v1/tenants?serach=x'), 400, /no parameter "serach"/);
    await problem(t, await edge.get('/api/v1/denials?since=yesterday'), 400, /since is a time/);
    await problem(t, await edge.get('/api/v1/tenants/nobody'), 404, /no document names/);
    await problem(t, await fetch(`${edge.url}/`, { method: 'POST' }), 405, /only be read/);
    const text = await fetch(`${edge.url}/api/v1/mode`, {
      method: 'PUT',
      headers: { Authorization: `Bearer ${WRITER}`, 'Content-Type': 'text/plain' },
      body: '{}',
    });
    await problem(t, text, 415, /application\/json/);
  });

  t.test('whatever is asked, it is never a fault of the edge', async (t) => {
    const edge = await admin(t, {}, OVERRIDES);
    await edge.push();
    const names = [
      'range',
      'search',
      'sort',
      'order',
      'offset',
      'limit',
      'tenant',
      'reason',
      'since',
      'format',
      'x',
    ];
    const words = [
      '5m',
      'id',
      'asc',
      'desc',
      '-1',
      '0',
      '1e9',
      '99999999999',
      'csv',
      'rate_limited',
      '',
      '%',
      '%00',
      '\u0000',
      '=1+1',
    ];
    const word = fc.oneof(fc.constantFrom(...words), fc.string(), anyText());
    const paths = ['status', 'tenants', 'denials', 'limits', 'audit', 'reasons', 'config', 'openapi.json'];
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.constantFrom(...paths),
          word.map((id) => `tenants/${encodeURIComponent(wellFormed(id))}`),
        ),
        fc.array(fc.tuple(fc.constantFrom(...names), word), { maxLength: 4 }),
        async (path, pairs) => {
          const query = pairs.map(([name, value]) => `${name}=${encodeURIComponent(wellFormed(value))}`);
          const response = await edge.get(`/api/v1/${path}?${query.join('&')}`);
          const text = await response.text();
          return response.status < 500 && (response.status === 200 || isProblem(JSON.parse(text)));
        },
      ),
      { numRuns: 400 },
    );
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom('off', 'enforce', '1h', '1s', 5, 0, -1, null));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(
          'mode',
          'tenants/noisy/mode',
          'tenants/noisy/limits/ingestion_rate',
          'tenants/noisy/limits/x',
          'reload',
        ),
        fc.constantFrom('PUT', 'POST', 'DELETE', 'PATCH'),
        fc.oneof(
          fc.string(),
          fc.dictionary(fc.constantFrom('mode', 'value', 'ttl', 'reason', '__proto__', 'x'), value),
        ),
        async (path, method, body) => (await edge.write(method, path, body)).status < 500,
      ),
      { numRuns: 300 },
    );
  });
}
