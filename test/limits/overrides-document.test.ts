import fc from 'fast-check';
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
    t.match(parseOverrides(text, 'mimir'), { errors: [], warnings: [] }, text);
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
`;
  t.strictSame(limitsOf(text, 'a'), { ingestion_rate: 1, request_rate: 2 });
  t.strictSame(limitsOf(text, 'b'), { ingestion_rate: 9, request_rate: 2 });
  t.strictSame(limitsOf(text, 'c'), { ingestion_rate: 9, request_rate: 2 });
  t.strictSame(limitsOf(text, 'e'), { max_label_name_length: 4 });
  t.strictSame(limitsOf(text, 'f'), { ingestion_rate: 1, request_rate: 8, max_label_name_length: 4 });
});

t.test('every error has its path, line and column', async (t) => {
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
      'whole number',
    ],
    ['overrides:\n  a: {ingestion_rate: -1}', 'overrides.a.ingestion_rate', 2, 23, 'not negative'],
    ['overrides:\n  a: {ingestion_rate: .nan}', 'overrides.a.ingestion_rate', 2, 23, 'a number'],
    ['overrides:\n  a: {ingestion_rate: .inf}', 'overrides.a.ingestion_rate', 2, 23, 'a number'],
    ['overrides:\n  a: {ingestion_rate: [1]}', 'overrides.a.ingestion_rate', 2, 23, 'a map or a list'],
    ['overrides:\n  a: 5', 'overrides.a', 2, 3, 'expected a map of limits'],
    ['overrides: [a]', 'overrides', 1, 1, 'expected a map of tenants'],
    ['- a', '', 1, 1, 'expected a map'],
    ['overrides:\n  a: {request_rate: 1, request_rate: 2}', 'overrides.a', 2, 24, 'given twice'],
    ['overrides:\n  a: {}\n  a: {}', 'overrides', 3, 3, 'given twice'],
    ['overrides: {a: {', '', 1, 17, 'Flow map'],
    ['?  <<: ', '', 1, 6, 'a key must be a text'],
    ['overrides:\n\ta: 1', '', 2, 1, 'Tabs'],
  ];
  for (const [text, path, line, column, message] of cases) {
    const [error] = parseOverrides(text, 'mimir').errors;
    t.match(error, { path, line, column }, text);
    t.match(error?.message, message, text);
  }
});

t.test('unknown keys warn with their place and a likely name; other limits of Mimir do not', async (t) => {
  const text = `
overrides:
  a:
    ingestion_ratee: 5
    max_fetched_chunks_per_query: 5
    ruler_max_rules_per_rule_group: 5
  a b: {}
multi_kv_config: {}
something: {}
`;
  t.match(parseOverrides(text, 'mimir'), {
    errors: [],
    warnings: [
      {
        path: 'overrides.a.ingestion_ratee',
        line: 4,
        column: 5,
        message: 'unknown limit, ignored; did you mean ingestion_rate?',
      },
      { path: 'overrides.a b', message: /no tenant can have this id/ },
      { path: 'something', message: /unknown section/ },
    ],
  });
});

t.test("the edge's limits and Mimir's each have their document, and a warning that says which", async (t) => {
  const edge = 'overrides: { a: { mode: shadow, bytes_per_second: 1e6 } }';
  t.strictSame(limitsOf(edge, 'a', 'edge'), { mode: 'shadow', bytes_per_second: 1e6 });
  t.match(parseOverrides(edge, 'mimir').warnings[0]?.message, /makes Mimir refuse this document/);
  t.match(
    parseOverrides('overrides: { a: { ingestion_rate: 1 } }', 'edge').warnings[0]?.message,
    /overrides.file/,
  );
  t.match(
    parseOverrides('overrides: { a: { mode: maybe } }', 'edge').errors[0]?.message,
    /one of enforce, shadow, off/,
  );
});

t.test('fifty thousand tenants may share one entry', async (t) => {
  const entries = Array.from({ length: 50_000 }, (_, n) => `  t${n}: *a`).join('\n');
  const { tenants, errors } = parseOverrides(
    `x-a: &a { ingestion_rate: 1 }\noverrides:\n${entries}`,
    'mimir',
  );
  t.strictSame(errors, []);
  t.equal(tenants.size, 50_000);
});

t.test('a bomb of aliases is refused before it goes off', async (t) => {
  const levels = Array.from({ length: 30 }, (_, n) => `x-${n + 1}: &a${n + 1} { <<: [*a${n}, *a${n}] }`).join(
    '\n',
  );
  const { errors } = parseOverrides(
    `x-0: &a0 { ingestion_rate: 1 }\n${levels}\noverrides: { a: *a30 }`,
    'mimir',
  );
  t.match(errors[0]?.message, /more than 2000000 values/);
});

t.test('the values that Go takes and JavaScript would not', async (t) => {
  t.strictSame(
    limitsOf('overrides: { a: { ingestion_rate: 10_000, ha_cluster_label: 5 } }\n---\noverrides: {}', 'a'),
    {
      ingestion_rate: 10_000,
      ha_cluster_label: '5',
    },
  );
});

t.test('an alias of nothing is an error', async (t) => {
  t.match(
    parseOverrides('overrides: { a: *x }', 'mimir').errors[0]?.message,
    /no anchor x|[Uu]nresolved alias/,
  );
});

t.test('a misspelt key that all tenants share does not fill the memory with warnings', async (t) => {
  const entries = Array.from({ length: 5000 }, (_, n) => `  t${n}: *a`).join('\n');
  t.equal(
    parseOverrides(`x-a: &a { ingestion_rat: 1 }\noverrides:\n${entries}`, 'mimir').warnings.length,
    1000,
  );
});

t.test('an alias of itself is refused', async (t) => {
  t.ok(parseOverrides('overrides: { a: &a { <<: *a } }', 'mimir').errors.length > 0);
});

t.test('any text is a document or has errors with a place; nothing throws', async () => {
  const piece = fc.constantFrom(
    'overrides:',
    'a:',
    '  ',
    '\n',
    '{',
    '}',
    '[',
    '- ',
    '&x ',
    '*x',
    '<<: ',
    'ingestion_rate: ',
    '5',
    '"',
    '\t',
    '?',
    '|',
    '!!binary ',
    ': ',
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(piece, { maxLength: 40 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(text, (one) => {
      const { errors } = parseOverrides(one, 'mimir');
      return errors.every(({ line, column }) => line >= 1 && column >= 1);
    }),
    { numRuns: 2000 },
  );
});
