/** How long pushes are in the edge itself. */
import t from 'tap';
import { PooledDecoder } from '#src/payload/decoder-pool.js';
import { limits, snapshot } from '../../enforce/fixtures.js';
import { compress, encodeVersion1 } from '../../payload/encode.js';
import { edge, PUSH_500, send, upstream } from './fixtures.js';

t.test(
  "what a push takes in the edge is told once, with waits for the judge's store, without those for Mimir",
  async (t) => {
    let clockMs = 1000;
    const mimir = await upstream((_req, res) => {
      clockMs += 5000;
      res.end();
    });
    const decoder = new PooledDecoder({ inlineMaxBytes: 1 << 20, threads: 0, maxRetainedBytes: 64 << 20 });
    const decode = decoder.decode.bind(decoder);
    decoder.decode = (...args) => {
      clockMs += 30;
      return decode(...args);
    };
    const filter = decoder.filter.bind(decoder);
    decoder.filter = (...args) => {
      clockMs += 7;
      return filter(...args);
    };
    const proxy = await edge(mimir.url, {
      now: () => clockMs,
      enforcer: {
        snapshot: snapshot({
          small: limits({ ingestion_rate: 0, ingestion_burst_size: 10 }),
          part: limits({ max_label_value_length: 1 }),
        }),
      },
      decoder,
    });
    const admit = proxy.enforcer.admit.bind(proxy.enforcer);
    proxy.enforcer.admit = async (tenant) => {
      await Promise.resolve();
      clockMs += 200;
      return admit(tenant);
    };
    const long = compress(
      encodeVersion1([
        { labels: [['__name__', 'm']], value: 1, timestampMs: 1 },
        {
          labels: [
            ['__name__', 'm'],
            ['a', 'bb'],
          ],
          value: 1,
          timestampMs: 1,
        },
      ]),
    );
    const rows: [string, string, Uint8Array, number, number][] = [
      ['taken', 'a', PUSH_500, 200, 0.23],
      ['refused', 'small', PUSH_500, 429, 0.23],
      ['does not decode', 'a', PUSH_500.subarray(0, 5000), 400, 0.23],
      ['a part of it', 'part', long, 400, 0.237],
    ];
    for (const [what, tenant, body, status, seconds] of rows) {
      proxy.own.length = 0;
      t.equal((await send(proxy.url, body, { 'X-Scope-OrgID': tenant })).status, status, what);
      t.strictSame(proxy.own, [seconds], what);
    }
    await proxy.stop();
    await mimir.close();
  },
);

t.test('a push that waits for nobody but Mimir reads the clock nine times at most', async (t) => {
  let reads = 0;
  const now = () => {
    reads++;
    return 1000;
  };
  const mimir = await upstream((_req, res) => res.end());
  const proxy = await edge(mimir.url, { now });
  const push = async () => (await send(proxy.url, PUSH_500, { 'X-Scope-OrgID': 'a' })).status;
  t.equal(await push(), 200, 'one for which connections are made');
  reads = 0;
  for (let i = 0; i < 20; i++) t.equal(await push(), 200);
  t.ok(reads <= 9 * 20, `${reads / 20} times`);
  await proxy.stop();
  await mimir.close();
});
