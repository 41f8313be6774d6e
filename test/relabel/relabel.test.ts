// biome-ignore-all lint/suspicious/noTemplateCurlyInString: dollar signs and braces are what relabelling rules are written with.
import fc from 'fast-check';
import t from 'tap';
import { LabelSet, MADE, MOST_LABELS } from '#src/relabel/label-set.js';
import { compileRules, LONGEST_TEXT, type NameScheme } from '#src/relabel/relabel.js';
import { NO_RULES, readRules, rulesOf } from '#src/relabel/rule.js';
import { type OracleRule, type Pairs, relabelPlainly } from './oracle.js';

function relabel(given: Pairs, rules: readonly OracleRule[], scheme: NameScheme = 'utf8'): Pairs | string {
  const labels = setOf(given);
  const relabelled = compileRules(compiled(rules), scheme)(labels);
  return relabelled === 'kept' ? pairsOf(labels) : relabelled;
}

function compiled(rules: readonly OracleRule[]) {
  const read = readRules(rules);
  if ('problem' in read) throw new Error(`${read.at.join('.')}: ${read.problem}`);
  return rulesOf(read.value);
}

function setOf(given: Pairs): LabelSet {
  const labels = new LabelSet((source) => given[source]?.[1] ?? '');
  for (const [index, [name, value]] of given.entries()) {
    if (value === '') labels.delete(name);
    else labels.add(name, index);
  }
  return labels;
}

function pairsOf(labels: LabelSet): Pairs {
  return labels.names.slice(0, labels.count).map((name, index) => [name, labels.valueAt(index)]);
}

const ABC: Pairs = [
  ['a', 'foo'],
  ['b', 'bar'],
  ['c', 'baz'],
];

const CASES: readonly {
  readonly name: string;
  readonly given?: Pairs;
  readonly rules: readonly OracleRule[];
  /** What is there afterwards; `dropped`: nothing. */
  readonly want: Pairs | 'dropped';
  readonly scheme?: NameScheme;
}[] = [
  {
    name: 'groups of the matched value go into the target',
    rules: [{ source_labels: ['a'], regex: 'f(.*)', target_label: 'd', replacement: 'ch$1-ch$1' }],
    want: [...ABC, ['d', 'choo-choo']],
  },
  {
    name: 'values are joined by the separator, and each rule sees what the one before made',
    rules: [
      { source_labels: ['a', 'b'], regex: 'f(.*);(.*)r', target_label: 'a', replacement: 'b${1}${2}m' },
      { source_labels: ['c', 'a'], regex: '(b).*b(.*)ba(.*)', target_label: 'd', replacement: '$1$2$2$3' },
    ],
    want: [
      ['a', 'boobam'],
      ['b', 'bar'],
      ['c', 'baz'],
      ['d', 'boooom'],
    ],
  },
  {
    name: 'after a drop no rule is applied',
    rules: [
      { source_labels: ['a'], regex: '.*o.*', action: 'drop' },
      { source_labels: ['a'], target_label: 'd' },
    ],
    want: 'dropped',
  },
  {
    name: 'a drop matches the whole value',
    rules: [{ source_labels: ['a'], regex: 'fo', action: 'Drop' }],
    want: ABC,
  },
  {
    name: 'a keep that does not match drops',
    rules: [{ source_labels: ['a'], regex: 'no', action: 'keep' }],
    want: 'dropped',
  },
  {
    name: 'a keep that matches keeps',
    rules: [{ source_labels: ['a'], regex: 'f.*', action: 'keep' }],
    want: ABC,
  },
  {
    name: 'a label that is missing is an empty value',
    rules: [{ source_labels: ['none'], regex: '', action: 'keep' }],
    want: ABC,
  },
  {
    name: 'an empty replacement takes the target away',
    rules: [{ source_labels: ['a'], target_label: 'b', replacement: '' }],
    want: [
      ['a', 'foo'],
      ['c', 'baz'],
    ],
  },
  {
    name: 'a replacement whose groups are empty takes the target away',
    rules: [{ source_labels: ['none'], target_label: 'a' }],
    want: [
      ['b', 'bar'],
      ['c', 'baz'],
    ],
  },
  {
    name: 'a target without a source is set',
    rules: [{ target_label: 'env', replacement: 'prod' }],
    want: [...ABC, ['env', 'prod']],
  },
  {
    name: 'a replacement that does not match does nothing',
    rules: [{ source_labels: ['a'], regex: 'x(.*)', target_label: 'b', replacement: 'y' }],
    want: ABC,
  },
  {
    name: 'a dot matches the end of a line, too',
    given: [['a', 'one\ntwo']],
    rules: [{ source_labels: ['a'], regex: 'one.(.*)', target_label: 'a' }],
    want: [['a', 'two']],
  },
  {
    name: 'the name of the target may come from the match',
    given: [['a', 'some-x-y']],
    rules: [
      { source_labels: ['a'], regex: 'some-([^-]+)-([^,]+)', target_label: '${1}', replacement: '${2}' },
    ],
    want: [
      ['a', 'some-x-y'],
      ['x', 'y'],
    ],
  },
  {
    name: 'a target that is no legacy name is not set where the scheme is legacy',
    given: [['a', 'some-0x-y']],
    rules: [
      { source_labels: ['a'], regex: 'some-([^-]+)-([^,]+)', target_label: '${1}', replacement: '${2}' },
    ],
    want: [['a', 'some-0x-y']],
    scheme: 'legacy',
  },
  {
    name: 'a target that is no legacy name is set where the scheme is UTF-8',
    given: [['a', 'some-0x-y']],
    rules: [
      { source_labels: ['a'], regex: 'some-([^-]+)-([^,]+)', target_label: '${1}', replacement: '${2}' },
    ],
    want: [
      ['a', 'some-0x-y'],
      ['0x', 'y'],
    ],
  },
  {
    name: 'an empty target name is never set',
    rules: [{ source_labels: ['a'], regex: 'f(o)|x(y)', target_label: '$2', replacement: 'y' }],
    want: ABC,
  },
  {
    name: 'hashmod is the end of an MD5 sum',
    rules: [{ source_labels: ['c'], target_label: 'd', action: 'hashmod', modulus: 1000 }],
    want: [...ABC, ['d', '976']],
  },
  {
    name: 'hashmod of a value with a line end',
    given: [['a', 'foo\nbar']],
    rules: [{ source_labels: ['a'], target_label: 'b', action: 'hashmod', modulus: 1000 }],
    want: [
      ['a', 'foo\nbar'],
      ['b', '734'],
    ],
  },
  {
    name: 'labelmap copies under a new name',
    given: [
      ['__meta_x', '1'],
      ['__meta_y', '2'],
      ['z', '3'],
    ],
    rules: [{ regex: '__meta_(.*)', action: 'labelmap' }],
    want: [
      ['__meta_x', '1'],
      ['__meta_y', '2'],
      ['z', '3'],
      ['x', '1'],
      ['y', '2'],
    ],
  },
  {
    name: 'labelmap does not map what it has made, and reads values from before',
    given: [
      ['a', '1'],
      ['xa', '2'],
    ],
    rules: [{ regex: '(.*)', action: 'labelmap', replacement: 'x$1' }],
    want: [
      ['a', '1'],
      ['xa', '1'],
      ['xxa', '2'],
    ],
  },
  {
    name: 'labeldrop takes away what matches',
    rules: [{ regex: 'a|b', action: 'labeldrop' }],
    want: [['c', 'baz']],
  },
  {
    name: 'labelkeep takes away what does not',
    rules: [{ regex: 'a|b', action: 'labelkeep' }],
    want: [
      ['a', 'foo'],
      ['b', 'bar'],
    ],
  },
  {
    name: 'lower and upper case go character by character, as in Go',
    given: [['a', 'StraßE ΑΣ İᾳ']],
    rules: [
      { source_labels: ['a'], target_label: 'l', action: 'lowercase' },
      { source_labels: ['a'], target_label: 'u', action: 'uppercase' },
    ],
    want: [
      ['a', 'StraßE ΑΣ İᾳ'],
      ['l', 'straße ασ iᾳ'],
      ['u', 'STRAßE ΑΣ İᾼ'],
    ],
  },
  {
    name: 'keepequal keeps what is equal',
    given: [
      ['a', '1'],
      ['b', '1'],
    ],
    rules: [{ source_labels: ['a'], target_label: 'b', action: 'keepequal' }],
    want: [
      ['a', '1'],
      ['b', '1'],
    ],
  },
  {
    name: 'keepequal drops what is not',
    rules: [{ source_labels: ['a'], target_label: 'b', action: 'keepequal' }],
    want: 'dropped',
  },
  {
    name: 'dropequal drops what is equal',
    given: [
      ['a', '1'],
      ['b', '1'],
    ],
    rules: [{ source_labels: ['a'], target_label: 'b', action: 'dropequal' }],
    want: 'dropped',
  },
  {
    name: 'dropequal keeps what is not',
    rules: [{ source_labels: ['a'], target_label: 'b', action: 'dropequal' }],
    want: ABC,
  },
  {
    name: 'a dollar sign is doubled, and one without a name stays',
    rules: [
      {
        source_labels: ['a'],
        regex: '(?P<first>f)(o+)',
        target_label: 'd',
        replacement: '$$1 $ ${first}$first ${2}x $2x ${first',
      },
    ],
    want: [...ABC, ['d', '$1 $ ff oox  ${first']],
  },
  {
    name: 'a parenthesis closes the anchors, as in Prometheus',
    given: [['a', 'xxb']],
    rules: [{ source_labels: ['a'], regex: 'a)|(b', action: 'drop' }],
    want: 'dropped',
  },
  {
    name: 'of a label that is given twice the last value counts, and an empty one takes it away',
    given: [
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
      ['b', ''],
    ],
    rules: [{ regex: 'nothing', action: 'labeldrop' }],
    want: [['a', '3']],
  },
];

for (const { name, given = ABC, rules, want, scheme } of CASES) {
  t.test(name, async (t) => {
    t.strictSame(relabel(given, rules, scheme), want);
    t.strictSame(relabel(given, rules, scheme), want, 'and so it does when the value is known');
  });
}

const names = fc.constantFrom('a', 'b', 'ab', '__name__', 'x_a', 'le', 'été');
const values = fc.oneof(
  fc.constantFrom('', 'a', 'b', 'ab', 'foo', 'a;b', 'foo_total', 'x\ny', 'ÉTÉ', '$1', 'le'),
  fc.string({ maxLength: 6 }),
);
const labels = fc.array(fc.tuple(names, values), { maxLength: 8 });
const regex = fc.constantFrom(
  '(.*)',
  '.*',
  '(.+)',
  'a|b',
  '(a|b)(.*)',
  '(.*)_(total|sum)',
  '(?<whole>.*)',
  'x.y',
  '',
  '[^;]*;(.*)',
  '(a*)(b?)',
);
const replacement = fc.constantFrom(
  '$1',
  '${1}',
  '$1$2',
  'x_$1',
  '',
  '$0',
  'fixed',
  '$$',
  '$',
  '${whole}',
  '$1x',
  '${2}_$1',
);
const source_labels = fc.array(names, { maxLength: 3 });
const rule: fc.Arbitrary<OracleRule> = fc.oneof(
  fc.record(
    {
      source_labels,
      regex,
      target_label: fc.oneof(names, fc.constantFrom('$1', 'x_${1}', '0a')),
      replacement,
      separator: fc.constantFrom(';', '', '::'),
    },
    { requiredKeys: ['target_label'] },
  ),
  fc.record({ source_labels, regex, action: fc.constantFrom('keep', 'drop') }, { requiredKeys: ['action'] }),
  fc.record({
    source_labels,
    target_label: names,
    action: fc.constantFrom('keepequal', 'dropequal', 'lowercase', 'uppercase'),
  }),
  fc.record({
    source_labels,
    target_label: names,
    action: fc.constant('hashmod'),
    modulus: fc.constantFrom(1, 7, '18446744073709551615'),
  }),
  fc.record({ regex, replacement: fc.constantFrom('$1', 'x_$1', 'm'), action: fc.constant('labelmap') }),
  fc.record({ regex, action: fc.constantFrom('labeldrop', 'labelkeep') }),
);

t.test('rules do what a plain reading of them does', async () => {
  fc.assert(
    fc.property(
      fc.array(labels, { minLength: 1, maxLength: 4 }),
      fc.array(rule, { maxLength: 5 }),
      fc.constantFrom<NameScheme>('legacy', 'utf8'),
      (series, rules, scheme) => {
        // One set of compiled rules for several series: what is remembered for one must hold for the others.
        const apply = compileRules(compiled(rules), scheme);
        for (const given of series) {
          const set = setOf(given);
          const got = apply(set) === 'kept' ? pairsOf(set) : undefined;
          const want = relabelPlainly(given, rules, scheme);
          if (JSON.stringify(got) !== JSON.stringify(want))
            throw new Error(
              `${JSON.stringify(given)}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`,
            );
        }
      },
    ),
    { numRuns: 3000 },
  );
});

t.test('values that no rule asks for are not read', async (t) => {
  const labels = new LabelSet(() => t.fail('a value was read') as never);
  labels.add('a', 1);
  labels.add('b', 2);
  t.equal(compileRules(compiled([{ regex: 'b', action: 'labeldrop' }]), 'utf8')(labels), 'kept');
  t.strictSame([labels.count, labels.names[0], labels.sources[0]], [1, 'a', 1]);
});

t.test('what a rule makes is told from what was sent', async (t) => {
  const labels = setOf(ABC);
  compileRules(compiled([{ source_labels: ['a'], target_label: 'b' }]), 'utf8')(labels);
  t.strictSame(labels.sources.slice(0, labels.count), [0, MADE, 2]);
});

t.test('a series that rules blow up is given up before it takes the memory', async (t) => {
  const double = { source_labels: ['a'], target_label: 'a', replacement: '$1$1$1$1' };
  t.equal(relabel([['a', 'x'.repeat(100)]], Array(20).fill(double)), 'too_long');
  const copies = { regex: '(.*)', action: 'labelmap', replacement: 'x$1' };
  t.equal(relabel(ABC, Array(40).fill(copies)).length, 123);
  const spread = Array.from({ length: 20 }, (_, i) => ({ ...copies, replacement: `x${i}_$1` }));
  t.equal(relabel(ABC, spread), 'too_many');
  t.ok(MOST_LABELS < 3 * 2 ** 20);
});

t.test(
  'a value that is longer than rules look at is given up where a rule looks at it, and only there',
  async (t) => {
    const given: Pairs = [
      ['a', 'x'.repeat(LONGEST_TEXT + 1)],
      ['b', 'y'],
    ];
    for (const rules of [
      [{ source_labels: ['a'], regex: 'y', action: 'drop' }],
      [{ source_labels: ['b', 'a'], target_label: 'c' }],
      [{ source_labels: ['a'], target_label: 'a', action: 'lowercase' }],
    ]) {
      t.equal(relabel(given, rules), 'too_long');
    }
    t.strictSame(relabel(given, [{ regex: 'a', action: 'labeldrop' }]), [['b', 'y']]);
    const [first = ['a', '']] = given;
    const allowed: Pairs = [['a', first[1].slice(1)]];
    t.strictSame(relabel(allowed, [{ source_labels: ['a'], regex: '.(.*)', target_label: 'a' }]), [
      ['a', 'x'.repeat(LONGEST_TEXT - 1)],
    ]);
  },
);

t.test('no value keeps an expression busy for long', async (t) => {
  // With a backtracking engine each of these would outlive the test by ages.
  for (const regex of ['(a*)*b', '(a|aa)+b', '(.*)(.*)(.*)(.*)(.*)(.*)b', '(a?){60}a{60}b']) {
    t.strictSame(relabel([['a', 'a'.repeat(5000)]], [{ source_labels: ['a'], regex, action: 'drop' }]), [
      ['a', 'a'.repeat(5000)],
    ]);
  }
});

t.test('an empty list is no rules at all', async (t) => {
  t.strictSame(readRules([]), { value: NO_RULES });
  t.strictSame(rulesOf(NO_RULES), []);
});
