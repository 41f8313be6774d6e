/**
 * What relabelling rules cost: the time to decode a push of 500 series with 1, 5 and 20 rules, as many times that of the
 * same push without rules. Known series are sent again and again; new ones have not been seen, or not for long.
 *
 *   npm run bench:relabel [-- --smoke]
 */
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import { type LabelRewriting, labelRewriting } from '#src/payload/rewriting.js';
import { readRules } from '#src/relabel/rule.js';
import { compress, encodeVersion1, encodeVersion2 } from '../test/payload/encode.js';
import { kubernetesSeries } from './bodies.js';
import { compare, printTable, smoke } from './rounds.js';

const SERIES = 500;
/** More series than are remembered, so that each is new when its turn comes again. */
const PUSHES = smoke ? 4 : 320;
const ROUNDS = smoke ? 2 : 9;

/** As they are met: what is not wanted is dropped, labels are taken away, joined, shortened. Most match few series. */
const TYPICAL = [
  { source_labels: ['__name__'], regex: 'go_.*|process_.*|promhttp_.*', action: 'drop' },
  { regex: 'id|image', action: 'labeldrop' },
  { source_labels: ['namespace'], regex: 'team-(.+)-production', target_label: 'team', replacement: '$1' },
  { source_labels: ['__name__', 'container'], regex: 'container_network_.*;POD', action: 'drop' },
  { source_labels: ['cluster', 'namespace'], separator: '/', target_label: 'tenant_namespace' },
];
const TWENTY = [
  ...TYPICAL,
  ...Array.from({ length: 15 }, (_, i) =>
    i % 3 === 0
      ? { source_labels: ['__name__'], regex: `unwanted_${i}_(bucket|sum|count)`, action: 'drop' }
      : {
          source_labels: ['container'],
          regex: `application-${i}(-.+)?`,
          target_label: `component_${i % 4}`,
          replacement: `part-${i}`,
        },
  ),
];

const SETS: readonly (readonly [name: string, rules: readonly object[]])[] = [
  ['none', []],
  ['1', TYPICAL.slice(1, 2)],
  ['5', TYPICAL],
  ['20', TWENTY],
];

const rows: string[][] = [['push of 500 series', 'no rules', '1 rule', '5 rules', '20 rules']];
for (const version of [1, 2] as const) {
  const bodies = Array.from({ length: PUSHES }, (_, push) => bodyOf(push, version));
  rows.push(await measure(`version ${version}, known series`, version, bodies.slice(0, 1)));
  rows.push(await measure(`version ${version}, new series`, version, bodies));
}
console.log(
  'Time to decode a push, and how many times that it is with rules (medians of interleaved rounds)',
);
printTable(rows);

async function measure(name: string, version: 1 | 2, bodies: readonly Uint8Array[]): Promise<string[]> {
  const ways = SETS.map(([name, rules]) => {
    const decoder = new InlineDecoder(64 << 20);
    const rewriting = rewritingOf(rules);
    const pushes = Math.max(bodies.length, smoke ? 4 : 100);
    const run = () => {
      for (let i = 0; i < pushes; i++) {
        const body = bodies[i % bodies.length] ?? new Uint8Array();
        const push = decoder.decode([body], body.length, {
          protocol: `rw${version}`,
          maxUncompressedBytes: 64 << 20,
          maxSeries: 100_000,
          excludeLabel: '',
          rewriting,
        });
        if (push.kind !== 'push' || push.series !== SERIES) throw new Error('not decoded');
      }
      return pushes;
    };
    return { name, run };
  });
  const [none, ...others] = (await compare(ways, ROUNDS)).map(({ nanosecondsPerUnit }) => nanosecondsPerUnit);
  return [
    name,
    `${((none ?? 0) / 1000).toFixed(0)} us`,
    ...others.map((time) => `${(time / (none ?? 1)).toFixed(1)}x`),
  ];
}

function rewritingOf(rules: readonly object[]): LabelRewriting | undefined {
  const read = readRules(rules);
  if ('problem' in read) throw new Error(read.problem);
  return labelRewriting(
    {
      tenant: 'team-a',
      rules: read.value,
      dropLabels: '',
      utf8Names: false,
      longValues: 'error',
      maxValueLength: 0,
    },
    {},
  );
}

/** Other pods on other nodes for each push. */
function bodyOf(push: number, version: 1 | 2): Uint8Array {
  const series = kubernetesSeries(SERIES).map((one) => ({
    ...one,
    labels: one.labels.map(([name, value]): [string, string] =>
      ['id', 'instance', 'node', 'pod'].includes(name) ? [name, `${value}-${push}`] : [name, value],
    ),
  }));
  return compress(version === 1 ? encodeVersion1(series) : encodeVersion2(series));
}
