/** Usage of a machine alone: what is kept over restarts, and in which settings. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type GivenAdmin, inOneProcess, start } from '../admin/fixtures.js';
import { PUSH_500 } from '../doors/http/fixtures.js';

interface Usage {
  readonly scope: object;
  readonly records: readonly {
    readonly offered: { requests: number; items: number };
    readonly curves: object;
  }[];
}

t.test('with usage.dir hours and days are there after a restart; a damaged file is set aside', async (t) => {
  const folder = join(t.testdir(), 'usage');
  const flags = { 'usage.dir': folder, 'usage.max_bytes': '1MiB', 'usage.tenants_max': '100' };
  const first = (await inOneProcess(t, flags)) as GivenAdmin & { app: { stop(): Promise<void> } };
  for (let i = 0; i < 3; i++) await first.push(PUSH_500, { 'X-Scope-OrgID': 'team-a' });
  await first.app.stop();
  t.ok(existsSync(join(folder, 'book.usage')));
  const second = await start(t, { 'upstream.url': 'http://127.0.0.1:1', ...flags });
  const { records, scope } = await second.json<Usage>('usage?tenant=team-a');
  t.equal(records.length, 1);
  t.match(records[0], {
    offered: { requests: 3, items: 1500 },
    refused: { bytes: 0 },
    curves: { items: { length: 11 } },
    peaks: {
      seriesPerRequest: 500,
      labelsPerSeries: 8,
      bytesPerRequest: PUSH_500.length,
      labelNameBytes: 13,
      labelValueBytes: 71,
    },
  });
  t.match(scope, { of: 'machine', note: /nothing is shared/ });
  const csv = await (await second.get('/api/v1/usage?tenant=team-a&step=1d&format=csv')).text();
  const [head = '', row = ''] = csv.split('\r\n');
  t.match(row, /^"\d{4}-.*Z",86400,10,1,3,1500,/);
  const cells = row.split(',');
  const columns = Object.fromEntries(head.split(',').map((name, i) => [JSON.parse(name), cells[i]]));
  t.match(columns, {
    refused_bytes: '0',
    refused_new_series: '0',
    series_per_metric: /^(""|16)$/,
    series_per_request: '500',
    labels_per_series: '8',
    bytes_per_request: String(PUSH_500.length),
    label_name_bytes: '13',
    label_value_bytes: '71',
  });
  t.match(head, /^"start",.*"active_series","most_items_in_1s",.*"most_items_in_3600s","refused_bytes",/);
  t.match(await second.json('usage?tenant=team-a&replica=this'), { since: null, records });
  await second.app.stop();

  const file = join(folder, 'book.usage');
  const bytes = readFileSync(file);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(file, bytes);
  const third = await start(t, { 'upstream.url': 'http://127.0.0.1:1', ...flags });
  t.match(await third.json<Usage>('usage?tenant=team-a'), { records: [] });
  t.ok(readdirSync(folder).some((name) => name.startsWith('book.usage.damaged-')));
});

t.test('questions that make no sense are answered so', async (t) => {
  const edge = await inOneProcess(t);
  for (const [path, status, detail] of [
    ['usage', 400, /tenant is missing/],
    ['usage?tenant=a&from=yesterday', 400, /from is a time/],
    ['usage?tenant=a&step=5m', 400, /step is one of 1h, 1d/],
    ['usage?tenant=a%2Fb', 404, /no tenant can have this id/],
    ['usage?tenant=a&from=1h&to=2h', 400, /from is later/],
    ['usage?tenant=a&replica=elsewhere', 404, /there is no replica elsewhere; known are .+:\d+/],
    ['tenants?replica=elsewhere', 404, /there is no replica elsewhere; known are .+:\d+/],
  ] as const) {
    const response = await edge.get(`/api/v1/${path}`);
    t.equal(response.status, status, path);
    t.match(await response.json(), { detail });
  }
  t.match(await edge.json('tenants?replica=this'), { scope: { of: 'machine', note: /as asked/ } });
});
