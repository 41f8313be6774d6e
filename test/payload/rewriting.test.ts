import fc from 'fast-check';
import t from 'tap';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import {
  type DecodeOptions,
  FAULT,
  NO_RULES,
  type Push,
  pairNumber,
  RECORD_FAULT,
  RECORD_FLAGS,
  RECORD_LABELS,
  RECORD_LENGTH,
  RECORD_LONGEST_VALUE,
  RECORD_OFFSET,
  RECORD_WORDS,
} from '#src/payload/push.js';
import { type LabelRewriting, labelRewriting } from '#src/payload/rewriting.js';
import { readLabelNames, readRules } from '#src/relabel/rule.js';
import { type OracleRule, type Pairs, relabelPlainly } from '../relabel/oracle.js';
import { compress, encodeVersion1, encodeVersion2 } from './encode.js';

const RULES = {
  ...NO_RULES,
  utf8Names: false,
  maxLabels: 5,
  maxInfoLabels: 7,
  maxNameLength: 20,
  maxValueLength: 30,
};

interface Given {
  readonly rules?: readonly OracleRule[];
  readonly dropLabels?: readonly string[];
  readonly utf8Names?: boolean;
  readonly longValues?: LabelRewriting['longValues'];
  readonly maxValueLength?: number;
  readonly tenant?: string;
}

function rewritingOf({
  rules = [],
  dropLabels = [],
  utf8Names = true,
  longValues = 'error',
  maxValueLength = 30,
  tenant = 'team-a',
}: Given) {
  const [read, names] = [readRules(rules), readLabelNames(dropLabels)];
  if ('problem' in read) throw new Error(read.problem);
  if ('problem' in names) throw new Error(names.problem);
  return labelRewriting(
    { tenant, rules: read.value, dropLabels: names.value, utf8Names, longValues, maxValueLength },
    RULES,
  );
}

const decoder = new InlineDecoder(Number.POSITIVE_INFINITY);

function decode(
  series: readonly Pairs[],
  rewriting: LabelRewriting | undefined,
  options: Partial<DecodeOptions> = {},
): Push {
  const protocol = options.protocol ?? 'rw1';
  const sent = series.map((labels) => ({ labels, value: 1, timestampMs: 1_700_000_000_000 }));
  const body = compress(protocol === 'rw1' ? encodeVersion1(sent) : encodeVersion2(sent));
  const decoded = decoder.decode([body], body.length, {
    protocol,
    maxUncompressedBytes: 100e6,
    maxSeries: 1e6,
    excludeLabel: '',
    rules: RULES,
    rewriting,
    ...options,
  });
  if (decoded.kind !== 'push') throw new Error(decoded.message);
  return decoded;
}

/** All that a record says, but for where its series is. */
function wordsOf(push: Push): number[][] {
  return Array.from({ length: push.series }, (_, row) =>
    [...push.records.slice(row * RECORD_WORDS, (row + 1) * RECORD_WORDS)].filter(
      (_, word) => word !== RECORD_OFFSET && word !== RECORD_LENGTH,
    ),
  );
}

function totalsOf({
  rewriting: _____,
  records: _,
  body: __,
  compressedBytes: ___,
  uncompressedBytes: ____,
  ...totals
}: Push) {
  return totals;
}

/** As the distributor does it: rules with the tenant in sight, then labels to drop, once each. */
function rewrittenPlainly(
  labels: Pairs,
  { rules = [], dropLabels = [], utf8Names = true, tenant = 'team-a' }: Given,
): Pairs {
  let rewritten = labels;
  if (rules.length > 0) {
    const seen: Pairs = [...labels, ['__meta_tenant_id', tenant]];
    const relabelled = relabelPlainly(seen, rules, utf8Names ? 'utf8' : 'legacy');
    if (relabelled === undefined) return [];
    rewritten = relabelled.filter(([name]) => name !== '__meta_tenant_id');
  }
  for (const dropped of dropLabels) {
    const index = rewritten.findIndex(([name]) => name === dropped);
    if (index >= 0) rewritten = rewritten.filter((_, i) => i !== index);
  }
  return rewritten;
}

const names = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('__name__', 'job', 'le', 'pod', 'a', 'b', '__replica__') },
  { weight: 1, arbitrary: fc.constantFrom('été', 'a-b', 'n'.repeat(25), '__meta_tenant_id', '') },
);
const values = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('up', 'up_info', 'x_total', 'a', 'b', '', '0.5', 'team-a') },
  { weight: 1, arbitrary: fc.constantFrom('é'.repeat(20), 'v'.repeat(40), 'x;y', '\n') },
  { weight: 1, arbitrary: fc.string({ maxLength: 10 }) },
);
const sent = fc.array(fc.array(fc.tuple(names, values), { maxLength: 8 }), { minLength: 1, maxLength: 6 });
const sources = fc.array(fc.constantFrom('__name__', 'job', 'le', 'a', 'b', '__meta_tenant_id', 'none'), {
  maxLength: 2,
});
const targets = fc.constantFrom('__name__', 'job', 'a', 'new', 'été');
const regex = fc.constantFrom('(.*)', '(.+)', 'up', 'x_(.*)', '(a|b|up)', '.*;?.*', '', '([^;]*).*');
const rule: fc.Arbitrary<OracleRule> = fc.oneof(
  fc.record(
    {
      source_labels: sources,
      regex,
      target_label: targets,
      replacement: fc.constantFrom('$1', 'x_$1', '', 'fixed', '$1$1$1$1$1$1$1'),
    },
    { requiredKeys: ['target_label'] },
  ),
  fc.record({ source_labels: sources, regex, action: fc.constantFrom('keep', 'drop') }),
  fc.record({
    source_labels: sources,
    target_label: targets,
    action: fc.constantFrom('lowercase', 'keepequal', 'dropequal'),
  }),
  fc.record({
    source_labels: sources,
    target_label: targets,
    action: fc.constant('hashmod'),
    modulus: fc.constant(10),
  }),
  fc.record({
    regex: fc.constantFrom('(.*)', '__(.*)', 'a|b'),
    replacement: fc.constantFrom('$1', 'y_$1', '__name__'),
    action: fc.constant('labelmap'),
  }),
  fc.record({
    regex: fc.constantFrom('__.*', 'a|b|job', '.*', 'pod'),
    action: fc.constantFrom('labeldrop', 'labelkeep'),
  }),
);
const given = fc.record({
  rules: fc.array(rule, { maxLength: 4 }),
  dropLabels: fc.uniqueArray(fc.constantFrom('pod', 'a', '__name__', 'none'), { maxLength: 2 }),
  utf8Names: fc.boolean(),
  tenant: fc.constantFrom('team-a', 'up'),
});

t.test('a series is, word for word, the one that was sent as the rules make it', async () => {
  fc.assert(
    fc.property(sent, given, fc.constantFrom<1 | 2>(1, 2), (series, wanted, version) => {
      const rules = { ...RULES, utf8Names: wanted.utf8Names };
      const plain = decode(
        series.map((labels) => rewrittenPlainly(labels, wanted)),
        undefined,
        { protocol: `rw${version}`, rules },
      );
      const [want, totals] = [wordsOf(plain), totalsOf(plain)];
      const rewriting = rewritingOf(wanted);
      // Twice: the second time all that can be remembered is.
      for (let time = 0; time < 2; time++) {
        const got = decode(series, rewriting, { protocol: `rw${version}`, rules });
        if (JSON.stringify(wordsOf(got)) !== JSON.stringify(want))
          throw new Error(`${time}: got ${JSON.stringify(wordsOf(got))}, want ${JSON.stringify(want)}`);
        if (JSON.stringify(totalsOf(got)) !== JSON.stringify(totals))
          throw new Error(`got ${JSON.stringify(totalsOf(got))}, want ${JSON.stringify(totals)}`);
      }
    }),
    { numRuns: 2000 },
  );
});

function record(push: Push, row: number, word: number): number {
  return push.records[row * RECORD_WORDS + word] ?? 0;
}

const UP: Pairs = [
  ['__name__', 'up'],
  ['job', 'a'],
  ['pod', 'p-1'],
];

t.test('the body stays as it came', async (t) => {
  const rewriting = rewritingOf({ rules: [{ regex: 'pod', action: 'labeldrop' }] });
  const body = Buffer.from(decode([UP], undefined).body);
  t.strictSame(Buffer.from(decode([UP], rewriting).body), body);
});

t.test('series that become one are one', async (t) => {
  const other: Pairs = UP.map(([name, value]) => [name, name === 'pod' ? 'p-2' : value]);
  const push = decode([UP, other], rewritingOf({ dropLabels: ['pod'] }));
  t.strictSame(wordsOf(push)[0], wordsOf(push)[1]);
  t.equal(record(push, 0, RECORD_LABELS), 2);
});

t.test('a series that a rule drops, or that nothing is left of, is one without labels', async (t) => {
  for (const wanted of [
    { rules: [{ source_labels: ['job'], regex: 'a', action: 'drop' }] },
    { rules: [{ regex: '.*', action: 'labeldrop' }] },
    { dropLabels: ['__name__', 'job', 'pod'] },
  ]) {
    const push = decode([UP], rewritingOf(wanted));
    t.equal(record(push, 0, RECORD_FAULT), FAULT.noLabels);
    t.equal(record(push, 0, RECORD_FLAGS), 0);
  }
});

t.test('a series that loses its name has none', async (t) => {
  const push = decode([UP], rewritingOf({ dropLabels: ['__name__'] }));
  t.equal(record(push, 0, RECORD_FAULT), FAULT.noMetricName);
});

t.test('the label of the replica is gone before rules look, where the pair is known', async (t) => {
  const pair: Pairs = [...UP, ['cluster', 'c'], ['__replica__', 'r-1']];
  const rewriting = rewritingOf({
    rules: [{ source_labels: ['__replica__'], regex: '(.+)', target_label: 'seen', replacement: '$1' }],
  });
  const options = { excludeLabel: '__replica__', clusterLabel: 'cluster' };
  const push = decode([pair], rewriting, options);
  t.strictSame(push.ha, { cluster: 'c', replica: 'r-1' });
  t.equal(record(push, 0, RECORD_LABELS), 4);
  t.equal(record(decode([[...UP, ['__replica__', 'r-1']]], rewriting, options), 0, RECORD_LABELS), 5);
});

t.test(
  'where each series is of a pair of its own, the label goes from those that name one, and the pair stays known',
  async (t) => {
    const rewriting = rewritingOf({
      rules: [{ source_labels: ['__replica__'], regex: '(.+)', target_label: 'seen', replacement: '$1' }],
    });
    const options = { excludeLabel: '__replica__', clusterLabel: 'cluster', pairPerSeries: true };
    const of = (replica: string): Pairs => [...UP, ['cluster', 'c'], ['__replica__', replica]];
    const push = decode(
      [of('one'), [...UP, ['__replica__', 'one']], of('two'), of('one')],
      rewriting,
      options,
    );
    t.strictSame(push.pairs, [
      { cluster: 'c', replica: 'one' },
      { cluster: 'c', replica: 'two' },
    ]);
    t.strictSame(
      [0, 1, 2, 3].map((row) => pairNumber(push, row)),
      [1, 0, 2, 1],
    );
    t.strictSame(
      [0, 1, 2, 3].map((row) => record(push, row, RECORD_LABELS)),
      [4, 5, 4, 4],
      'UP has three',
    );
  },
);

t.test('rules of one tenant are not those of another', async (t) => {
  const rules = [{ source_labels: ['__meta_tenant_id'], target_label: 'tenant' }];
  const hashes = ['team-a', 'team-b'].map(
    (tenant) => wordsOf(decode([UP], rewritingOf({ rules, tenant })))[0],
  );
  t.notSame(hashes[0], hashes[1]);
});

t.test('bytes that are no UTF-8 stay what they are, and are copied as they are', async (t) => {
  const sent = UP.map(([name, value]): [string, string] => [name, value === 'a' ? '\u0002' : value]);
  // A value of one byte that is no UTF-8, where the encoder would write none.
  const raw = Buffer.from(encodeVersion1([{ labels: sent, value: 1, timestampMs: 1 }]));
  raw[raw.indexOf(2, raw.indexOf('job'))] = 0xff;
  const body = compress(raw);
  const options = {
    protocol: 'rw1',
    maxUncompressedBytes: 1e6,
    maxSeries: 10,
    excludeLabel: '',
    rules: RULES,
  } as const;
  for (const [rules, fault] of [
    [[{ source_labels: ['job'], target_label: 'job', replacement: 'x' }], FAULT.none],
    [
      [
        { source_labels: ['job'], target_label: 'copy' },
        { regex: 'job', action: 'labeldrop' },
      ],
      FAULT.labelValueInvalid,
    ],
    [[{ source_labels: ['pod'], target_label: 'copy' }], FAULT.labelValueInvalid],
  ] as const) {
    const decoded = decoder.decode([body], body.length, { ...options, rewriting: rewritingOf({ rules }) });
    t.ok(decoded.kind === 'push' && decoded.records[RECORD_FAULT] === fault, JSON.stringify(rules));
  }
});

t.test('labels that rules blow up are refused as too long or too many', async (t) => {
  const double = { source_labels: ['job'], target_label: 'job', replacement: '$1$1$1$1' };
  const long = decode([UP], rewritingOf({ rules: Array(30).fill(double) }));
  t.equal(record(long, 0, RECORD_FAULT), FAULT.labelValueTooLong);
  const copies = Array.from({ length: 20 }, (_, i) => ({
    regex: '(.*)',
    action: 'labelmap',
    replacement: `x${i}_$1`,
  }));
  t.equal(record(decode([UP], rewritingOf({ rules: copies })), 0, RECORD_FAULT), FAULT.tooManyLabels);
});

t.test('a series of very many labels is refused, with rules and without', async (t) => {
  const many: Pairs = Array.from({ length: 5000 }, (_, i) => [`l${i}`, 'x']);
  const push = decode(
    [[...UP, ...many], UP],
    rewritingOf({ rules: [{ regex: 'l.*', action: 'labeldrop' }] }),
  );
  t.equal(record(push, 0, RECORD_FAULT), FAULT.tooManyLabels);
  t.equal(record(push, 1, RECORD_FAULT), FAULT.none);
  t.equal(push.faultySeries, 1);
});

/** Lengths of `letters(n)` that are multiples of a block, and around them; sums by Python's hashlib.blake2b(digest_size=32). */
const SUMS: readonly (readonly [length: number, sum: string])[] = [
  [101, 'afaaf99ac203fcaaa869a900fbe7e18b1a5d355265a691408c98103723d8c240'],
  [127, '09c2d5eeed6f715f2854117053fa0cd9aae0325dd81ccd4378cfa6d33b13c6e6'],
  [128, 'd4fa621077725f042724ce0cf509bf618253849143be5c145713b3cf05a8cf01'],
  [129, '0b4380fa20646c71000ec3356eea1e04a8ec50aca3e8c6a9474ae6588d1626b7'],
  [255, 'be226558bcfbaaf1ec49ca57d2dcd653e28a1d6d220d8d6934d0303ed6f8e13c'],
  [256, '2b6f91e3325ec662678becc3d69948b5d739ea5d9641f83354881c9306785485'],
  [257, '7147c52432375f94c7eca2935cc9c52962886bad558654a8223a897d9fb05d51'],
  [384, 'aa068ca6731b3a2f26a59dfafcc8f282f51232d6a12c3b4c1cbce95ed7b674ec'],
  [1000, '34e29c48132e3f5477f77e9dd6c2abaaad25431e016f95c4a658cbedd89408f0'],
  [70000, 'ba417c074e84572595f135adacee36904b974d6aa2d28cf821b108a9873df502'],
];

function letters(length: number): string {
  return Array.from({ length }, (_, i) => String.fromCharCode(97 + ((i * 7) % 26))).join('');
}

const WITHOUT_LENGTH = { ...RULES, maxValueLength: NO_RULES.maxValueLength };

function job(value: string): Pairs {
  return [
    ['__name__', 'up'],
    ['job', value],
  ];
}

function storedAs(
  value: string,
  longValues: LabelRewriting['longValues'],
  maxValueLength: number,
): number[][] {
  const rewriting = rewritingOf({ longValues, maxValueLength });
  return wordsOf(decode([job(value), UP], rewriting, { rules: WITHOUT_LENGTH }));
}

function sentAs(value: string): number[][] {
  return wordsOf(decode([job(value), UP], undefined, { rules: WITHOUT_LENGTH }));
}

t.test('values that are too long are stored with a hash, as Mimir stores them', async (t) => {
  for (const [length, sum] of SUMS) {
    const value = letters(length);
    t.strictSame(storedAs(value, 'drop', 100), sentAs(`(hash:${sum})`), `drop, ${length}`);
    t.strictSame(
      storedAs(value, 'truncate', 100),
      sentAs(`${value.slice(0, 29)}(hash:${sum})`),
      `truncate, ${length}`,
    );
  }
  for (const longValues of ['drop', 'truncate'] as const)
    t.strictSame(
      storedAs(letters(100), longValues, 100),
      sentAs(letters(100)),
      'a value that is not too long stays',
    );
});

t.test('a value is cut at a byte, and judged before it is cut', async (t) => {
  const value = `${'x'.repeat(60)}${'é'.repeat(40)}`;
  const sum = '3f0256c693e82b2b3e424a288edc74bdd7fed12dace51e6ea9843d43c3756125';
  const stored = storedAs(value, 'truncate', 132);
  t.equal(stored[0]?.[RECORD_FAULT - 2], FAULT.none, 'the half of a character that is left is no fault');
  t.equal(stored[0]?.[RECORD_LONGEST_VALUE - 2], 132);
  t.strictSame(storedAs(value, 'truncate', 133), sentAs(`${'x'.repeat(60)}é(hash:${sum})`));
});

t.test('a long metric name, and one that a rule makes, is shortened, too', async (t) => {
  const [, sum = ''] = SUMS.find(([length]) => length === 256) ?? [];
  const want = wordsOf(
    decode([[['__name__', `(hash:${sum})`]]], undefined, { rules: { ...WITHOUT_LENGTH, utf8Names: true } }),
  );
  const sent: readonly (readonly [Pairs, Given])[] = [
    [[['__name__', letters(256)]], {}],
    [
      [['__name__', letters(128)]],
      {
        rules: [
          {
            source_labels: ['__name__'],
            target_label: '__name__',
            replacement: `\${1}${letters(256).slice(128)}`,
          },
        ],
      },
    ],
  ];
  for (const [labels, given] of sent) {
    const rewriting = rewritingOf({ ...given, longValues: 'drop', maxValueLength: 100 });
    t.strictSame(
      wordsOf(decode([labels], rewriting, { rules: { ...WITHOUT_LENGTH, utf8Names: true } })),
      want,
    );
  }
});

t.test(
  'a push that takes more work than is allowed is given up, or taken up again while there is time',
  async (t) => {
    const rewriting = rewritingOf({
      rules: [{ source_labels: ['pod'], regex: '(.*)-(.*)', target_label: 'pod', replacement: '$2-$1' }],
    });
    const series = Array.from({ length: 200 }, (_, i): Pairs => [...UP.slice(0, 2), ['pod', `pod-${i}`]]);
    const body = compress(encodeVersion1(series.map((labels) => ({ labels, value: 1, timestampMs: 1 }))));
    const options = {
      protocol: 'rw1',
      maxUncompressedBytes: 1e6,
      maxSeries: 1000,
      excludeLabel: '',
      rules: RULES,
      rewriting,
    } as const;
    const key = Buffer.alloc(16, 1);
    const decoded = (work: number, ms: number) =>
      new InlineDecoder(1e9, key, { work, ms }).decode([body], body.length, options);
    t.match(decoded(1000, 0), { kind: 'lost', busy: true });
    const [slices, whole] = [decoded(1, Number.POSITIVE_INFINITY), decoded(Number.POSITIVE_INFINITY, 0)];
    if (slices.kind !== 'push' || whole.kind !== 'push') throw new Error('not decoded');
    t.strictSame(wordsOf(slices), wordsOf(whole));
  },
);
