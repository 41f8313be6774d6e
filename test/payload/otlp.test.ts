import t from 'tap';
import { PooledDecoder } from '#src/payload/decoder-pool.js';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import { labelsOf, labelsOfRows } from '#src/payload/labels.js';
import { metadataWithout } from '#src/payload/otlp-metadata.js';
import { pointsOf, rowsOfWholePoints, withoutPoints } from '#src/payload/otlp-points.js';
import { NO_RULES, type OtlpTranslation, type Push } from '#src/payload/push.js';
import { addRow, hasRow, noRows } from '#src/payload/rows.js';
import { difference, ODD_NOW_MS, ODD_RULES } from './otlp-compare.js';
import { translate } from './otlp-oracle.js';
import { Dice, damaged, randomRequest, randomTranslation } from './otlp-requests.js';
import { encode, type Field } from './otlp-wire.js';

const decoder = new InlineDecoder(64 << 20);
const LIMITS = { maxUncompressedBytes: 16 << 20, maxSeries: 100_000, excludeLabel: '' };

t.test('OTLP is the series that Mimir makes of it: those of the same remote write', async (t) => {
  for (let seed = 0; seed < 2000; seed++) {
    const dice = new Dice(seed);
    const body = randomRequest(dice);
    const rules = dice.is(2) ? ODD_RULES : NO_RULES;
    const options = { ...LIMITS, rules, nowMs: ODD_NOW_MS, excludeLabel: dice.is(3) ? 'code' : '' };
    const found = difference(decoder, body, randomTranslation(dice), options);
    t.equal(found, undefined, `seed ${seed}`);
    if (found !== undefined) break;
  }
});

t.test('what is damaged is refused where it is no OTLP, and read as it stands otherwise', async (t) => {
  for (let seed = 0; seed < 2000; seed++) {
    const dice = new Dice(seed);
    const body = damaged(randomRequest(dice), dice);
    const found = difference(decoder, body, randomTranslation(dice), LIMITS);
    t.equal(found, undefined, `seed ${seed}`);
    if (found !== undefined) break;
  }
});

const NOW = 1_700_000_000_000_000_000n;
const PLAIN: OtlpTranslation = {
  escapeNames: true,
  addSuffixes: true,
  promoteResourceAttributes: ['k8s.pod.name'],
  keepIdentifyingResourceAttributes: false,
  convertHistogramsToNhcb: false,
  promoteScopeMetadata: false,
  nativeDeltaIngestion: false,
  labelNameUnderscoreSanitization: true,
  labelNamePreserveMultipleUnderscores: true,
};

function attribute(n: number, key: string, value: string): Field {
  return {
    n,
    m: [
      { n: 1, b: key },
      { n: 2, m: [{ n: 1, b: value }] },
    ],
  };
}

function request(...metrics: Field[][]): Uint8Array {
  const resource = {
    n: 1,
    m: [
      attribute(1, 'service.name', 'shop'),
      attribute(1, 'service.instance.id', 'i1'),
      attribute(1, 'k8s.pod.name', 'p'),
    ],
  };
  return encode([{ n: 1, m: [resource, { n: 2, m: metrics.map((m) => ({ n: 2, m })) }] }]);
}

function gauge(name: string, ...values: string[]): Field[] {
  const points = values.map((value) => ({
    n: 1,
    m: [attribute(7, 'http.route', value), { n: 3, f: NOW }, { n: 4, d: 1 }],
  }));
  return [
    { n: 1, b: name },
    { n: 3, b: 's' },
    { n: 5, m: points },
  ];
}

function histogram(name: string, points: number): Field[] {
  const bounds = Buffer.alloc(16);
  bounds.writeDoubleLE(0.5, 0);
  bounds.writeDoubleLE(2, 8);
  const point = (index: number): Field => ({
    n: 1,
    m: [
      attribute(9, 'shard', `${index}`),
      { n: 3, f: NOW },
      { n: 4, f: 3 },
      { n: 5, d: 1 },
      { n: 6, b: Buffer.alloc(24) },
      { n: 7, b: bounds },
    ],
  });
  return [
    { n: 1, b: name },
    { n: 9, m: [...Array.from({ length: points }, (_, index) => point(index)), { n: 2, v: 2 }] },
  ];
}

function decode(body: Uint8Array, otlp = PLAIN): Push {
  const push = decoder.decode([body], body.length, { ...LIMITS, protocol: 'otlp', otlp });
  if (push.kind !== 'push') throw new Error(push.message);
  return push;
}

function names(push: Push): string[] {
  return Array.from({ length: push.series }, (_, row) =>
    labelsOf(push, row)
      .map(([name, value]) => `${name}=${value}`)
      .join(','),
  );
}

t.test('a series is told by the labels of its remote write, whichever others are told with it', async (t) => {
  for (let seed = 0; seed < 300; seed++) {
    const dice = new Dice(seed);
    const body = randomRequest(dice);
    const otlp = randomTranslation(dice);
    const expected = translate(body, otlp);
    if (expected === undefined || expected === 'too_many') continue;
    const sent = decoder.decodePlain(expected.body, { ...LIMITS, protocol: 'rw1' });
    const wanted = sent.kind === 'push' ? [...labelsOfRows(sent)].map((labels) => labels.join()) : [];
    const push = decode(body, otlp);
    const alone = Array.from({ length: push.series }, (_, row) => labelsOf(push, row).join());
    t.same(
      [...labelsOfRows(push)].map((labels) => labels.join()),
      alone,
      `seed ${seed}`,
    );
    t.same(alone.sort(), wanted.sort(), `seed ${seed}`);
  }
});

t.test('series are told by their translated labels', async (t) => {
  t.same(names(decode(request(gauge('mem.used', '/a')))), [
    '__name__=mem_used_seconds,http_route=/a,instance=i1,job=shop,k8s_pod_name=p',
    '__name__=target_info,instance=i1,job=shop,k8s_pod_name=p',
  ]);
  t.same(
    names(decode(request(histogram('d', 1)))).map((name) =>
      name.replace(',instance=i1,job=shop,k8s_pod_name=p', ''),
    ),
    [
      '__name__=d_sum,shard=0',
      '__name__=d_count,shard=0',
      '__name__=d_bucket,le=0.5,shard=0',
      '__name__=d_bucket,le=2,shard=0',
      '__name__=d_bucket,le=+Inf,shard=0',
      '__name__=target_info',
    ],
  );
});

t.test('data points that are alike become what each would by itself, however long they are', async (t) => {
  for (const length of [0, 1, 57, 58, 59, 60, 61, 120, 124, 126, 127, 128, 16_000, 16_370, 16_384, 70_000]) {
    for (const place of [0, 1, 2]) {
      const points = ['a', 'b', 'b', '', 'cc', 'cc', 'a'].map((value, index): Field => {
        const values = [value, 'same', `${index}`].map((own, at) =>
          at === place ? own.padEnd(length, 'x') : own,
        );
        const own = values.map((text, at) => attribute(7, `key${at}`, text));
        return { n: 1, m: [...own, { n: 3, f: NOW }, { n: 4, d: 1 }] };
      });
      const metrics = ['m', 'm', 'n'].map((name): Field[] => [
        { n: 1, b: name },
        { n: 5, m: points },
      ]);
      const found = difference(decoder, request(...metrics), PLAIN, LIMITS);
      t.equal(found, undefined, `${length} bytes of the value at ${place}`);
    }
  }
});

t.test('data points that are alike may have any number of attributes', async (t) => {
  for (const count of [1, 63, 64, 65, 66, 130, 1100]) {
    const points = ['a', 'a', 'b', 'c'].map((value): Field => {
      const own = Array.from({ length: count }, (_, at) =>
        attribute(7, `key${at}`, at % 60 === 5 ? value : 's'),
      );
      return { n: 1, m: [...own, { n: 3, f: NOW }, { n: 4, d: 1 }] };
    });
    const metric = [
      { n: 1, b: 'm' },
      { n: 5, m: points },
    ];
    t.equal(difference(decoder, request(metric, metric), PLAIN, LIMITS), undefined, `${count} attributes`);
  }
});

t.test('what Mimir skips is counted, with the first reason', async (t) => {
  const delta: Field[] = [
    { n: 1, b: 'd' },
    {
      n: 7,
      m: [
        { n: 1, m: [{ n: 3, f: NOW }] },
        { n: 1, m: [{ n: 3, f: NOW }] },
        { n: 2, v: 1 },
      ],
    },
  ];
  const body = request(delta, gauge('g', '/a'));
  t.same(decode(body).otlp, { dataPoints: 3, skippedPoints: 2, firstSkipped: 'temporality' });
  t.same(decode(body, { ...PLAIN, nativeDeltaIngestion: true }).otlp, {
    dataPoints: 3,
    skippedPoints: 0,
    firstSkipped: undefined,
  });
});

t.test('a data point that is skipped leaves nothing to the next that has its keys', async (t) => {
  const point = (key: string, scale: number): Field => ({
    n: 1,
    m: [attribute(1, key, 'v'), { n: 3, f: NOW }, { n: 6, v: scale }],
  });
  const metric = (name: string, ...points: Field[]): Field[] => [
    { n: 1, b: name },
    { n: 10, m: [...points, { n: 2, v: 2 }] },
  ];
  // A scale of -5, in zigzag.
  const body = request(metric('a', point('x', 0), point('y', 9)), metric('b', point('y', 0)));
  t.match(
    names(decode(body)).map((name) => name.slice(0, 60)),
    [/__name__=a,.*x=v/, /__name__=b,.*y=v/, /target_info/],
  );
});

t.test('of equal series at one time only the first is charged, as Mimir takes only that', async (t) => {
  const rows: [what: string, body: Uint8Array, series: number, samples: number, uncharged: number][] = [
    ['the same twice', request(gauge('g', '/a', '/a')), 3, 3, 1],
    ['in two metrics', request(gauge('g', '/a'), gauge('g', '/b', '/a'), gauge('g', '/a')), 5, 5, 2],
    ['others', request(gauge('g', '/a', '/b')), 3, 3, 0],
    ['a histogram twice', request(histogram('d', 2), histogram('d', 1)), 16, 16, 5],
  ];
  for (const [what, body, series, samples, uncharged] of rows) {
    t.match(decode(body), { series, samples, uncharged }, what);
  }
  const twice = (time: bigint) => ({
    n: 5,
    m: [NOW, time].map((at): Field => ({ n: 1, m: [{ n: 3, f: at }] })),
  });
  const at = (time: bigint) => decode(request([{ n: 1, b: 'g' }, twice(time)]));
  t.match(at(NOW), { samples: 3, uncharged: 1 });
  t.match(at(NOW + 999_999n), { samples: 3, uncharged: 1 }, 'a time is milliseconds');
  t.match(at(NOW + 1_000_000n), { uncharged: 0 });
});

t.test('a data point is left out whole, and what holds none any more goes with it', async (t) => {
  const push = decode(request(histogram('d', 2), gauge('g', '/a', '/b'), gauge('h', '/c')));
  const all = names(push);
  const rows = noRows(push.series);
  for (const [row, name] of all.entries()) {
    if (/d_bucket.*le=2,shard=1|__name__=h_seconds|\/a/.test(name)) addRow(rows, row);
  }
  t.equal(pointsOf(push, rows), 3);
  const whole = rowsOfWholePoints(push, rows);
  const stay = all.filter((_, row) => !hasRow(whole, row));
  const left = decode(Uint8Array.from(withoutPoints(push, rows)));
  t.same(names(left), stay);
  t.equal(left.otlp?.dataPoints, 2);
  t.notOk(Buffer.from(left.body).includes('\n\x01h'), 'its metric went');
});

t.test('whatever is left out, the rest is what was sent', async (t) => {
  for (let seed = 0; seed < 400; seed++) {
    const dice = new Dice(seed);
    const otlp = { ...randomTranslation(dice), convertHistogramsToNhcb: true };
    const push = decode(randomRequest(dice), otlp);
    const rows = noRows(push.series);
    for (let row = 0; row < push.series; row++) if (dice.is(3)) addRow(rows, row);
    const whole = rowsOfWholePoints(push, rows);
    const isTarget = (name: string) => /(^|,)__name__=target_info(,|$)/.test(name);
    const stay = names(push).filter((name, row) => !hasRow(whole, row) && !isTarget(name));
    const { otlp: before } = push;
    const gone = pointsOf(push, rows);
    const metadata = metadataWithout(push, whole);
    const left = decode(Uint8Array.from(withoutPoints(push, rows)), otlp);
    t.same(
      names(left).filter((name) => !isTarget(name)),
      stay,
      `seed ${seed}`,
    );
    if (before?.skippedPoints === 0) {
      t.equal(metadata, left.metadata - left.invalidMetadata, `seed ${seed}`);
    }
    t.ok((left.otlp?.dataPoints ?? 0) <= (before?.dataPoints ?? 0) - gone, `seed ${seed}`);
  }
});

t.test('a thread of the pool says what is said inline', async (t) => {
  const body = request(histogram('d', 3), gauge('g', '/a', '/b'));
  const pushes = [];
  for (const threads of [0, 1]) {
    const pool = new PooledDecoder({
      inlineMaxBytes: 0,
      threads,
      maxRetainedBytes: 64 << 20,
      hashKey: Buffer.alloc(16, 7),
    });
    t.teardown(() => pool.close());
    const push = await pool.decode([body.subarray(0, 10), body.subarray(10)], body.length, {
      ...LIMITS,
      protocol: 'otlp',
      otlp: PLAIN,
    });
    if (push.kind !== 'push') throw new Error(push.message);
    const rows = noRows(push.series);
    addRow(rows, 2);
    const { records, body: request, ...told } = push;
    pushes.push({
      ...told,
      records: [...records],
      body: Buffer.from(request).toString('hex'),
      rest: Buffer.from((await pool.filter(push, rows)) as Uint8Array).toString('hex'),
    });
  }
  t.same(pushes[1], pushes[0]);
});

t.test('what grows beyond its caps is refused before it takes the memory', async (t) => {
  const small = { ...LIMITS, maxUncompressedBytes: 1 << 20, protocol: 'otlp', otlp: PLAIN } as const;
  const long = 'x'.repeat(400_000);
  const many = gauge('g', ...Array.from({ length: 5000 }, (_, index) => `${index}`));
  const resource = { n: 1, m: [attribute(1, 'k8s.pod.name', long)] };
  const grows = encode([{ n: 1, m: [resource, { n: 2, m: [{ n: 2, m: many }] }] }]);
  const own = new InlineDecoder(1 << 30);
  t.match(own.decode([grows], grows.length, small), { kind: 'broken', code: 'too_large' });
  t.ok(own.memoryBytes < 16 << 20, `${own.memoryBytes}`);
  const early = request(gauge('g', '/a'), [
    { n: 1, b: 'old' },
    { n: 5, m: [{ n: 1, m: [{ n: 3, f: 1 }] }] },
  ]);
  t.match(
    own.decode([early], early.length, small),
    { kind: 'broken', code: 'too_large' },
    'target_info since 1970',
  );
  t.match(own.decode([grows], grows.length, { ...small, maxUncompressedBytes: 1000 }), { code: 'too_large' });
  const body = request(histogram('d', 3));
  t.match(own.decode([body], body.length, { ...small, maxSeries: 7 }), { code: 'too_many_series' });
  let value: Field = { n: 1, b: 'x' };
  for (let depth = 0; depth < 200; depth++) value = { n: 5, m: [{ n: 1, m: [value] }] };
  const deep = encode([{ n: 1, m: [{ n: 1, m: [{ n: 1, m: [{ n: 2, m: [value] }] }] }] }]);
  t.match(own.decode([deep], deep.length, small), { kind: 'broken', code: 'protobuf', message: /deep/ });
});

/** One after the other, each with a key of its own: `encode` would take longer than what is tested. */
function manyAttributes(field: number, count: number): Buffer {
  const one = Buffer.from(encode([attribute(field, 'k0000000', 'v')]));
  const all = Buffer.alloc(one.length * count);
  const digits = one.indexOf('0');
  for (let i = 0; i < count; i++) {
    all.set(one, i * one.length);
    all.write(String(i).padStart(7, '0'), i * one.length + digits, 'latin1');
  }
  return all;
}

t.test('a million attributes are read once, wherever they are', async (t) => {
  const million = manyAttributes(7, 1_000_000);
  const time = encode([{ n: 3, f: NOW }]);
  const point = { n: 1, b: Buffer.concat([million, time]) };
  const metric = {
    n: 2,
    m: [
      { n: 1, b: 'g' },
      { n: 5, m: [point] },
    ],
  };
  const inPoint = encode([{ n: 1, m: [{ n: 2, m: [metric] }] }]);
  const own = new InlineDecoder(1 << 30);
  const options = { ...LIMITS, maxUncompressedBytes: 64 << 20, protocol: 'otlp', otlp: PLAIN } as const;
  t.match(own.decode([inPoint], inPoint.length, options), { series: 1, mostLabels: 1_000_001 });
  const resource = {
    n: 1,
    b: Buffer.concat([encode([attribute(1, 'service.name', 's')]), manyAttributes(1, 100_000)]),
  };
  const metrics = { n: 2, m: gauge('g', '/a', '/b') };
  const inResource = encode([{ n: 1, m: [resource, { n: 2, m: [metrics] }] }]);
  t.match(own.decode([inResource], inResource.length, options), { series: 3, mostLabels: 100_002 });
  const promoted = {
    ...PLAIN,
    promoteResourceAttributes: Array.from({ length: 1000 }, (_, i) => `k${String(i).padStart(7, '0')}`),
  };
  t.match(
    own.decode([inResource], inResource.length, { ...options, otlp: promoted }),
    { series: 3, mostLabels: 100_002 },
    'a thousand of them in each series',
  );
});
