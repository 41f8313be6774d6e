import t from 'tap';
import { versionOf } from '#src/doors/format.js';

const V2 = 'io.prometheus.write.v2.Request';

t.test('a push is in the version that Mimir would read, or in none', async (t) => {
  for (const [contentType, version] of [
    [undefined, 1],
    ['application/x-protobuf', 1],
    ['Application/X-Protobuf', 1],
    [' application/x-protobuf ', 1],
    ['application/x-protobuf;', 1],
    ['application/x-protobuf;charset=utf-8', 1],
    ['application/x-protobuf;protocol=x', 1],
    ['application/x-protobuf;myproto=x', 1],
    ['application/x-protobuf;proto=prometheus.WriteRequest', 1],
    ['application/x-protobuf; proto = "prometheus.WriteRequest" ', 1],
    ['APPLICATION/x-protobuf; PROTO=prometheus.WriteRequest', 1],
    ['application/x-protobuf;a=b;proto=prometheus.WriteRequest', 1],
    [`application/x-protobuf;proto=${V2}`, 2],
    [`application/x-protobuf;proto=${V2};a=b`, 2],
    [`application/x-protobuf; proto=${V2}`, undefined],
    [`application/x-protobuf;proto=${V2} `, undefined],
    [`application/x-protobuf;proto="${V2}"`, undefined],
    [`application/x-protobuf;Proto=${V2}`, undefined],
    [`Application/x-protobuf;proto=${V2}`, undefined],
    [`application/x-protobuf ;proto=${V2}`, undefined],
    ['application/x-protobuf;proto=prometheus.WriteRequest;proto=prometheus.WriteRequest', undefined],
    [`application/x-protobuf;proto=${V2};proto`, undefined],
    ['application/x-protobuf;proto=some.Other', undefined],
    ['application/x-protobuf;proto=', undefined],
    ['application/x-protobuf;proto', undefined],
    ['application/x-protobuf;proto=toString', undefined],
    ['application/x-protobufs', undefined],
    ['application/json', undefined],
    ['', undefined],
  ] as const) {
    t.equal(versionOf(contentType, undefined), version, String(contentType));
    t.equal(versionOf(contentType, 'snappy'), version, `${contentType}, again`);
    t.equal(versionOf(contentType, 'gzip'), undefined, `${contentType}, not as snappy`);
  }
  for (const encoding of ['', 'Snappy', 'identity', 'gzip'])
    t.equal(versionOf(undefined, encoding), undefined);
});

t.test('content types that nobody remembers are read all the same', async (t) => {
  for (let n = 0; n < 100; n++) {
    t.equal(versionOf(`application/x-protobuf;n=${n}`, undefined), 1);
    t.equal(versionOf(`application/json;n=${n}`, undefined), undefined);
  }
});
