/**
 * Throws OTLP of all kinds, whole and damaged, at the kernel for a while, and holds what it says to what it says of the remote write
 * that the oracle makes; what is sound loses some of its data points, and is read again. The first difference ends it with exit code
 * 1 and the bytes in a file.
 *
 *   npm run fuzz:otlp -- --seconds 60 [--seed N]
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import { metadataWithout } from '#src/payload/otlp-metadata.js';
import { pointsOf, rowsOfWholePoints, withoutPoints } from '#src/payload/otlp-points.js';
import type { OtlpTranslation } from '#src/payload/push.js';
import { addRow, noRows } from '#src/payload/rows.js';
import { difference, ODD_NOW_MS, ODD_RULES } from '../payload/otlp-compare.js';
import { Dice, damaged, randomRequest, randomTranslation } from '../payload/otlp-requests.js';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
});
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
const OPTIONS = { maxUncompressedBytes: 16 << 20, maxSeries: 100_000, excludeLabel: '' };
/** Such that some series break each of them. */
const RULED = { ...OPTIONS, rules: ODD_RULES, nowMs: ODD_NOW_MS };
/** Each series is of the HA pair that its own labels name. */
const PAIRS = { ...OPTIONS, excludeLabel: '__x__', clusterLabel: 'code', pairPerSeries: true };
/** One kernel for all: what one body leaves in its memory must not reach the next. */
const decoder = new InlineDecoder(64 << 20);

let executions = 0;
let accepted = 0;
const deadline = Date.now() + seconds * 1000;
while (Date.now() < deadline) {
  const dice = new Dice(seed + executions);
  executions++;
  const whole = randomRequest(dice);
  const body = dice.is(2) ? damaged(whole, dice) : whole;
  const otlp = randomTranslation(dice);
  const options = dice.is(4) ? PAIRS : dice.is(2) ? RULED : OPTIONS;
  const problem = difference(decoder, body, otlp, options) ?? filtersWrong(body, otlp, dice);
  if (problem === undefined) continue;
  const file = `fuzz-otlp-${seed}-${executions}.hex`;
  writeFileSync(file, Buffer.from(body).toString('hex'));
  console.error(
    `${problem.slice(0, 500)}: ${JSON.stringify(otlp)}, seed ${seed + executions - 1}; the body is in ${file}`,
  );
  process.exit(1);
}
console.log(
  `fuzz:otlp: ${executions} bodies in ${seconds} s (${Math.round(executions / seconds)} a second), ${accepted} of them sound, ` +
    `no difference; seed ${seed}`,
);

/** Leaves some rows out: as many data points are gone, and what is left is sound. */
function filtersWrong(body: Uint8Array, otlp: OtlpTranslation, dice: Dice): string | undefined {
  const push = decoder.decodePlain(body, { ...OPTIONS, protocol: 'otlp', otlp });
  if (push.kind !== 'push') return undefined;
  accepted++;
  const rows = noRows(push.series);
  for (let row = 0; row < push.series; row++) if (dice.is(3)) addRow(rows, row);
  const gone = pointsOf(push, rows);
  const isAllTranslated = push.otlp?.skippedPoints === 0;
  const metadata = metadataWithout(push, rowsOfWholePoints(push, rows));
  const before = push.otlp?.dataPoints ?? 0;
  const rest = decoder.decodePlain(Uint8Array.from(withoutPoints(push, rows)), {
    ...OPTIONS,
    protocol: 'otlp',
    otlp,
  });
  if (rest.kind !== 'push') return `what is left is refused: ${rest.message}`;
  if (isAllTranslated && rest.metadata !== metadata)
    return `metadata: ${JSON.stringify([rest.metadata, metadata])}`;
  const after = rest.otlp?.dataPoints ?? 0;
  return after <= before - gone
    ? undefined
    : `${gone} of ${before} data points are left out, and ${after} are left`;
}
