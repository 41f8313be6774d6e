import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { PUSH_500 } from '../doors/http/fixtures.js';
import { encodeVersion1, encodeVersion2 } from '../payload/encode.js';
import { run } from './run.js';

const REAL = new URL('../../../test/data/prom-2.42-samples-500a.snappy', import.meta.url).pathname;

t.test('help is there for everything, with examples', async (t) => {
  for (const args of [
    ['--help'],
    ['serve', '--help'],
    ['demo', '-h'],
    ['inspect', '--help'],
    ['check', '--help'],
    ['top', '--help'],
    ['diff', '--help'],
    ['advise', '--help'],
    ['report', '--help'],
    ['baseline', '--help'],
    ['loadtest', '--help'],
  ]) {
    t.match(await run(args), { status: 0, stdout: /Usage: .*Examples:/s, stderr: '' }, args.join(' '));
  }
  t.match(await run([]), { status: 2 });
  t.match(await run(['--version']), { status: 0, stdout: /^\d+\.\d+\.\d+\n$/ });
  t.match(await run(['nonsense']), { status: 2, stderr: /there is no command nonsense/ });
});

t.test('serve says what is wrong with its settings, all at once, and does not start', async (t) => {
  t.match(await run(['serve']), { status: 2, stderr: /upstream.url is needed/ });
  t.match(await run(['serve', '--mode=maybe', '--tenants.max=x'], '', { MIMIR_EDGE_UPSTREAM_URL: 'nope' }), {
    status: 1,
    stderr: /MIMIR_EDGE_UPSTREAM_URL.*--mode: mode: expected one of.*--tenants.max/s,
  });
  t.match(await run(['serve', '--config', '/nowhere.yaml']), { status: 2, stderr: /ENOENT/ });
  t.match(await run(['serve', '--config', '/']), { status: 2, stderr: /^mimir-edge: --config \/: EISDIR/ });
  t.match(await run(['serve', '--limits.ingestion_rat=5']), {
    status: 1,
    stderr: /flag --limits.ingestion_rat: .*unknown limit; did you mean ingestion_rate\?/,
  });
  t.match(await run(['serve', 'extra']), { status: 2, stderr: /unexpected argument extra/ });
  t.match(await run(['serve', '--mode']), { status: 2, stderr: /--mode needs a value/ });
  t.match(await run(['serve', '--print-config', '--upstream.url=http://a']), {
    status: 0,
    stdout: /url:\n {4}- http:\/\/a/,
  });
});

t.test('inspect shows what is in a body, from a file and from standard input', async (t) => {
  t.match(await run(['inspect', REAL]), {
    status: 0,
    stdout: /Remote Write 1.0, snappy: 11432 bytes.*series +500/s,
  });
  const { stdout } = await run(['inspect', '--json', '--top', '3', '-'], PUSH_500);
  t.match(JSON.parse(stdout), {
    version: 1,
    encoding: 'snappy',
    compressedBytes: 11432,
    uncompressedBytes: 82315,
    series: 500,
    samples: 500,
    histograms: 0,
    exemplars: 0,
    metadata: 0,
    maxLabels: 11,
    metrics: [{ series: 16 }, { series: 16 }, { series: 16 }],
  });
  const v2 = encodeVersion2([
    {
      labels: [
        ['__name__', 'up'],
        ['job', 'x'],
      ],
      value: 1,
      timestampMs: 1,
    },
  ]);
  t.match(JSON.parse((await run(['inspect', '--json', '-'], Buffer.from(v2))).stdout), {
    version: 2,
    encoding: 'identity',
    metrics: [{ name: 'up', series: 1 }],
  });
});

t.test('inspect shows what is in lines, and where they are broken', async (t) => {
  const lines = 'cpu,host=a usage=1,idle=2i\ncpu,host=b usage=3,text="x"\n';
  for (const [body, encoding] of [
    [Buffer.from(lines), 'identity'],
    [gzipSync(lines), 'gzip'],
  ] as const) {
    const { stdout } = await run(['inspect', '--influx', '--json', '-'], body);
    t.match(JSON.parse(stdout), {
      protocol: 'influx',
      encoding,
      series: 3,
      samples: 3,
      metrics: [
        { name: 'cpu_usage', series: 2 },
        { name: 'cpu_idle', series: 1 },
      ],
    });
  }
  t.match(await run(['inspect', '--influx', '-'], Buffer.from(lines)), {
    stdout: /^Influx line protocol, identity: 55 bytes/,
  });
  t.match(await run(['inspect', '--influx', '-'], Buffer.from('cpu usage=')), {
    status: 1,
    stderr:
      /broken at byte 9 of the uncompressed body: the value of a field is missing \(read as identity, influx\)/,
  });
  t.match(await run(['inspect', '--influx', '--otlp', '-'], Buffer.alloc(0)), {
    status: 2,
    stderr: /exclude/,
  });
  t.match(await run(['inspect', '--influx', '--version', '1', '-'], Buffer.alloc(0)), { status: 2 });
});

t.test('inspect shows what is in an OTLP export', async (t) => {
  const point = { timeUnixNano: '1700000000000000000', asInt: '5' };
  const metrics = [{ name: 'http.requests', sum: { aggregationTemporality: 2, dataPoints: [point, point] } }];
  const json = JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] });
  const { stdout } = await run(['inspect', '--otlp', '--json', '-'], gzipSync(json));
  t.match(JSON.parse(stdout), {
    protocol: 'otlp',
    encoding: 'gzip',
    series: 2,
    metrics: [{ name: 'http_requests', series: 2 }],
  });
  t.match(await run(['inspect', '--otlp', '-'], Buffer.from('{"resourceMetrics":[1]}')), {
    status: 1,
    stderr: /broken at byte 20 .*an object was expected/,
  });
});

t.test("inspect shows what a tenant's relabelling makes of a body", async (t) => {
  const overrides = join(t.testdir(), 'overrides.yaml');
  writeFileSync(
    overrides,
    [
      'overrides:',
      '  a:',
      '    drop_labels: [pod]',
      '    metric_relabel_configs: [{ source_labels: [job], regex: x, action: drop }]',
      '  b: {}',
    ].join('\n'),
  );
  const labels = (job: string, pod: string): [string, string][] => [
    ['__name__', 'up'],
    ['job', job],
    ['pod', pod],
  ];
  const body = Buffer.from(
    encodeVersion1([
      { labels: labels('x', '1'), value: 1, timestampMs: 1 },
      { labels: labels('y', '2'), value: 1, timestampMs: 1 },
      { labels: labels('y', '').slice(0, 2), value: 1, timestampMs: 1 },
    ]),
  );
  const given = ['inspect', '--overrides', overrides, '--tenant'];
  t.match(await run([...given, 'a', '-'], body), {
    status: 0,
    stdout:
      /changes 1 series and drops 1\n.*up\{job="x", pod="1"\} +\(dropped\)\nup\{job="y", pod="2"\} +up\{job="y"\}\n/s,
  });
  t.match(JSON.parse((await run([...given, 'a', '--json', '-'], body)).stdout), {
    series: 3,
    relabelling: { changed: 1, dropped: 1, examples: [{ stored: null }, { stored: 'up{job="y"}' }] },
  });
  t.match(JSON.parse((await run([...given, 'b', '--json', '-'], body)).stdout), {
    relabelling: { changed: 0, dropped: 0, examples: [] },
  });
  t.match(await run(['inspect', '--tenant', 'a', '-'], body), { status: 2, stderr: /need each other/ });
  writeFileSync(overrides, 'overrides: { a: { drop_labels: 5 } }');
  t.match(await run([...given, 'a', '-'], body), { status: 2, stderr: /1:32: error.*can not be used/s });
});

t.test('inspect names the reason and the byte at which a body is broken', async (t) => {
  t.match(await run(['inspect', '-'], PUSH_500.subarray(0, 5000)), {
    status: 1,
    stderr: /broken at byte \d+ of the compressed body: .*cut short/,
  });
  const wrong = Buffer.from(v1WithWrongWireType());
  const { status, stdout } = await run(
    ['inspect', '--json', '--encoding', 'identity', '--version', '1', '-'],
    wrong,
  );
  t.equal(status, 1);
  t.match(JSON.parse(stdout), {
    error: { code: 'protobuf', offset: 0, message: 'a field has the wrong wire type' },
  });
  t.match(await run(['inspect', '/nowhere']), { status: 2, stderr: /ENOENT/ });
  t.match(await run(['inspect']), { status: 2, stderr: /FILE is needed/ });
  t.match(await run(['inspect', '--version', '3', '-']), { status: 2, stderr: /one of 1, 2/ });
});

t.test('loadtest says before it sends anything that its report can not be written', async (t) => {
  for (const option of ['--json', '--html']) {
    const { status, stderr } = await run([
      'loadtest',
      '--target',
      'http://127.0.0.1:1',
      option,
      '/nowhere/report',
    ]);
    t.equal(status, 2);
    t.match(stderr, new RegExp(`^mimir-edge: ${option}: the report can not be written: ENOENT`));
  }
});

function v1WithWrongWireType(): number[] {
  return [0x08, 0x01];
}

t.test('check shows effective limits and findings with line and column', async (t) => {
  const folder = t.testdir();
  const file = join(folder, 'overrides.yaml');
  writeFileSync(file, 'overrides:\n  a:\n    ingestion_rate: 5\n    ingestion_bust_size: 3\n  b: {}\n');
  t.match(await run(['check', file]), {
    status: 0,
    stdout:
      /a\n {2}ingestion_rate: 5 \(default 10000\)\nb\n {2}as the defaults\n2 tenants, limits hash [0-9a-f]{16}/,
    stderr:
      /overrides.yaml:4:5: warning: overrides.a.ingestion_bust_size: unknown limit, ignored; did you mean ingestion_burst_size/,
  });
  const config = join(folder, 'edge.yaml');
  const edgeFile = join(folder, 'edge-overrides.yaml');
  writeFileSync(config, 'limits: { ingestion_rate: 7 }');
  writeFileSync(edgeFile, 'overrides: { a: { mode: off } }');
  const json = JSON.parse(
    (await run(['check', '--json', '--config', config, '--edge-file', edgeFile, file])).stdout,
  );
  t.match(json, {
    errors: [],
    warnings: [{ line: 4, column: 5 }],
    defaults: { ingestion_rate: 7 },
    tenants: { a: { ingestion_rate: 5, edge: { mode: 'off' } }, b: { ingestion_rate: 7 } },
  });
  t.match((await run(['check', '--tenant', 'a', file])).stdout, /max_label_names_per_series: 30/);
  writeFileSync(file, 'overrides:\n  a:\n    ingestion_rate: fast\n');
  t.match(await run(['check', file]), {
    status: 1,
    stderr: /:3:21: error: overrides.a.ingestion_rate: expected a number, found "fast"/,
  });
  t.match(await run(['check', '--json', file]), { status: 1, stdout: /"line": 3/ });
  t.match(await run(['check']), { status: 2 });
});

t.test('check shows what metadata selects: an entry of a tenant as it comes out', async (t) => {
  const file = join(t.testdir(), 'overrides.yaml');
  writeFileSync(
    file,
    'overrides:\n  a: { request_rate: 7 }\n  a:k=1: { ingestion_rate: 5 }\n  :k=2: { ingestion_rate: 6 }\n',
  );
  t.match(await run(['check', file]), {
    status: 0,
    stderr: '',
    stdout:
      /^:k=2\n {2}ingestion_rate: 6 .*\na\n {2}request_rate: 7 .*\na:k=1\n {2}request_rate: 7 .*\n {2}ingestion_rate: 5 /,
  });
  t.match((await run(['check', '--tenant', 'a:k=2', file])).stdout, /ingestion_rate: 6 \(default 10000\)/);
});

t.test('check says which settings of which tenants the edge leaves to Mimir', async (t) => {
  const folder = t.testdir();
  const file = join(folder, 'overrides.yaml');
  const tenants = ['a', 'b', 'c', 'd', 'e'];
  const entries = tenants.map(
    (id) => `  ${id}: { ingestion_tenant_shard_size: 3, max_query_lookback: 1d }\n`,
  );
  writeFileSync(file, `overrides:\n${entries.join('')}  f: { ingestion_artificial_delay: 1s }\n`);
  t.match(await run(['check', file]), {
    status: 0,
    stderr: '',
    stdout:
      'The edge does not enforce these; Mimir does, behind it:\n' +
      '  ingestion_artificial_delay of f: Mimir answers later; what it takes is the same.\n' +
      "  ingestion_tenant_shard_size of a, b, c and 2 more: To how many ingesters a tenant's series go; " +
      'how many it may have does not depend on it.\n' +
      '6 tenants, limits hash ',
  });
  const { leftToMimir } = JSON.parse((await run(['check', '--json', file])).stdout);
  t.match(leftToMimir, [
    { limit: 'ingestion_artificial_delay', tenants: ['f'], why: /answers later/ },
    { limit: 'ingestion_tenant_shard_size', tenants },
  ]);
  t.equal(leftToMimir.length, 2);
  t.notMatch((await run(['check', '--tenant', 'f', file])).stdout, 'ingestion_tenant_shard_size');
});

t.test("check takes a ConfigMap's manifest, with lines and columns of the file", async (t) => {
  const folder = t.testdir();
  const file = join(folder, 'configmap.yaml');
  const manifest = (runtime: string, more = '') =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: mimir-runtime }\ndata:\n  runtime.yaml: ${runtime}${more}`;
  writeFileSync(
    file,
    manifest(
      '|\n\n    overrides:\n      a:\n        ingestion_rate: 5\n        ingestion_bust_size: 3\n',
      '  mimir-edge.yaml: |-\n    overrides: { a: { mode: shadow } }\n',
    ),
  );
  t.match(await run(['check', file]), {
    status: 0,
    stdout: /ingestion_rate: 5 .*mode: shadow/s,
    stderr: /configmap.yaml:10:9: warning: overrides.a.ingestion_bust_size/,
  });
  writeFileSync(file, manifest('"overrides:\\n  a: 5\\n"\n'));
  t.match(await run(['check', file]), {
    status: 1,
    stderr:
      /configmap.yaml:5:17: error: overrides.a: expected a map of limits \(line 2, column 3 of the text here\)/,
  });
  const json = { kind: 'ConfigMap', data: { 'mine.yaml': 'overrides: { a: { ingestion_rate: 6 } }' } };
  t.match(await run(['check', '-'], JSON.stringify(json)), { status: 1, stderr: /it has mine.yaml/ });
  t.match(await run(['check', '--key', 'mine.yaml', '-'], JSON.stringify(json)), {
    status: 0,
    stdout: /ingestion_rate: 6/,
  });
});

t.test('check takes values for the chart mimir-distributed, also of a chart around it', async (t) => {
  const file = join(t.testdir(), 'values.yaml');
  const values = 'image: { tag: x }\nruntimeConfig:\n  overrides:\n    a: { ingestion_rate: fast }\n';
  writeFileSync(file, values);
  t.match(await run(['check', file]), {
    status: 1,
    stderr: /values.yaml:4:26: error: overrides.a.ingestion_rate: expected a number, found "fast"/,
  });
  writeFileSync(file, `mimir-distributed:\n${values.replace('fast', '7').replaceAll(/^/gm, '  ')}`);
  t.match(await run(['check', file]), { status: 0, stdout: /ingestion_rate: 7/, stderr: '' });
});

t.test(
  'check takes the limits that such values give all tenants for the defaults, and says so',
  async (t) => {
    const file = join(t.testdir(), 'values.yaml');
    const limits = (text: string) => `mimir:\n  structuredConfig:\n    limits:\n      ${text}\n`;
    writeFileSync(
      file,
      `${limits('ingestion_rate: 7\n      max_query_lookback: 30d')}runtimeConfig: { overrides: { a: { request_rate: 2 } } }\n`,
    );
    t.match(await run(['check', '--tenant', 'a', file]), {
      status: 0,
      stdout: /request_rate: 2 \(default 0\)\n.*ingestion_rate: 7\n/s,
      stderr: /values.yaml:4:7: warning: mimir.structuredConfig.limits: taken as the limits of all tenants/,
    });
    writeFileSync(file, `chart:\n${limits('ingestion_rat: 7').replaceAll(/^/gm, '  ')}`);
    t.match(await run(['check', file]), {
      status: 0,
      stderr:
        /values.yaml:5:9: warning: chart.mimir.*ingestion_rat: unknown limit, ignored; did you mean ingestion_rate\?/,
    });
    writeFileSync(file, limits('ingestion_rate: fast'));
    t.match(await run(['check', file]), {
      status: 1,
      stderr: /values.yaml:4:23: error: .*ingestion_rate: expected a number, found "fast"/,
    });
  },
);

t.test('diff shows what changes for whom, across forms', async (t) => {
  const folder = t.testdir();
  const old = join(folder, 'old.yaml');
  const values = join(folder, 'values.yaml');
  writeFileSync(
    old,
    'overrides: { a: { ingestion_rate: 5, ha_tracker_update_timeout: 30s }, b: { request_rate: 1 }, same: { request_rate: 3 } }',
  );
  writeFileSync(
    values,
    'runtimeConfig: { overrides: { a: { ingestion_rate: 10 }, c: { request_rate: 2 }, same: { request_rate: 3.0 } } }',
  );
  t.same(await run(['diff', old, values]), {
    status: 1,
    stderr: '',
    stdout: `a
  ingestion_rate: 5 -> 10
  ha_tracker_update_timeout: 30000ms -> 15000ms
b (removed, has the defaults)
  request_rate: 1 -> 0
c (new, had the defaults)
  request_rate: 0 -> 2
limits change for 3 tenants
`,
  });
  t.match(JSON.parse((await run(['diff', '--json', old, values])).stdout), [
    { tenant: 'a', change: 'changed', limits: [{ limit: 'ingestion_rate', before: 5, after: 10 }, {}] },
    { tenant: 'b', change: 'removed' },
    { tenant: 'c', change: 'added' },
  ]);
  t.match(await run(['diff', old, old]), { status: 0, stdout: 'limits change for 0 tenants\n' });
  writeFileSync(values, 'overrides: [');
  t.match(await run(['diff', old, values]), { status: 2, stderr: /values.yaml:1:\d+: error/ });
  t.match(await run(['diff', old]), { status: 2, stderr: /two files are needed/ });
  t.match(await run(['diff', old, join(folder, 'none')]), { status: 2, stderr: /ENOENT/ });
});
