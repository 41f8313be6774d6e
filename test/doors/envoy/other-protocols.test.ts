/** Envoy sends the bodies of other protocols, too: they come under the same judge as those that the proxy takes. */
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { limits, snapshot } from '../../enforce/fixtures.js';
import { OtlpRequest, OtlpResponse, OtlpStatus } from '../../payload/otlp-json/proto.js';
import { tracker } from '../../series/fixtures.js';
import { check, checkOf, client, door, type GivenDoorOptions } from './fixtures.js';

async function serve(t: Test, options: GivenDoorOptions = {}) {
  const served = await door(options);
  const caller = client(served.port);
  t.teardown(async () => {
    caller.close();
    await served.stop();
  });
  const ask = (path: string, body: string | Uint8Array, headers: Record<string, string>) =>
    check(caller, checkOf(Buffer.from(body as string), headers, { path })).response;
  return { ...served, ask };
}

const INFLUX = '/api/v1/push/influx/write';
const LINES = 'cpu,host=a usage=1,idle=2i\ncpu,host=b usage=3\n';

t.test('lines are judged by what Mimir makes of them', async (t) => {
  const few = limits({ ingestion_rate: 1e-9, ingestion_burst_size: 7 });
  const { ask, enforcer } = await serve(t, {
    enforcer: { snapshot: snapshot({ a: few }) },
    check: { influx: true },
  });
  const plain = await ask(`${INFLUX}?precision=ms`, LINES, {});
  t.equal(
    plain.okResponse?.headers.find(({ header }) => header?.key === 'x-mimir-edge-items')?.header.value,
    '3',
  );
  const gzip = { 'content-encoding': 'gzip' };
  t.equal((await ask(INFLUX, gzipSync(LINES), gzip)).status.code, 0);
  t.equal((await ask(INFLUX, LINES, {})).deniedResponse?.status.code, 429, '9 of 7');
  t.equal((await ask(INFLUX, LINES, gzip)).deniedResponse?.status.code, 400, 'no gzip');
  t.equal((await ask(`${INFLUX}?precision=x`, LINES, {})).deniedResponse?.status.code, 400);
  t.match(enforcer.tenants.get('a')?.tally, { series: 9, samples: 9 });
});

t.test('a bomb holds no memory once it is answered', async (t) => {
  const { ask, budget } = await serve(t, { check: { influx: true, maxUncompressedBytes: 4 << 20 } });
  const bomb = gzipSync(Buffer.alloc(32 << 20, '\n'));
  const { deniedResponse } = await ask(INFLUX, bomb, { 'content-encoding': 'gzip' });
  t.equal(deniedResponse?.status.code, 400);
  t.equal(budget.used, 0);
});

const OTLP = '/otlp/v1/metrics';

function requestOf(points: number): object {
  const dataPoints = Array.from({ length: points }, (_, i) => ({
    asDouble: i,
    attributes: [{ key: 'i', value: { stringValue: `${i}` } }],
  }));
  return { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'm', gauge: { dataPoints } }] }] }] };
}

t.test('OTLP is judged, and refused in the type of its request, as text that Envoy can carry', async (t) => {
  const few = limits({ ingestion_rate: 1e-9, ingestion_burst_size: 5 });
  const { ask, enforcer } = await serve(t, {
    enforcer: { snapshot: snapshot({ a: few }) },
    check: { otlp: true },
  });
  const protobuf = OtlpRequest.encode(OtlpRequest.fromObject(requestOf(3))).finish();
  const types = {
    protobuf: { 'content-type': 'application/x-protobuf', 'content-encoding': '' },
    json: { 'content-type': 'application/json', 'content-encoding': '' },
  };
  t.equal((await ask(OTLP, protobuf, types.protobuf)).status.code, 0);
  const gzip = { ...types.protobuf, 'content-encoding': 'gzip' };
  const denied = (await ask(OTLP, gzipSync(protobuf), gzip)).deniedResponse;
  t.equal(denied?.status.code, 429);
  t.match(OtlpStatus.decode(Buffer.from(denied?.body ?? '')).toJSON(), {
    code: 8,
    message: /^the push of tenant a was refused.*err-mimir-tenant-max-ingestion-rate/,
  });
  const type = denied?.headers.find(({ header }) => header?.key === 'content-type');
  t.equal(type?.header.value, 'application/x-protobuf');
  const json = (await ask(OTLP, JSON.stringify(requestOf(3)), types.json)).deniedResponse;
  t.match(JSON.parse(json?.body ?? ''), { code: 8, message: /err-mimir-tenant-max-ingestion-rate/ });
  t.equal((await ask(OTLP, protobuf, {})).deniedResponse?.status.code, 415);
  t.match(enforcer.tenants.get('a')?.tally, { series: 9, accepted: 1 });
});

t.test(
  'OTLP whose series are all over the limit is answered with 200, as by Mimir, and goes no further',
  async (t) => {
    const few = limits({ max_global_series_per_user: 2 });
    const { ask } = await serve(t, {
      enforcer: { snapshot: snapshot({ a: few }), series: tracker() },
      check: { otlp: true },
    });
    const type = { 'content-type': 'application/x-protobuf', 'content-encoding': '' };
    const bodyOf = (points: number) => OtlpRequest.encode(OtlpRequest.fromObject(requestOf(points))).finish();
    t.equal((await ask(OTLP, bodyOf(2), type)).status.code, 0);
    const other = requestOf(1) as { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: string }] }] }] };
    other.resourceMetrics[0].scopeMetrics[0].metrics[0].name = 'other';
    const body = OtlpRequest.encode(OtlpRequest.fromObject(other)).finish();
    const { status, deniedResponse } = await ask(OTLP, body, type);
    t.equal(status.code, 7, 'to Envoy it is a denial');
    t.equal(deniedResponse?.status.code, 200);
    t.match(OtlpResponse.decode(Buffer.from(deniedResponse?.body ?? '')).toJSON(), {
      partialSuccess: { errorMessage: /^1 series of tenant a was refused: .*err-mimir-max-series-per-user/ },
    });
    t.equal(
      (await ask(OTLP, bodyOf(3), type)).deniedResponse?.status.code,
      400,
      'known series were not taken',
    );
  },
);
