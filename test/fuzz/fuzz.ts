/**
 * Throws damaged and random bodies at the kernel for a while and compares each with the oracle; what is sound is filtered,
 * and compared again. Prints what it did;
 * the first difference, trap or hang ends it with exit code 1 and the bytes in a file.
 *
 *   npm run fuzz -- --seconds 60 [--seed N]
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import fc from 'fast-check';
import SnappyJS from 'snappyjs';
import { InlineFilter } from '#src/payload/filter.js';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import type { Push } from '#src/payload/push.js';
import { addRow, noRows } from '#src/payload/rows.js';
import { encodeVersion1, encodeVersion2 } from '../payload/encode.js';
import { writeRequest } from '../payload/odd-pushes.js';
import { expect, found, mayBeStricter, uncompress, without } from '../payload/oracle.js';
import {
  damage,
  damaged,
  messageV1,
  messageV2,
  oddSeries,
  pairedSeries,
  seriesAlike,
  someRules,
} from '../payload/pushes.js';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
});
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
/** One kernel for all: what one body leaves in its memory must not reach the next. */
const decoder = new InlineDecoder(64 << 20);
const OPTIONS = {
  maxUncompressedBytes: 16 << 20,
  maxSeries: 100_000,
};
const filter = new InlineFilter(64 << 20);

const data = new URL('../../../test/data/', import.meta.url);
const real = readdirSync(data)
  .filter((name) => name.endsWith('.snappy'))
  .map((name) => SnappyJS.uncompress(readFileSync(new URL(name, data))));

const paired = fc
  .array(pairedSeries, { maxLength: 12 })
  .map((all) => all.map((labels) => ({ labels, value: 1, timestampMs: 1 })));
const oddPush = fc.array(oddSeries, { maxLength: 8 });
const cases = fc.record({
  plain: fc.oneof(
    { weight: 3, arbitrary: messageV1 },
    { weight: 3, arbitrary: seriesAlike.map((all) => Buffer.concat(all)) },
    { weight: 3, arbitrary: messageV2 },
    { weight: 3, arbitrary: oddPush.map((series) => writeRequest(series, 1)) },
    { weight: 3, arbitrary: oddPush.map((series) => writeRequest(series, 2)) },
    { weight: 1, arbitrary: paired.map((series) => encodeVersion1(series)) },
    { weight: 1, arbitrary: paired.map((series) => encodeVersion2(series)) },
    { weight: 1, arbitrary: fc.constantFrom(...real) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }) },
  ),
  version: fc.constantFrom(1 as const, 2 as const),
  isSnappy: fc.boolean(),
  rules: someRules,
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
    const body = bodyOf(one);
    const problem = differs(body, one);
    if (problem === undefined) continue;
    const file = `fuzz-${seed}-${executions}.hex`;
    writeFileSync(file, Buffer.from(body).toString('hex'));
    console.error(
      `${problem}: version ${one.version}, ${one.isSnappy ? 'snappy' : 'plain'}, seed ${seed}; the body is in ${file}`,
    );
    process.exit(1);
  }
}
console.log(
  `fuzz: ${executions} bodies in ${seconds} s (${Math.round(executions / seconds)} a second), ${accepted} of them sound, ` +
    `no difference; seed ${seed}`,
);

function bodyOf({ plain, isSnappy, plainDamage, wireDamage }: Case): Uint8Array {
  const message = plainDamage === null ? plain : damaged(plain, plainDamage);
  const body = isSnappy ? SnappyJS.compress(message) : message;
  return wireDamage === null ? body : damaged(body, wireDamage);
}

function differs(body: Uint8Array, { version, isSnappy, rules }: Case): string | undefined {
  let decoded: ReturnType<InlineDecoder['decode']>;
  try {
    const options = { ...OPTIONS, ...rules, protocol: `rw${version}` as const };
    decoded = isSnappy ? decoder.decode([body], body.length, options) : decoder.decodePlain(body, options);
  } catch (error) {
    return `the kernel trapped: ${error}`;
  }
  const plain = isSnappy ? uncompress(body) : body;
  const expected = plain === undefined ? undefined : expect(plain, version, rules);
  if (decoded.kind === 'push') {
    accepted++;
    if (plain === undefined || expected === undefined) return 'the kernel takes what the oracle refuses';
    if (!isDeepStrictEqual(found(decoded), expected)) return 'what is found differs';
    return filtersWrong(decoded, plain) ? 'the filtered body differs' : undefined;
  }
  if (decoded.kind === 'lost') return decoded.message;
  if (expected === undefined || decoded.code === 'too_large' || mayBeStricter(decoded.message))
    return undefined;
  return `the kernel refuses what the oracle takes (${decoded.message} at ${decoded.offset})`;
}

/** Leaves every third series out, or two of three. */
function filtersWrong(push: Push, plain: Uint8Array): boolean {
  const leftOut = noRows(push.series);
  for (let row = 0; row < push.series; row++)
    if ((row + executions) % 3 < executions % 3) addRow(leftOut, row);
  const block = filter.filter(push, leftOut);
  if (!(block instanceof Uint8Array)) return true;
  const result = uncompress(block);
  return result === undefined || !without(plain, push.protocol === 'rw1' ? 1 : 2, leftOut).equals(result);
}
