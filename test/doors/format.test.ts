import t from 'tap';
import { formatOf, messageOf } from '#src/doors/format.js';

const V2 = 'io.prometheus.write.v2.Request';
const UNKNOWN = 'unknown_message';

t.test(
  'a push is in the version that Mimir reads it in, or is named as what Mimir does not know',
  async (t) => {
    for (const [contentType, format] of [
      [undefined, 'rw1'],
      ['', 'rw1'],
      ['application/x-protobuf', 'rw1'],
      ['application/x-protobuf;charset=utf-8', 'rw1'],
      ['application/x-protobuf;protocol=x', 'rw1'],
      ['application/x-protobuf;myproto=x', 'rw1'],
      ['application/x-protobuf;proto=prometheus.WriteRequest', 'rw1'],
      ['application/x-protobuf;a=b;proto=prometheus.WriteRequest', 'rw1'],
      ['application/x-protobuf;proto=prometheus.WriteRequest;proto', 'rw1'],
      [`application/x-protobuf;proto=prometheus.WriteRequest;proto=${V2}`, 'rw1'],
      [`application/x-protobuf;proto=${V2}`, 'rw2'],
      [`application/x-protobuf;proto=${V2};a=b`, 'rw2'],
      [`application/x-protobuf;proto=${V2};proto`, 'rw2'],
      // A name with a space is another name, and a type in other letters another type.
      [`application/x-protobuf; proto=${V2}`, 'rw1'],
      [`application/x-protobuf;Proto=${V2}`, 'rw1'],
      [`Application/x-protobuf;proto=${V2}`, 'rw1'],
      [`application/x-protobuf ;proto=${V2}`, 'rw1'],
      ['Application/X-Protobuf;proto=some.Other', 'rw1'],
      ['application/x-protobufs;proto=some.Other', 'rw1'],
      ['application/json', 'rw1'],
      ['text/plain;proto=some.Other', 'rw1'],
      [`application/x-protobuf;proto=${V2} `, UNKNOWN],
      [`application/x-protobuf;proto="${V2}"`, UNKNOWN],
      ['application/x-protobuf; proto = "prometheus.WriteRequest" ;proto=', UNKNOWN],
      ['application/x-protobuf;proto=some.Other', UNKNOWN],
      ['application/x-protobuf;proto=', UNKNOWN],
      ['application/x-protobuf;proto', UNKNOWN],
      ['application/x-protobuf;proto=toString', UNKNOWN],
      ['application/x-protobuf;', UNKNOWN],
      ['application/x-protobuf;a=b=c', UNKNOWN],
      [`application/x-protobuf;a;proto=${V2}`, UNKNOWN],
      // Joined from two headers, of which Mimir reads the first: with it alone this is version 1.
      [`application/x-protobuf;a=b, x;proto=${V2}`, UNKNOWN],
      [`application/x-protobuf;proto=${V2}, text/plain`, UNKNOWN],
      [`application/x-protobuf, application/x-protobuf;proto=${V2}`, 'rw1'],
      [`text/plain, application/x-protobuf;proto=${V2}`, 'rw1'],
    ] as const) {
      t.equal(messageOf(contentType), format, String(contentType));
      t.equal(formatOf(contentType, undefined), format, String(contentType));
      t.equal(formatOf(contentType, 'snappy'), format, `${contentType}, again`);
      t.equal(formatOf(contentType, 'gzip'), 'not_snappy', `${contentType}, not as snappy`);
    }
    for (const encoding of ['', 'Snappy', 'identity', 'gzip'])
      t.equal(formatOf(undefined, encoding), 'not_snappy');
  },
);

t.test('content types that nobody remembers are read all the same', async (t) => {
  for (let n = 0; n < 100; n++) {
    t.equal(messageOf(`application/x-protobuf;n=${n};proto=${V2}`), 'rw2');
    t.equal(messageOf(`application/x-protobuf;n=${n};proto=x`), UNKNOWN);
  }
});

t.test('however many content types come, they take no memory', async (t) => {
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < 20_000; n++) messageOf(`application/json;${'x'.repeat(8000)}${n}`);
  const mebibytes = (process.memoryUsage().heapUsed - before) / 2 ** 20;
  t.ok(mebibytes < 80, `${mebibytes} of the 150 MiB that came are kept`);
});
