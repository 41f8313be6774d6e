import t from 'tap';
import { parseOverrides } from '#src/limits/overrides-document.js';

function limitsOf(
  text: string,
  tenant: string,
  kind: 'mimir' | 'edge' = 'mimir',
): Record<string, unknown> | undefined {
  const { tenants, errors } = parseOverrides(text, kind);
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  const limits = tenants.get(tenant);
  return limits === undefined ? undefined : Object.fromEntries(limits);
}

t.test(
  'a document says for each tenant what it names, in all the ways that numbers are written',
  async (t) => {
    const text = `
    overrides:
      team-a:
        ingestion_rate: 1e6
        ingestion_burst_size: "2000000"
        max_label_names_per_series: 4e+01
        accept_ha_samples: yes
        ha_tracker_failover_timeout: 1m30s
        ha_cluster_label: dc
        label_value_length_over_limit_strategy: drop
      "123": { request_rate: 2.5 }
      007: { request_rate: 7 }
      __proto__: { request_rate: 3 }
      empty:
      nothing: {}
  `;
    t.strictSame(limitsOf(text, 'team-a'), {
      ingestion_rate: 1e6,
      ingestion_burst_size: 2_000_000,
      max_label_names_per_series: 40,
      accept_ha_samples: true,
      ha_tracker_failover_timeout: 90_000,
      ha_cluster_label: 'dc',
      label_value_length_over_limit_strategy: 'drop',
    });
    t.strictSame(limitsOf(text, '123'), { request_rate: 2.5 });
    t.strictSame(limitsOf(text, '007'), { request_rate: 7 }, 'a tenant is a name, not a number');
    t.strictSame(limitsOf(text, '__proto__'), { request_rate: 3 });
    t.strictSame(limitsOf(text, 'empty'), {});
    t.strictSame(limitsOf('overrides: { a: { request_rate: } }', 'a'), { request_rate: undefined });
    t.strictSame(limitsOf(text, 'nothing'), {});
  },
);

t.test('JSON is a document, and so is nothing', async (t) => {
  t.strictSame(limitsOf('{"overrides": {"a": {"ingestion_rate": 5}}}', 'a'), { ingestion_rate: 5 });
  for (const text of ['', '# a comment', 'overrides:', 'overrides: {}', '---']) {
    const nothing = { tenants: new Map(), mimirAlone: new Map(), errors: [], warnings: [] };
    t.strictSame(parseOverrides(text, 'mimir'), nothing, text);
  }
});

t.test('anchors, aliases and merge keys work; what stands in place wins', async (t) => {
  const text = `
x-base: &base { ingestion_rate: 1, request_rate: 2 }
overrides:
  a: *base
  b: { <<: *base, ingestion_rate: 9 }
  c: { ingestion_rate: 9, <<: *base }
  d: &d { max_label_name_length: 4 }
  e: *d
  f: { <<: [*d, *base], request_rate: 8 }
  g: { <<: [{ request_rate: 7 }, *base, { ingestion_rate: 6 }] }
`;
  t.strictSame(limitsOf(text, 'a'), { ingestion_rate: 1, request_rate: 2 });
  t.strictSame(limitsOf(text, 'b'), { ingestion_rate: 9, request_rate: 2 });
  t.strictSame(limitsOf(text, 'c'), { ingestion_rate: 9, request_rate: 2 });
  t.strictSame(limitsOf(text, 'e'), { max_label_name_length: 4 });
  t.strictSame(limitsOf(text, 'g'), { ingestion_rate: 1, request_rate: 7 }, 'the first of a list wins');
  t.strictSame(limitsOf(text, 'f'), { ingestion_rate: 1, request_rate: 8, max_label_name_length: 4 });
});

const MERGED = 'expected an alias of a map, not nested too deeply';

t.test('every error has its path, line and column, and says what was found', async (t) => {
  const cases: [string, string, number, number, string][] = [
    [
      'overrides:\n  a:\n    ingestion_rate: fast',
      'overrides.a.ingestion_rate',
      3,
      21,
      'expected a number, found "fast"',
    ],
    [
      'overrides:\n  a: {ingestion_burst_size: 1.5}',
      'overrides.a.ingestion_burst_size',
      2,
      29,
      'expected a whole number, found "1.5"',
    ],
    [
      'overrides:\n  a: {ingestion_rate: -1}',
      'overrides.a.ingestion_rate',
      2,
      23,
      'expected a number that is not negative, found "-1"',
    ],
    [
      'overrides:\n  a: {ingestion_rate: .nan}',
      'overrides.a.ingestion_rate',
      2,
      23,
      'expected a number, found ".nan"',
    ],
    [
      'overrides:\n  a: {ingestion_rate: .inf}',
      'overrides.a.ingestion_rate',
      2,
      23,
      'expected a number, found ".inf"',
    ],
    [
      'overrides:\n  a: {ingestion_rate: [1]}',
      'overrides.a.ingestion_rate',
      2,
      23,
      'expected a number, found "a map or a list"',
    ],
    [
      'overrides:\n  a: {accept_ha_samples: 1}',
      'overrides.a.accept_ha_samples',
      2,
      26,
      'expected true or false, found "1"',
    ],
    [
      'overrides:\n  a: {ha_tracker_update_timeout: 15}',
      'overrides.a.ha_tracker_update_timeout',
      2,
      34,
      'expected a duration such as 30s or 1h30m, found "15"',
    ],
    [
      'overrides:\n  a: {ha_cluster_label: {}}',
      'overrides.a.ha_cluster_label',
      2,
      25,
      'expected a text, found "a map or a list"',
    ],
    [
      'overrides:\n  a: {active_series_limit_response_code: 429.5}',
      'overrides.a.active_series_limit_response_code',
      2,
      42,
      'expected a whole number, found "429.5"',
    ],
    ['overrides:\n  a: 5', 'overrides.a', 2, 3, 'expected a map of limits'],
    ['overrides:\n  a: {<<: 5}', 'overrides.a.<<', 2, 7, MERGED],
    ['overrides:\n  a: {<<: [{}, 5]}', 'overrides.a.<<', 2, 7, MERGED],
    [
      'overrides:\n  <<: {}',
      'overrides.<<',
      2,
      3,
      'merge keys work within a tenant, not for tenants as a whole',
    ],
    ['overrides: [a]', 'overrides', 1, 1, 'expected a map of tenants'],
    ['- a', '', 1, 1, 'expected a map with the key overrides'],
    [
      'overrides:\n  a: {request_rate: 1, request_rate: 2}',
      'overrides.a',
      2,
      24,
      'the key request_rate is given twice',
    ],
    ['overrides:\n  a: {}\n  a: {}', 'overrides', 3, 3, 'the key a is given twice'],
    ['a: 1\na: 2', '', 2, 1, 'the key a is given twice'],
    ['overrides:\n  a: *b', '', 2, 6, 'there is no anchor b'],
    [
      'overrides: {a: {',
      '',
      1,
      17,
      'Flow map in block collection must be sufficiently indented and end with a }',
    ],
    ['?  <<: ', '', 1, 6, 'a key must be a text'],
    ['overrides:\n\ta: 1', '', 2, 1, 'Tabs are not allowed as indentation'],
  ];
  for (const [text, path, line, column, message] of cases) {
    const [error] = parseOverrides(text, 'mimir').errors;
    t.strictSame(error, { path, message, line, column }, text);
  }
});

t.test('a tenant that comes twice or not as a map spoils neither the others nor their order', async (t) => {
  const { tenants, errors } = parseOverrides(
    'overrides: { a: { request_rate: 1 }, a: { request_rate: 2 }, b: 5, c: { request_rate: 3, request_rate: 4 } }',
    'mimir',
  );
  t.equal(errors.length, 3);
  t.strictSame(
    [...tenants].map(([id, limits]) => [id, Object.fromEntries(limits)]),
    [
      ['a', { request_rate: 1 }],
      ['b', {}],
      ['c', { request_rate: 3 }],
    ],
  );
});

t.test('a text with errors of YAML is not read any further', async (t) => {
  const { tenants, errors } = parseOverrides('overrides: { a: 5, b: { request_rate: "1 }', 'mimir');
  t.ok(errors.length > 0);
  t.notOk(errors.some(({ path }) => path !== ''));
  t.equal(tenants.size, 0);
});

t.test('a document may be a part of another', async (t) => {
  const text = 'chart:\n  config:\n    overrides: { a: { request_rate: 1 } }\n  other: 5\n';
  const { tenants, errors } = parseOverrides(text, 'mimir', ['chart', 'config']);
  t.strictSame(errors, []);
  t.strictSame([...tenants.keys()], ['a']);
  t.strictSame(parseOverrides(text, 'mimir', ['chart', 'nothing']).errors, []);
  t.match(parseOverrides(text, 'mimir', ['chart', 'other']).errors, [
    { path: 'chart.other', line: 4, column: 10, message: 'expected a map with the key overrides' },
  ]);
});

t.test('maps may be merged into maps fifty deep', async (t) => {
  const merged = (depth: number) => {
    const levels = Array.from({ length: depth }, (_, n) => `x-${n + 1}: &a${n + 1} { <<: *a${n} }\n`).join(
      '',
    );
    return parseOverrides(`x-0: &a0 { request_rate: 1 }\n${levels}overrides: { t: *a${depth} }`, 'mimir');
  };
  const { tenants, errors } = merged(50);
  t.strictSame(errors, []);
  t.equal(tenants.get('t')?.get('request_rate'), 1);
  t.match(merged(51).errors, [{ path: 'overrides.t.<<', message: MERGED }]);
});

t.test('how deep one merges says nothing about the next', async (t) => {
  const entries = Array.from({ length: 60 }, (_, n) => `t${n}: { <<: *a }`).join(', ');
  t.strictSame(parseOverrides(`x-a: &a {}\noverrides: { ${entries} }`, 'mimir').errors, []);
});

t.test('unknown keys warn with their place and a likely name; other limits of Mimir do not', async (t) => {
  const text = `
overrides:
  a:
    ingestion_ratee: 5
    something_else_altogether: 5
    max_fetched_chunks_per_query: 5
    ruler_max_rules_per_rule_group: 5
    active_series_additional_custom_trackers: 5
    __proto__: 5
    "": 5
  a b: {}
multi_kv_config: {}
ingester_chunk_streaming: 5
ingester_stream_chunks_when_using_blocks: true
ingester_limits: {}
distributor_limits: {}
cardinality_cleanup: {}
x-mine: 5
something: {}
not-x-: {}
`;
  t.strictSame(parseOverrides(text, 'mimir').errors, []);
  t.strictSame(parseOverrides(text, 'mimir').warnings, [
    {
      path: 'overrides.a.ingestion_ratee',
      message: 'unknown limit, ignored; did you mean ingestion_rate?',
      line: 4,
      column: 5,
    },
    {
      path: 'overrides.a.something_else_altogether',
      message: 'unknown limit, ignored',
      line: 5,
      column: 5,
    },
    { path: 'overrides.a.__proto__', message: 'unknown limit, ignored', line: 9, column: 5 },
    { path: 'overrides.a.', message: 'unknown limit, ignored', line: 10, column: 5 },
    {
      path: 'overrides.a b',
      message: 'no tenant can have this id (unsupported character), ignored',
      line: 11,
      column: 3,
    },
    { path: 'something', message: 'unknown section, ignored', line: 19, column: 1 },
    { path: 'not-x-', message: 'unknown section, ignored', line: 20, column: 1 },
  ]);
  t.match(
    parseOverrides('overrides: { a: { max_fetched_chunks_per_query: 5 } }', 'edge').warnings,
    [{ message: 'unknown limit, ignored' }],
    "the edge's document has none of Mimir's",
  );
});

t.test("the edge's limits and Mimir's each have their document, and a warning that says which", async (t) => {
  const edge = 'overrides: { a: { mode: shadow, bytes_per_second: 1e6 } }';
  t.strictSame(limitsOf(edge, 'a', 'edge'), { mode: 'shadow', bytes_per_second: 1e6 });
  t.equal(
    parseOverrides(edge, 'mimir').warnings[0]?.message,
    "mode is the edge's own and makes Mimir refuse this document: move it to the edge overrides (overrides.edge_file)",
  );
  t.equal(
    parseOverrides('overrides: { a: { ingestion_rate: 1 } }', 'edge').warnings[0]?.message,
    "ingestion_rate is Mimir's: move it to the overrides that Mimir reads (overrides.file)",
  );
  t.equal(
    parseOverrides('overrides: { a: { mode: maybe } }', 'edge').errors[0]?.message,
    'expected one of enforce, shadow, off, found "maybe"',
  );
});

t.test('the values that Go takes and JavaScript would not', async (t) => {
  const text = `
overrides:
  a:
    ingestion_rate: 10_000
    ha_cluster_label: 5
    ha_replica_label: true
    active_series_limit_response_code: 400
    request_rate: 0
  b:
    active_series_limit_response_code: "-1"
    ha_cluster_label: ""
    ha_replica_label: "-5"
---
overrides: {}`;
  t.strictSame(limitsOf(text, 'a'), {
    ingestion_rate: 10_000,
    ha_cluster_label: '5',
    ha_replica_label: 'true',
    active_series_limit_response_code: 400,
    request_rate: 0,
  });
  t.strictSame(limitsOf(text, 'b'), {
    active_series_limit_response_code: -1,
    ha_cluster_label: '',
    ha_replica_label: '-5',
  });
});

t.test('an alias stands for the last node before it with its anchor', async (t) => {
  const text = `
x-one: &a { request_rate: 1 }
overrides:
  a: *a
  b: &a { request_rate: 2 }
  c: *a
  d: { request_rate: &n 3 }
  e: { request_rate: *n }`;
  for (const [tenant, rate] of Object.entries({ a: 1, b: 2, c: 2, d: 3, e: 3 }))
    t.strictSame(limitsOf(text, tenant), { request_rate: rate }, tenant);
});

t.test('an alias of nothing is an error', async (t) => {
  t.match(
    parseOverrides('overrides: { a: *x }', 'mimir').errors[0]?.message,
    /no anchor x|[Uu]nresolved alias/,
  );
});

t.test('an alias of itself is refused', async (t) => {
  t.ok(parseOverrides('overrides: { a: &a { <<: *a } }', 'mimir').errors.length > 0);
});

t.test('a misspelt key that all tenants share does not fill the memory with warnings', async (t) => {
  const entries = Array.from({ length: 1100 }, (_, n) => `  t${n}: *a`).join('\n');
  t.equal(
    parseOverrides(`x-a: &a { ingestion_rat: 1 }\noverrides:\n${entries}`, 'mimir').warnings.length,
    1000,
  );
});

t.test('a limit that Mimir no longer knows is warned about, and read where the edge can', async (t) => {
  const text = `
overrides:
  a:
    service_overload_status_code_on_rate_limit_enabled: true
    alertmanager_notify_hook_url: http://hook
    request_rate: 5`;
  const { warnings, errors } = parseOverrides(text, 'mimir');
  t.strictSame(errors, []);
  t.match(warnings, [
    {
      path: 'overrides.a.service_overload_status_code_on_rate_limit_enabled',
      message:
        'Mimir does not know it any more (as of 3.2) and refuses a document that has it: ' +
        'take it out unless an older Mimir reads this one; the edge still goes by it',
      line: 4,
    },
    { path: 'overrides.a.alertmanager_notify_hook_url', message: /reads this one$/, line: 5 },
  ]);
  t.equal(warnings.length, 2);
  t.strictSame(limitsOf(text, 'a'), {
    service_overload_status_code_on_rate_limit_enabled: true,
    request_rate: 5,
  });
});

t.test(
  'settings of the write path that only Mimir enforces are kept with the tenants that have them',
  async (t) => {
    const text = `
x-shared: &shared { ingestion_tenant_shard_size: 3, max_query_lookback: 1d }
overrides:
  a: { <<: *shared, request_rate: 5 }
  b: { <<: *shared, ingestion_artificial_delay: 1s }
  c: { ingestion_rate: 5 }`;
    t.strictSame(
      parseOverrides(text, 'mimir').mimirAlone,
      new Map([
        ['ingestion_tenant_shard_size', new Set(['a', 'b'])],
        ['ingestion_artificial_delay', new Set(['b'])],
      ]),
    );
    t.equal(
      parseOverrides('overrides: { a: { ingestion_tenant_shard_size: 3 } }', 'edge').mimirAlone.size,
      0,
    );
  },
);

t.test('relabelling rules and label names are read as Prometheus writes them', async (t) => {
  const text = `
    overrides:
      team-a:
        drop_labels: [pod, 5]
        metric_relabel_configs:
          - source_labels: [__name__, le]
            regex: 'x_(.+);1'
            target_label: short
            replacement: 1
          - { action: DROP, regex: yes, source_labels: [a] }
      quoted: { drop_labels: '["pod"]' }
      nothing: { drop_labels: [], metric_relabel_configs: }
  `;
  t.strictSame(limitsOf(text, 'team-a'), {
    drop_labels: '["pod","5"]',
    metric_relabel_configs: JSON.stringify([
      { source_labels: ['__name__', 'le'], regex: 'x_(.+);1', target_label: 'short', replacement: '1' },
      { source_labels: ['a'], regex: 'yes', action: 'drop' },
    ]),
  });
  t.strictSame(limitsOf(text, 'quoted'), { drop_labels: '["pod"]' });
  t.strictSame(limitsOf(text, 'nothing'), { drop_labels: '', metric_relabel_configs: undefined });
});

t.test('rules may be shared by aliases and merged, as a whole and in part', async (t) => {
  const text = `
    x-rules: &drop { action: drop, source_labels: &names [__name__] }
    overrides:
      a: { metric_relabel_configs: &rules [{ <<: *drop, regex: go_.* }, *drop, { action: keep, source_labels: *names }] }
      b: { metric_relabel_configs: *rules }
  `;
  const rules = JSON.stringify([
    { source_labels: ['__name__'], regex: 'go_.*', action: 'drop' },
    { source_labels: ['__name__'], action: 'drop' },
    { source_labels: ['__name__'], action: 'keep' },
  ]);
  t.strictSame(limitsOf(text, 'a'), { metric_relabel_configs: rules });
  t.strictSame(limitsOf(text, 'b'), { metric_relabel_configs: rules });
});

t.test('what is wrong with a rule has the line and the column of the field', async (t) => {
  const text = [
    'overrides:',
    '  a:',
    '    metric_relabel_configs:',
    '      - target_label: ok',
    '      - target_label: b',
    '        regex: "(["',
    '  b:',
    '    metric_relabel_configs: [{ action: hashmod, target_label: x }]',
    '    drop_labels: pod',
    '  c: { metric_relabel_configs: [{ target_label: x, actoin: drop }] }',
  ].join('\n');
  const { errors } = parseOverrides(text, 'mimir');
  t.match(errors, [
    {
      path: 'overrides.a.metric_relabel_configs.1.regex',
      line: 6,
      column: 16,
      message: /regular expression.*found "\(\["/,
    },
    { path: 'overrides.b.metric_relabel_configs.0', line: 8, column: 30, message: /hashmod needs a modulus/ },
    { path: 'overrides.b.drop_labels', line: 9, column: 18, message: /list of label names, found "pod"/ },
    { path: 'overrides.c.metric_relabel_configs.0.actoin', line: 10, column: 60, message: /no field actoin/ },
  ]);
  t.equal(errors.length, 4);
});

t.test('rules that many tenants share are read once, and aliases in aliases come to an end', async (t) => {
  const rules = Array.from({ length: 50 }, (_, i) => `{ target_label: l${i}, regex: "(a|b|c){50}x${i}" }`);
  const tenants = Array.from({ length: 5000 }, (_, i) => `  t${i}: { metric_relabel_configs: *rules }`);
  const text = `x: &rules [${rules}]\noverrides:\n${tenants.join('\n')}\n`;
  const { tenants: read, errors } = parseOverrides(text, 'mimir');
  t.strictSame(errors, []);
  t.equal(read.get('t0')?.get('metric_relabel_configs'), read.get('t4999')?.get('metric_relabel_configs'));

  const names = Array.from({ length: 1000 }, (_, i) => `label_${i}`);
  const sharing = Array.from({ length: 3000 }, (_, i) => `  t${i}: { drop_labels: *names }`);
  const shared = parseOverrides(`x: &names [${names}]\noverrides:\n${sharing.join('\n')}\n`, 'mimir');
  t.strictSame(shared.errors, [], 'three million names, counted once');

  const levels = ['x0: &x0 [a, a, a, a, a, a, a, a, a, a]'];
  for (let i = 1; i < 12; i++) levels.push(`x${i}: &x${i} [${Array(10).fill(`*x${i - 1}`)}]`);
  const bomb = `${levels.join('\n')}\noverrides: { a: { metric_relabel_configs: *x11 } }\n`;
  t.ok(parseOverrides(bomb, 'mimir').errors.length > 0);
});
