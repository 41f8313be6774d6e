import t from 'tap';
import { PooledDecoder } from '#src/payload/decoder-pool.js';
import { limits, snapshot } from '../../enforce/fixtures.js';
import { edge, send, upstream } from './fixtures.js';

t.test('a push whose decoding thread ends is to come again, and is charged nothing', async (t) => {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const decoder = new PooledDecoder({ inlineMaxBytes: 1 << 20, threads: 0, maxRetainedBytes: 64 << 20 });
  const decode = decoder.decode.bind(decoder);
  let ends = true;
  decoder.decode = (...args) => (ends ? { kind: 'lost', message: 'the thread ended' } : decode(...args));
  const given = await edge(mimir.url, {
    enforcer: { snapshot: snapshot({ a: limits({ ingestion_rate: 0, ingestion_burst_size: 500 }) }) },
    decoder,
  });
  t.teardown(() => given.stop());
  const lost = await send(given.url);
  t.equal(lost.status, 503);
  t.equal(lost.headers.get('x-mimir-edge-reason'), 'edge_decoder_lost');
  t.ok(Number(lost.headers.get('retry-after')) >= 1);
  t.equal(mimir.arrived.length, 0);
  ends = false;
  t.equal((await send(given.url)).status, 200, 'the burst is still whole');
  t.equal((await send(given.url)).status, 429);
});
