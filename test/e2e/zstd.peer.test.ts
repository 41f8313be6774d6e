/**
 * OTLP in zstd, which a Node reads from 22.15 on: an edge that runs on the image's Node, NODE_OF_IMAGE, reads it, refuses what is not
 * sound or expands too far, and leaves points out of it.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { upstream } from '../doors/http/fixtures.js';
import { OtlpRequest, OtlpResponse, OtlpStatus } from '../payload/otlp-json/proto.js';
import { metric, startEdge } from './processes.js';

const NODE = process.env['NODE_OF_IMAGE'];
const isMissing = NODE === undefined && process.env['REQUIRE_PEERS'] !== '1';

/** In that Node: the one that runs this may have no zstd. */
function zlib(call: string, input: Uint8Array): Buffer {
  const script = `
    const { readFileSync, writeFileSync } = require('node:fs');
    const zlib = require('node:zlib');
    const input = readFileSync(0);
    writeFileSync(1, ${call});`;
  const { stdout, stderr, status } = spawnSync(NODE as string, ['-e', script], {
    input,
    maxBuffer: 256 << 20,
  });
  if (status !== 0) throw new Error(`${stderr}`);
  return stdout;
}

const zstd = (plain: Uint8Array) => zlib('zlib.zstdCompressSync(input)', plain);
const unzstd = (body: Uint8Array) => zlib('zlib.zstdDecompressSync(input)', body);

function requestOf(...names: string[]): object {
  const time = String(BigInt(Date.now()) * 1_000_000n);
  const metrics = names.map((name) => ({
    name,
    gauge: { dataPoints: [{ timeUnixNano: time, asDouble: 1 }] },
  }));
  return { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] };
}

const FORMS = {
  'application/x-protobuf': (request: object) =>
    Buffer.from(OtlpRequest.encode(OtlpRequest.fromObject(request)).finish()),
  'application/json': (request: object) => Buffer.from(JSON.stringify(request)),
} as const;
type Form = keyof typeof FORMS;
const PROTOBUF: Form = 'application/x-protobuf';

async function given(t: Test, limits: string) {
  const mimir = await upstream((req, res) => {
    res.writeHead(200, { 'Content-Type': req.headers['content-type'] ?? '' });
    res.end();
  });
  t.teardown(() => mimir.close());
  const file = join(t.testdir(), 'overrides.yaml');
  writeFileSync(file, `overrides: { shop: { ${limits} } }`);
  const flags = [
    `--upstream.url=${mimir.url}`,
    `--overrides.file=${file}`,
    '--push.max_uncompressed_bytes=8MiB',
    '--push.max_body_bytes=8MiB',
    '--push.max_bytes_in_flight=256MiB',
  ];
  const edge = await startEdge(t, flags, {}, NODE);
  const send = (body: Uint8Array, type = PROTOBUF as Form) =>
    fetch(`${edge.proxy}/otlp/v1/metrics`, {
      method: 'POST',
      headers: { 'X-Scope-OrgID': 'shop', 'Content-Type': type, 'Content-Encoding': 'zstd' },
      body,
    });
  return { mimir, edge, send };
}

t.test('zstd is read, and forwarded byte for byte', { skip: isMissing }, async (t) => {
  const { mimir, edge, send } = await given(t, 'ingestion_rate: 1e6');
  for (const [form, write] of Object.entries(FORMS) as [Form, (request: object) => Buffer][]) {
    const body = zstd(write(requestOf('a', 'b')));
    t.equal((await send(body, form)).status, 200, form);
    const arrived = mimir.arrived.pop();
    t.ok(arrived?.body.equals(body));
    t.equal(arrived?.headers['content-encoding'], 'zstd');
  }
  t.equal(await metric(edge, 'mimir_edge_received_samples_total{user="shop"}'), 4);
});

t.test(
  'points are left out of a body in zstd, and the rest is zstd again',
  { skip: isMissing },
  async (t) => {
    const { mimir, send } = await given(t, 'max_global_series_per_user: 2');
    const write = FORMS[PROTOBUF];
    t.equal((await send(zstd(write(requestOf('a', 'b'))))).status, 200);
    const answer = await send(zstd(write(requestOf('a', 'c', 'b'))));
    t.equal(answer.status, 200);
    t.match(OtlpResponse.decode(Buffer.from(await answer.arrayBuffer())).toJSON(), {
      partialSuccess: { errorMessage: /^1 of 3 series .*err-mimir-max-series-per-user/ },
    });
    const rest = OtlpRequest.decode(unzstd(mimir.arrived[1]?.body as Buffer)).toJSON();
    t.match(rest, { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'a' }, { name: 'b' }] }] }] });
  },
);

t.test(
  'zstd that is not sound, has something behind it or expands too far is refused',
  { skip: isMissing },
  async (t) => {
    const { mimir, edge, send } = await given(t, 'ingestion_rate: 1e6');
    const sound = zstd(FORMS[PROTOBUF](requestOf('a')));
    // Of a gigabyte, which its header does not name.
    const bomb = zlib(
      `(() => {
      const parts = [];
      const stream = zlib.createZstdCompress();
      stream.on('data', (part) => parts.push(part));
      stream.on('end', () => writeFileSync(1, Buffer.concat(parts)));
      let left = 1024;
      const more = () => { while (left-- > 0) if (!stream.write(Buffer.alloc(1 << 20))) return stream.once('drain', more); stream.end(); };
      more();
      return '';
    })()`,
      Buffer.alloc(0),
    );
    const rows: [what: string, body: Buffer, status: number, why: RegExp][] = [
      ['a bomb', zstd(Buffer.alloc(64 << 20)), 413, /too large when uncompressed/],
      ['a bomb that does not say how large it is', bomb, 413, /too large when uncompressed/],
      [
        'many bombs',
        Buffer.concat(Array.from({ length: 100 }, () => zstd(Buffer.alloc(1 << 20)))),
        413,
        /too large/,
      ],
      ['cut off', sound.subarray(0, -1), 400, /zstd data is not sound/],
      ['a byte behind it', Buffer.concat([sound, Buffer.alloc(1)]), 400, /zstd/],
      ['gzip', zlib('zlib.gzipSync(input)', sound), 400, /zstd data is not sound/],
      ['nothing', Buffer.alloc(0), 400, /zstd/],
    ];
    for (const [what, body, expected, why] of rows) {
      const answer = await send(body);
      t.equal(answer.status, expected, what);
      t.match(OtlpStatus.decode(Buffer.from(await answer.arrayBuffer())).toJSON(), {
        code: expected,
        message: why,
      });
    }
    t.equal(mimir.arrived.length, 0);
    t.equal(await metric(edge, 'mimir_edge_body_bytes_in_flight'), 0, 'no memory is held');
    t.equal((await send(sound)).status, 200);
  },
);
