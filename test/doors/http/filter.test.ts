import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import SnappyJS from 'snappyjs';
import t from 'tap';
import { HEAD_ROOM } from '#src/doors/body.js';
import { slabBytes } from '#src/doors/slabs.js';
import { limits, snapshot } from '../../enforce/fixtures.js';
import { encodeVersion1, encodeVersion2, WriteRequestV1, WriteRequestV2 } from '../../payload/encode.js';
import { tracker } from '../../series/fixtures.js';
import { closeServer, edge, type GivenUpstream, listen, rawExchange, send, upstream } from './fixtures.js';

const VERSION_2 = {
  'Content-Type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
  'X-Prometheus-Remote-Write-Version': '2.0.0',
};
const LONG = 'x'.repeat(3000);

/** Ten series; the values of the third and seventh are too long. */
const SERIES = Array.from({ length: 10 }, (_, n) => ({
  labels: [
    ['__name__', `metric_${n}`],
    ['job', n === 3 || n === 7 ? LONG : 'short'],
  ] as const,
  value: n,
  timestampMs: 1000 + n,
}));
const KEPT = [0, 1, 2, 4, 5, 6, 8, 9];
const PLAIN_1 = Buffer.from(encodeVersion1(SERIES));
const PLAIN_2 = Buffer.from(encodeVersion2(SERIES));
const PUSH_1 = Buffer.from(SnappyJS.compress(PLAIN_1));
const PUSH_2 = Buffer.from(SnappyJS.compress(PLAIN_2));

/** The values of the samples that arrived. */
function arrivedValues(mimir: GivenUpstream, version: 1 | 2): number[] {
  const body = mimir.arrived.at(-1)?.body ?? Buffer.alloc(0);
  const type = version === 1 ? WriteRequestV1 : WriteRequestV2;
  const { timeseries } = type.toObject(type.decode(SnappyJS.uncompress(body)));
  return timeseries.map(({ samples }: { samples: { value: number }[] }) => samples[0]?.value ?? 0);
}

t.test('Mimir gets the rest of the push, and the sender learns what was left out', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url);
  const response = await send(proxy.url, PUSH_1);
  t.equal(response.status, 400);
  t.equal(response.headers.get('x-mimir-edge-reason'), 'label_value_too_long');
  t.equal(response.headers.get('x-prometheus-remote-write-samples-written'), null, 'not asked in version 1');
  t.match(
    await response.text(),
    /^2 of 10 series of tenant a were refused and the rest was taken: they have a label value of more than 2048 bytes \(series 3, series 7\) \(err-mimir-label-value-too-long\)\. Shorten the value, or raise max_label_value_length\.\n$/,
  );
  t.strictSame(arrivedValues(mimir, 1), KEPT);
  const [arrived] = mimir.arrived;
  t.equal(arrived?.headers['content-length'], String(arrived?.body.length));
  t.equal(arrived?.rawHeaders.filter((name) => name.toLowerCase() === 'content-length').length, 1);
  t.equal(arrived?.headers['content-encoding'], 'snappy');
  t.match(proxy.refusals, [{ tenant: 'a', refusal: { reason: 'label_value_too_long' }, shadow: false }]);
  t.equal(proxy.budget.used, 0);
  await proxy.stop();
  await mimir.close();
});

t.test('what is left of a push has a length where there was none', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url);
  const chunked =
    'POST /api/v1/push HTTP/1.1\r\nHost: edge\r\nX-Scope-OrgID: a\r\nTransfer-Encoding: chunked\r\n\r\n';
  const request = Buffer.concat([
    Buffer.from(`${chunked}${PUSH_1.length.toString(16)}\r\n`),
    PUSH_1,
    Buffer.from('\r\n0\r\n\r\n'),
  ]);
  t.match(await rawExchange(proxy.port, request, 'err-mimir'), /^HTTP\/1.1 400 /);
  t.strictSame(arrivedValues(mimir, 1), KEPT);
  t.equal(mimir.arrived.at(-1)?.headers['content-length'], String(mimir.arrived.at(-1)?.body.length));
  await proxy.stop();
  await mimir.close();
});

t.test(
  'a Remote Write 2.0 sender is told of all that it sent, whatever Mimir says of its part',
  async (t) => {
    let status = 204;
    let headers: Record<string, string> = {};
    const mimir = await upstream((_req, res) => res.writeHead(status, headers).end());
    const proxy = await edge(mimir.url);
    const written = async (expected: number) => {
      const response = await send(proxy.url, PUSH_2, VERSION_2);
      t.equal(response.status, expected);
      return ['Samples', 'Histograms', 'Exemplars'].map((what) =>
        response.headers.get(`X-Prometheus-Remote-Write-${what}-Written`),
      );
    };
    t.strictSame(await written(400), ['10', '0', '0']);
    t.strictSame(arrivedValues(mimir, 2), KEPT);
    headers = {
      'x-prometheus-remote-write-samples-written': '8',
      'x-prometheus-remote-write-histograms-written': '0',
      'x-prometheus-remote-write-exemplars-written': '0',
    };
    t.strictSame(await written(400), ['10', '0', '0']);
    status = 429;
    t.strictSame(await written(429), ['10', '0', '0'], 'an answer that goes through');
    headers = {};
    t.strictSame(await written(429), [null, null, null], 'which is not made up');
    await proxy.stop();
    await mimir.close();
  },
);

t.test('whatever else Mimir answers goes through, and what it did not take is not charged', async (t) => {
  let status = 503;
  const mimir = await upstream((_req, res) => res.writeHead(status).end('from mimir'));
  const tight = limits({ ingestion_rate: 0, ingestion_burst_size: 8 });
  const proxy = await edge(mimir.url, { enforcer: { snapshot: snapshot({ a: tight }) } });
  for (status of [503, 429, 400]) {
    const response = await send(proxy.url, PUSH_1);
    t.equal(response.status, status);
    t.equal(await response.text(), 'from mimir');
    t.equal(response.headers.get('x-mimir-edge-reason'), null);
  }
  status = 200;
  const refused = await send(proxy.url, PUSH_1);
  t.equal(refused.headers.get('x-mimir-edge-reason'), 'rate_limited', 'the 400 was final: it stays charged');
  await mimir.close();
  t.equal((await send(proxy.url, PUSH_1, { 'X-Scope-OrgID': 'b' })).status, 502);
  await proxy.stop();
});

t.test('an answer of Mimir that ends early is no concern of a sender that has its own', async (t) => {
  const mimir = await upstream((_req, res) => {
    res.writeHead(200, { 'Content-Length': 100 });
    res.write('half', () => res.destroy());
  });
  const proxy = await edge(mimir.url);
  const response = await send(proxy.url, PUSH_1);
  t.equal(response.status, 400);
  t.match(await response.text(), /err-mimir-label-value-too-long/);
  t.strictSame(proxy.bugs, []);
  await proxy.stop();
  await mimir.close();
});

t.test('a filtered body that is larger than what came needs room, too', async (t) => {
  const mimir = await upstream();
  // Noise that repeats after more than a fragment of 64 KiB: the sender's snappy finds it, the edge's does not.
  const field = Buffer.concat([Buffer.from([0x9a, 0x06, 0xf0, 0xa2, 0x04]), randomBytes(70_000)]);
  const plain = Buffer.concat([PLAIN_1, field, field]);
  const body = farCopies(plain, field.length);
  t.ok(Buffer.from(SnappyJS.uncompress(body)).equals(plain));
  const proxy = await edge(mimir.url, { bytesInFlight: slabBytes(HEAD_ROOM + body.length) });
  const response = await send(proxy.url, body);
  t.equal(response.status, 503);
  t.equal(response.headers.get('x-mimir-edge-reason'), 'edge_overloaded');
  t.equal(proxy.budget.used, 0);
  t.equal(mimir.arrived.length, 0);
  await proxy.stop();
  await mimir.close();
});

/** Snappy by hand: one literal, then the last `tail` bytes as copies of those before them. */
function farCopies(plain: Buffer, tail: number): Buffer {
  const head = plain.subarray(0, plain.length - tail);
  const varint: number[] = [];
  for (let rest = plain.length; rest > 0; rest = Math.floor(rest / 128))
    varint.push(rest < 128 ? rest : (rest % 128) + 128);
  const literal = Buffer.alloc(5);
  literal[0] = 63 << 2;
  literal.writeUInt32LE(head.length - 1, 1);
  const copies: Buffer[] = [];
  for (let left = tail; left > 0; left -= 64) {
    const copy = Buffer.alloc(5);
    copy[0] = 3 | ((Math.min(64, left) - 1) << 2);
    copy.writeUInt32LE(tail, 1);
    copies.push(copy);
  }
  return Buffer.concat([Buffer.from(varint), literal, head, ...copies]);
}

t.test('an https upstream gets the new length, too', async (t) => {
  const data = (name: string) => new URL(`../../../../test/data/tls/${name}`, import.meta.url);
  const lengths: [string | undefined, number][] = [];
  const mimir = createTlsServer(
    { key: readFileSync(data('server.key')), cert: readFileSync(data('server.crt')) },
    (req, res) => {
      let bytes = 0;
      req.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      req.on('end', () => {
        lengths.push([req.headers['content-length'], bytes]);
        res.end();
      });
    },
  );
  const url = (await listen(mimir)).replace('http:', 'https:');
  const proxy = await edge(url, { upstream: { caFile: data('ca.crt').pathname } });
  t.equal((await send(proxy.url, PUSH_1)).status, 400);
  t.equal(lengths.length, 1);
  for (const [declared, bytes] of lengths) t.equal(declared, String(bytes));
  await proxy.stop();
  await closeServer(mimir);
});

t.test('in shadow mode the push arrives as it was sent', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url, { enforcer: { mode: 'shadow' } });
  t.equal((await send(proxy.url, PUSH_1)).status, 200);
  t.ok(mimir.arrived[0]?.body.equals(PUSH_1));
  t.match(proxy.refusals, [{ refusal: { reason: 'label_value_too_long' }, shadow: true }]);
  await proxy.stop();
  await mimir.close();
});

const PAIRS = { snapshot: snapshot({ a: limits({ accept_ha_samples: true }) }) };

function fromReplica(replica: string, version: 1 | 2 = 1): Buffer {
  const series = [0, 1, 2].map((n) => ({
    labels: [
      ['__name__', 'up'],
      ['__replica__', replica],
      ['cluster', 'prod'],
      ['n', `${n}`],
    ] as const,
    value: n,
    timestampMs: n,
  }));
  return Buffer.from(SnappyJS.compress(version === 1 ? encodeVersion1(series) : encodeVersion2(series)));
}

const EACH = {
  snapshot: snapshot({ a: limits({ accept_ha_samples: true, ha_tracker_per_sample_dedupe: true }) }),
};

/** A push of series of these replicas of cluster prod, in order; its values say which they are. */
function fromReplicas(replicas: readonly string[], version: 1 | 2 = 1): Buffer {
  const series = replicas.map((replica, value) => ({
    labels: [
      ['__name__', 'up'],
      ['__replica__', replica],
      ['cluster', 'prod'],
      ['n', `${value}`],
    ] as const,
    value,
    timestampMs: Date.now(),
  }));
  return Buffer.from(SnappyJS.compress(version === 1 ? encodeVersion1(series) : encodeVersion2(series)));
}

t.test(
  'where series are of pairs of their own, Mimir gets those of elected replicas, and the sender 202',
  async (t) => {
    const mimir = await upstream();
    const proxy = await edge(mimir.url, { enforcer: { ...EACH, series: tracker() } });
    t.equal((await send(proxy.url, fromReplicas(['one', 'one']))).status, 200);
    for (const version of [1, 2] as const) {
      const headers = version === 2 ? VERSION_2 : {};
      const mixed = await send(proxy.url, fromReplicas(['one', 'two', 'one', 'two'], version), headers);
      t.equal(mixed.status, 202);
      t.equal(mixed.headers.get('x-mimir-edge-reason'), null, 'no refusal');
      t.equal(mixed.headers.get('x-prometheus-remote-write-samples-written'), version === 2 ? '4' : null);
      t.match(await mixed.text(), /^2 of 4 series of tenant a were dropped as duplicates/);
      t.strictSame(arrivedValues(mimir, version), [0, 2]);
    }
    t.equal((await send(proxy.url, fromReplicas(['two', 'two']))).status, 202);
    t.equal(mimir.arrived.length, 3);
    t.strictSame(proxy.refusals, []);
    const held = proxy.enforcer.tenants.use('a', 0);
    t.equal(held?.tally.deduplicated, 6);
    t.equal(held?.series?.active, 3, 'n of 0, 1 and 2: the replica is no part of them');
    await proxy.stop();
    await mimir.close();
  },
);

t.test(
  "Mimir's 202 takes back the elections of all replicas in a push, and its charge where it is of one",
  async (t) => {
    for (const [replicas, left] of [
      [['one', 'one', 'one'], 200_000],
      [['one', '', 'one'], 199_997],
    ] as const) {
      const mimir = await upstream((_req, res) => res.writeHead(202).end('replicas did not match'));
      const proxy = await edge(mimir.url, { enforcer: EACH });
      t.equal((await send(proxy.url, fromReplicas(replicas))).status, 202);
      const tenant = proxy.enforcer.tenants.use('a', 0);
      t.equal(tenant?.items.bucket.take(left, 0), true, `${left} are left`);
      t.equal(tenant?.items.bucket.take(1, 0), false, 'and no more');
      tenant?.items.bucket.giveBack(200_000, 0);
      t.equal((await send(proxy.url, fromReplicas(['two', 'two', 'two']))).status, 202);
      t.equal(mimir.arrived.length, 2, 'the other replica is the next that is heard');
      t.equal(tenant?.tally.deduplicated, 0);
      await proxy.stop();
      await mimir.close();
    }
  },
);

t.test(
  'a tenant that does not accept samples of pairs has none, each series for itself or not',
  async (t) => {
    const mimir = await upstream();
    for (const each of [false, true]) {
      const tenant = limits({ ha_tracker_per_sample_dedupe: each, max_label_names_per_series: 3 });
      const proxy = await edge(mimir.url, { enforcer: { snapshot: snapshot({ a: tenant }) } });
      for (const replica of ['one', 'two']) {
        const sent = await send(proxy.url, fromReplica(replica));
        t.equal(
          sent.headers.get('x-mimir-edge-reason'),
          'max_label_names_per_series',
          'the fourth label counts',
        );
      }
      await proxy.stop();
    }
    t.equal(mimir.arrived.length, 0);
    await mimir.close();
  },
);

t.test(
  'where Mimir has no HA tracker the replica label is a label, and both replicas are taken',
  async (t) => {
    const mimir = await upstream();
    for (const version of [1, 2] as const) {
      const proxy = await edge(mimir.url, {
        enforcer: { ...PAIRS, series: tracker() },
        push: { haTracker: false },
      });
      for (const replica of ['one', 'two']) {
        const sent = await send(proxy.url, fromReplica(replica, version), version === 2 ? VERSION_2 : {});
        t.equal(sent.status, 200, `${replica}, version ${version}`);
      }
      const held = proxy.enforcer.tenants.use('a', 0);
      t.equal(held?.tally.deduplicated, 0);
      t.equal(held?.series?.active, 6, 'three series of each replica');
      await proxy.stop();
    }
    const tight = limits({ accept_ha_samples: true, max_label_names_per_series: 3 });
    const proxy = await edge(mimir.url, {
      enforcer: { snapshot: snapshot({ a: tight }) },
      push: { haTracker: false },
    });
    const refused = await send(proxy.url, fromReplica('one'));
    t.equal(
      refused.headers.get('x-mimir-edge-reason'),
      'max_label_names_per_series',
      'it counts like any other',
    );
    await proxy.stop();
    t.equal(mimir.arrived.length, 4);
    await mimir.close();
  },
);

t.test('of an HA pair Mimir sees the elected replica alone; the other is answered 202', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url, { enforcer: PAIRS });
  for (let i = 0; i < 3; i++) {
    t.equal((await send(proxy.url, fromReplica('one'))).status, 200);
    t.equal((await send(proxy.url, fromReplica('two'))).status, 202);
  }
  const duplicate = await send(proxy.url, fromReplica('two', 2), VERSION_2);
  t.equal(duplicate.status, 202);
  t.equal(duplicate.headers.get('x-prometheus-remote-write-samples-written'), '3');
  t.match(await duplicate.text(), /cluster prod/);
  t.equal(mimir.arrived.length, 3);
  t.equal(proxy.enforcer.tenants.use('a', 0)?.tally.deduplicated, 12);
  t.strictSame(proxy.refusals, []);
  await proxy.stop();
  await mimir.close();
});

t.test("Mimir's own election is followed: a 202 costs nothing, and the other replica is taken", async (t) => {
  const mimir = await upstream((_req, res, body) => {
    const isTwo = Buffer.from(SnappyJS.uncompress(body)).includes('two');
    res.writeHead(isTwo ? 200 : 202).end();
  });
  const proxy = await edge(mimir.url, { enforcer: PAIRS });
  t.equal((await send(proxy.url, fromReplica('one'))).status, 202);
  t.equal((await send(proxy.url, fromReplica('two'))).status, 200);
  t.equal((await send(proxy.url, fromReplica('one'))).status, 202);
  t.equal(mimir.arrived.length, 2, 'the edge has learned it');
  const bucket = proxy.enforcer.tenants.use('a', 0)?.items?.bucket;
  t.equal(bucket?.take(200_000 - 3, performance.now()), true, 'one push is charged');
  await proxy.stop();
  await mimir.close();
});
