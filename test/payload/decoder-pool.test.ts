import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import SnappyJS from 'snappyjs';
import t from 'tap';
import { exportDecoder } from '#src/payload/decoder-metrics.js';
import { decodeThreads, PooledDecoder } from '#src/payload/decoder-pool.js';
import type { DecodeOptions } from '#src/payload/push.js';
import { labelRewriting } from '#src/payload/rewriting.js';
import { uncompressedLength } from '#src/payload/snappy-length.js';
import { Metrics } from '#src/telemetry/metrics.js';
import { scraped } from '../telemetry/scraped.js';
import { oneSampleEach } from './encode.js';
import { found, hashes } from './oracle.js';

const body = readFileSync(new URL('../../../test/data/prom-2.42-samples-500a.snappy', import.meta.url));
const plainBytes = uncompressedLength([body]);
const options: DecodeOptions = {
  protocol: 'rw1',
  maxUncompressedBytes: 1 << 20,
  maxSeries: 1000,
  excludeLabel: '',
};

t.test('a body is decoded the same inline and in a thread', async (t) => {
  const inline = new PooledDecoder({ inlineMaxBytes: plainBytes, threads: 1, maxRetainedBytes: 1 << 26 });
  const pooled = new PooledDecoder({ inlineMaxBytes: plainBytes - 1, threads: 1, maxRetainedBytes: 1 << 26 });
  const here = inline.decode([body], body.length, options);
  t.notOk(here instanceof Promise, 'at or below the threshold the answer is there at once');
  const there = pooled.decode([body.subarray(0, 100), body.subarray(100)], body.length, options);
  t.ok(there instanceof Promise);
  const [a, b] = [await here, await there];
  if (a.kind !== 'push' || b.kind !== 'push') throw new Error('not decoded');
  t.strictSame(found(b), found(a));
  t.strictSame(hashes(b), hashes(a));
  t.ok(Buffer.from(b.body).equals(a.body));
  t.match(await pooled.decode([Buffer.alloc(body.length)], body.length, options), { kind: 'broken' });
  await Promise.all([inline.close(), pooled.close()]);
});

function dropping(rules: number): DecodeOptions {
  const drops = Array.from({ length: rules }, (_, i) => ({
    regex: i === 0 ? 'instance' : `no${i}`,
    action: 'labeldrop',
  }));
  return { ...options, rewriting: rewritingOf(drops) };
}

function rewritingOf(rules: readonly object[]) {
  return labelRewriting(
    {
      tenant: 'a',
      rules: JSON.stringify(rules),
      dropLabels: '',
      utf8Names: false,
      longValues: 'error',
      maxValueLength: 0,
    },
    {},
  );
}

t.test('labels are rewritten the same inline and in a thread', async (t) => {
  const inline = new PooledDecoder({ inlineMaxBytes: plainBytes, threads: 1, maxRetainedBytes: 1 << 26 });
  const pooled = new PooledDecoder({ inlineMaxBytes: plainBytes - 1, threads: 1, maxRetainedBytes: 1 << 26 });
  const plain = await pooled.decode([body], body.length, options);
  // Twice: a thread keeps what it has compiled and remembered.
  for (let time = 0; time < 2; time++) {
    const [a, b] = [
      await inline.decode([body], body.length, dropping(1)),
      await pooled.decode([body], body.length, dropping(1)),
    ];
    if (a.kind !== 'push' || b.kind !== 'push' || plain.kind !== 'push') throw new Error('not decoded');
    t.strictSame(hashes(b), hashes(a));
    t.notSame(hashes(b), hashes(plain));
    t.ok(Buffer.from(b.body).equals(plain.body));
  }
  await Promise.all([inline.close(), pooled.close()]);
});

t.test('a body with much to rewrite goes to a thread, and stays once that is known', async (t) => {
  const decoder = new PooledDecoder({ inlineMaxBytes: 1 << 20, threads: 1, maxRetainedBytes: 1 << 26 });
  t.notOk(decoder.decode([body], body.length, dropping(1)) instanceof Promise);
  const matching = Array.from({ length: 40 }, (_, i) => ({
    source_labels: ['__name__', 'instance', 'job', 'le', 'quantile', 'code', 'handler'],
    regex: `.*no${i}`,
    action: 'drop',
  }));
  const rewriting = rewritingOf(matching);
  const much = decoder.decode([body], body.length, { ...options, rewriting });
  t.ok(much instanceof Promise);
  t.match(await much, { kind: 'push', series: 500 });
  // What was done inline before it was too much is not done again: sooner or later nothing is left to do.
  let last: unknown = much;
  for (let times = 0; times < 20 && last instanceof Promise; times++) {
    last = decoder.decode([body], body.length, { ...options, rewriting });
    await last;
  }
  t.notOk(last instanceof Promise);
  await decoder.close();
});

t.test('a series that is rewritten has another hash under another key', async (t) => {
  const decoder = new PooledDecoder({ inlineMaxBytes: 1 << 20, threads: 0, maxRetainedBytes: 1 << 26 });
  const first = await decoder.decode([body], body.length, dropping(1));
  if (first.kind !== 'push') throw new Error('not decoded');
  const before = hashes(first);
  decoder.setHashKey(Buffer.alloc(16, 7));
  const second = await decoder.decode([body], body.length, dropping(1));
  if (second.kind !== 'push') throw new Error('not decoded');
  t.equal(hashes(second).filter((hash, i) => hash === before[i]).length, 0);
  await decoder.close();
});

t.test('a thread that dies loses its own body alone, and is replaced', async (t) => {
  const decoder = new PooledDecoder({ inlineMaxBytes: 0, threads: 1, maxRetainedBytes: 1 << 26 });
  await decoder.decode([body], body.length, options);
  const hit = decoder.decode([body], body.length, options);
  await decoder.endOneWorker();
  const outcome = await hit;
  t.ok(outcome.kind === 'lost' || outcome.kind === 'push', 'unless it was done just before');
  for (let i = 0; i < 5; i++)
    t.match(await decoder.decode([body], body.length, options), { kind: 'push', series: 500 });
  await decoder.close();
});

t.test('a body whose thread dies while it decodes is lost, not hung', async (t) => {
  const decoder = new PooledDecoder({ inlineMaxBytes: 0, threads: 1, maxRetainedBytes: 1 << 26 });
  await decoder.decode([body], body.length, options);
  // Enough in line that some are under way or waiting whenever the thread ends.
  const many = Array.from({ length: 50 }, () => decoder.decode([body], body.length, options));
  await decoder.endOneWorker();
  const kinds = (await Promise.all(many)).map(({ kind }) => kind);
  t.ok(kinds.every((kind) => kind === 'push' || kind === 'lost'));
  t.equal(kinds.filter((kind) => kind === 'lost').length, decoder.lostWorkers());
  t.ok(kinds.includes('push'), 'those that waited are decoded by the next thread');
  await decoder.close();
});

t.test('what waits for a thread, and what was lost with one, is exported', async (t) => {
  const decoder = new PooledDecoder({ inlineMaxBytes: 0, threads: 1, maxRetainedBytes: 1 << 26 });
  const metrics = new Metrics();
  exportDecoder(metrics, decoder);
  const many = Array.from({ length: 20 }, () => decoder.decode([body], body.length, options));
  const meanwhile = await scraped(metrics);
  t.equal(meanwhile.get('mimir_edge_decode_queue'), 19, 'all but the one that is decoded');
  t.equal(meanwhile.get('mimir_edge_decode_threads_lost_total'), 0);
  await decoder.endOneWorker();
  const lost = (await Promise.all(many)).filter(({ kind }) => kind === 'lost').length;
  t.ok(lost > 0);
  const after = await scraped(metrics);
  t.equal(after.get('mimir_edge_decode_threads_lost_total'), lost);
  t.equal(after.get('mimir_edge_decode_queue'), 0);
  await decoder.close();
});

t.test('where a body is decoded depends on what it expands to', async (t) => {
  const decoder = new PooledDecoder({ inlineMaxBytes: 1 << 20, threads: 1, maxRetainedBytes: 1 << 26 });
  const cap = { ...options, maxUncompressedBytes: 1 << 26 };
  const zeros = (bytes: number) => Buffer.alloc(bytes);
  const random = (bytes: number) => randomBytes(bytes);
  for (const [what, plain, isInline, more] of [
    ['a push as they are', oneSampleEach(500), true, {}],
    ['a little that expands as far as can be', zeros(1 << 18), true, {}],
    ['more of that', zeros((1 << 18) + 1), false, {}],
    ['what expands less', Buffer.concat([zeros(9 << 16), random(1 << 16)]), true, {}],
    ['as much as may be', Buffer.concat([zeros(7 << 17), random(1 << 17)]), true, {}],
    ['more than that', Buffer.concat([zeros(7 << 17), random((1 << 17) + 1)]), false, {}],
    ['many series', oneSampleEach(500), false, { hasManySeries: true }],
  ] as const) {
    const sent = Buffer.from(SnappyJS.compress(Buffer.from(plain)));
    const decoding = decoder.decode([sent.subarray(0, 1), sent.subarray(1)], sent.length, {
      ...cap,
      ...more,
    });
    t.equal(!(decoding instanceof Promise), isInline, `${what}: ${sent.length} bytes are ${plain.length}`);
    await decoding;
  }
  await decoder.close();
});

t.test('a sender with many large bodies waits for itself alone, and not for ever', async (t) => {
  const decoder = new PooledDecoder({
    inlineMaxBytes: 0,
    threads: 1,
    maxWaiting: 3,
    maxRetainedBytes: 1 << 26,
  });
  const ended: string[] = [];
  const decode = async (sender: string, wanted?: () => boolean) => {
    const decoded = await decoder.decode([body], body.length, { ...options, sender }, wanted);
    ended.push(`${sender} ${decoded.kind}`);
    return decoded;
  };
  const all = [
    ...Array.from({ length: 6 }, () => decode('many')),
    decode('gone', () => false),
    decode('few'),
  ];
  t.equal(decoder.queued(), 5);
  const [, , , , full, , gone] = await Promise.all(all);
  t.match(full, { kind: 'lost', busy: true, message: /too many large pushes .* \(decode\.max_waiting\)/ });
  t.match(gone, { kind: 'lost', busy: true, message: /the sender no longer waits/ });
  t.equal(ended.filter((one) => one === 'many push').length, 4);
  t.ok(ended.indexOf('few push') < ended.lastIndexOf('many push'), 'and others go in between');
  await decoder.close();
});

t.test('there are threads for half of the cores, of this worker, unless a number is given', async (t) => {
  for (const [setting, cores, workers, threads] of [
    ['auto', 1, 1, 1],
    ['auto', 2, 1, 1],
    ['auto', 4, 1, 2],
    ['auto', 8, 1, 4],
    ['auto', 64, 1, 4],
    ['auto', 8, 2, 2],
    ['auto', 8, 8, 1],
    [0, 8, 1, 0],
    [7, 2, 2, 7],
  ] as const) {
    t.equal(
      decodeThreads(setting, cores, workers),
      threads,
      `${setting} of ${cores} cores, ${workers} workers`,
    );
  }
});
