/**
 * Throws odd and damaged lines at the reader of line protocol for a while, plain and as gzip, and compares what it makes of each
 * with the oracle; what is sound loses some of its series, and is compared again. The first difference ends it with exit code 1
 * and the bytes in a file.
 *
 *   npm run fuzz:influx -- --seconds 60 [--seed N]
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { compress, uncompress } from '#src/payload/encodings.js';
import { InlineFilter } from '#src/payload/filter.js';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import type { Push } from '#src/payload/push.js';
import { addRow, hasRow, noRows } from '#src/payload/rows.js';
import { body, soundBody } from '../payload/influx/lines.js';
import { type OracleSeries, seriesIn, seriesOf } from '../payload/influx/oracle.js';
import { damage, damaged } from '../payload/pushes.js';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
});
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
const NOW = 1_700_000_000_123;
const UNITS = { ns: 1n, us: 1000n, ms: 1_000_000n, s: 1_000_000_000n };
const decoder = new InlineDecoder(64 << 20);
const filter = new InlineFilter(64 << 20);

const cases = fc.record({
  lines: fc.oneof(body, soundBody, fc.uint8Array({ maxLength: 60 })),
  precision: fc.constantFrom('ns' as const, 'us' as const, 'ms' as const, 's' as const),
  encoding: fc.constantFrom('gzip' as const, 'identity' as const),
  plainDamage: fc.option(damage),
  wireDamage: fc.option(damage, { freq: 1 }),
});
type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;

let executions = 0;
let accepted = 0;
const deadline = Date.now() + seconds * 1000;
for (let round = 0; Date.now() < deadline; round++) {
  for (const one of fc.sample(cases, { seed: seed + round, numRuns: 200 })) {
    executions++;
    const wire = wireOf(one);
    const problem = differs(wire, one);
    if (problem === undefined) continue;
    const file = `fuzz-influx-${seed}-${executions}.hex`;
    writeFileSync(file, Buffer.from(wire).toString('hex'));
    console.error(`${problem}: ${one.encoding}, ${one.precision}, seed ${seed}; the body is in ${file}`);
    process.exit(1);
  }
}
console.log(
  `fuzz:influx: ${executions} bodies in ${seconds} s (${Math.round(executions / seconds)} a second), ${accepted} of them ` +
    `sound, no difference; seed ${seed}`,
);

function wireOf({ lines, encoding, plainDamage, wireDamage }: Case): Uint8Array {
  const plain = plainDamage === null ? lines : damaged(lines, plainDamage);
  const wire = compress(plain, encoding);
  return wireDamage === null ? wire : damaged(wire, wireDamage);
}

function differs(wire: Uint8Array, { encoding, precision }: Case): string | undefined {
  const source = { form: 'influx', encoding, precision, nowMs: NOW } as const;
  const options = {
    protocol: 'rw1',
    maxUncompressedBytes: 1 << 20,
    maxSeries: 100_000,
    excludeLabel: '',
    source,
  } as const;
  const decoded = decoder.decode([wire], wire.length, options);
  const plain = uncompress(wire, encoding, 1 << 20);
  const expected = plain instanceof Uint8Array ? seriesOf(plain, UNITS[precision], NOW) : undefined;
  if (decoded.kind !== 'push') return expected === undefined ? undefined : 'what the oracle takes is refused';
  accepted++;
  if (expected === undefined) return 'what the oracle refuses is taken';
  if (text(seriesIn(decoded.body)) !== text(expected)) return 'the series differ';
  return filtersWrong(decoded, encoding, precision) ? 'what is left without some series differs' : undefined;
}

/** Leaves every third series out, or two of three. */
function filtersWrong(push: Push, encoding: Case['encoding'], precision: Case['precision']): boolean {
  const leftOut = noRows(push.series);
  for (let row = 0; row < push.series; row++)
    if ((row + executions) % 3 < executions % 3) addRow(leftOut, row);
  const kept = seriesIn(push.body).filter((_, row) => !hasRow(leftOut, row));
  const rest = uncompress(filter.filter(push, leftOut) as Uint8Array, encoding, 1 << 20) as Uint8Array;
  return text(seriesOf(rest, UNITS[precision], NOW) ?? []) !== text(kept);
}

function text(series: readonly OracleSeries[]): string {
  return series
    .map(({ labels, value, timestampMs }) => JSON.stringify([[...labels].sort(), value, timestampMs]))
    .sort()
    .join('\n');
}
