/** One push after the other through both doors: each answers what Mimir's distributor would. */
import SnappyJS from 'snappyjs';
import t, { type Test } from 'tap';
import type { MimirLimits } from '#src/limits/limits.js';
import { limits, snapshot } from '../enforce/fixtures.js';
import { encodeVersion1, WriteRequestV2 } from '../payload/encode.js';
import { check, checkOf, client, door } from './envoy/fixtures.js';
import { edge, send, upstream } from './http/fixtures.js';

const TYPE_2 = 'application/x-protobuf;proto=io.prometheus.write.v2.Request';
const V2 = { 'Content-Type': TYPE_2 };

const SYMBOLS = [
  '',
  '__name__',
  'm',
  'n',
  'too long a value',
  'short',
  'cluster',
  'prod',
  '__replica__',
  'one',
  'two',
];
const REPLICA_ONE = [6, 7, 8, 9];
const REPLICA_TWO = [6, 7, 8, 10];

/** Two series with 2 samples, 1 histogram and 1 exemplar each; the second has the long value. */
function push2(more: number[] = []): Buffer {
  const series = (value: number) => ({
    labelsRefs: [1, 2, 3, value, ...more],
    samples: [
      { value: 1, timestamp: 1000 },
      { value: 2, timestamp: 2000 },
    ],
    histograms: [{ sum: 1, timestamp: 1000 }],
    exemplars: [{ labelsRefs: [3, 5], value: 1, timestamp: 1000 }],
  });
  const request = { symbols: SYMBOLS, timeseries: [series(5), series(4)] };
  return Buffer.from(SnappyJS.compress(WriteRequestV2.encode(request).finish()));
}

const PUSH_2 = push2();
const PUSH_1 = Buffer.from(
  SnappyJS.compress(encodeVersion1([{ labels: [['__name__', 'm']], value: 1, timestampMs: 1000 }])),
);

interface Row {
  readonly what: string;
  readonly body?: Uint8Array;
  readonly headers?: Record<string, string>;
  readonly tenant?: Partial<MimirLimits>;
  /** Pushes that go before, by other bodies of the same sender. */
  readonly after?: readonly Uint8Array[];
  readonly status: number;
  readonly reason?: string;
  /** Samples, histograms and exemplars. */
  readonly written?: readonly [number, number, number];
  readonly retryAfter?: number;
}

const ALL = [4, 2, 2] as const;
const NONE = [0, 0, 0] as const;
const EXEMPLARS = { max_global_exemplars_per_user: 100 };
const NO_ITEMS = { ingestion_rate: 1, ingestion_burst_size: 1 };

const ROWS: readonly Row[] = [
  { what: 'a push of version 1', status: 200 },
  { what: 'a foreign content type', headers: { 'Content-Type': 'text/plain' }, status: 200 },
  {
    what: 'a foreign content type of another message',
    headers: { 'Content-Type': 'a/b;proto=c' },
    status: 200,
  },
  {
    what: 'an unknown message',
    headers: { 'Content-Type': 'application/x-protobuf;proto=some.Other' },
    status: 400,
    reason: 'edge_unknown_message',
  },
  {
    what: 'version 2 under a foreign content type',
    body: PUSH_2,
    headers: { 'Content-Type': 'text/plain' },
    status: 400,
    reason: 'edge_malformed_body',
  },
  {
    what: 'a body that does not decode',
    body: Buffer.from('not snappy'),
    headers: V2,
    status: 400,
    reason: 'edge_malformed_body',
    written: NONE,
  },
  {
    what: 'a body that is too large',
    body: Buffer.alloc((1 << 20) + 1),
    headers: V2,
    status: 400,
    reason: 'edge_body_too_large',
    written: NONE,
  },
  {
    what: 'a body that is too large uncompressed',
    body: Buffer.from(SnappyJS.compress(new Uint8Array((8 << 20) + 1))),
    headers: V2,
    status: 400,
    reason: 'edge_body_too_large',
    written: NONE,
  },
  {
    what: 'over the ingestion rate',
    body: PUSH_2,
    headers: V2,
    tenant: { ...NO_ITEMS, ...EXEMPLARS },
    status: 429,
    reason: 'burst_exceeded',
    written: ALL,
    retryAfter: 6,
  },
  {
    what: 'over the ingestion rate without exemplars, for the third time',
    body: PUSH_2,
    headers: { ...V2, 'Retry-Attempt': '3' },
    tenant: NO_ITEMS,
    status: 429,
    reason: 'burst_exceeded',
    written: [4, 2, 0],
    retryAfter: 24,
  },
  {
    what: 'over the request rate: nothing was read',
    body: PUSH_2,
    headers: V2,
    tenant: { request_rate: 0.001, request_burst_size: 1, ...EXEMPLARS },
    after: [PUSH_2],
    status: 429,
    reason: 'request_rate_limited',
    written: NONE,
    retryAfter: 6,
  },
  {
    what: 'all series broken',
    body: PUSH_2,
    headers: V2,
    tenant: { max_label_names_per_series: 1, ...EXEMPLARS },
    status: 400,
    reason: 'max_label_names_per_series',
    written: ALL,
  },
  {
    what: 'a series broken, and the other taken',
    body: PUSH_2,
    headers: V2,
    tenant: { max_label_value_length: 10, ...EXEMPLARS },
    status: 400,
    reason: 'label_value_too_long',
    written: ALL,
  },
  {
    what: 'a replica that is not elected',
    body: push2(REPLICA_TWO),
    headers: V2,
    tenant: { accept_ha_samples: true, ...EXEMPLARS },
    after: [push2(REPLICA_ONE)],
    status: 202,
    written: ALL,
  },
];

/** Every row through a proxy of its own, and the same as a call of Envoy. */
for (const row of ROWS) {
  const {
    what,
    body = PUSH_1,
    headers = {},
    tenant = {},
    after = [],
    status,
    reason,
    written,
    retryAfter,
  } = row;
  const expected = {
    status,
    reason,
    written: written === undefined ? undefined : [...written].map(String),
    retryAfter: retryAfter?.toString(),
  };
  const enforcer = () => ({ snapshot: snapshot({ a: limits(tenant) }) });

  t.test(`${what}: the proxy answers ${status}, as Mimir does`, async (t) => {
    const mimir = await upstream();
    const proxy = await edge(mimir.url, { enforcer: enforcer() });
    for (const before of after) await send(proxy.url, before, headers);
    const response = await send(proxy.url, body, headers);
    const header = (name: string) => response.headers.get(name) ?? undefined;
    t.strictSame(found(response.status, header), expected);
    await proxy.stop();
    await mimir.close();
  });

  t.test(`${what}: Envoy is told to answer ${status}`, async (t) => {
    const served = await serveEnvoy(t, enforcer());
    for (const before of after) await check(served, checkOf(before, lowerCase(headers))).response;
    const { deniedResponse } = await check(served, checkOf(body, lowerCase(headers))).response;
    const header = (name: string) =>
      deniedResponse?.headers.find(({ header }) => header.key === name)?.header.value;
    t.strictSame(found(deniedResponse?.status.code ?? 200, header), expected);
  });
}

async function serveEnvoy(t: Test, enforcer: object) {
  const served = await door({ enforcer, check: { maxBodyBytes: 1 << 20 } });
  const caller = client(served.port);
  t.teardown(async () => {
    caller.close();
    await served.stop();
  });
  return caller;
}

function lowerCase(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function found(status: number, header: (name: string) => string | undefined) {
  const written = ['samples', 'histograms', 'exemplars'].flatMap(
    (what) => header(`x-prometheus-remote-write-${what}-written`) ?? [],
  );
  return {
    status,
    reason: header('x-mimir-edge-reason'),
    written: written.length === 0 ? undefined : written,
    retryAfter: header('retry-after'),
  };
}
