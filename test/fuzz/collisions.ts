/**
 * Twenty million synthetic series, as Kubernetes makes them, and as many metric names: no two may have the same
 * 64-bit hash. On demand, because it takes minutes: npm run test:collisions
 */

import { InlineDecoder } from '#src/payload/inline-decoder.js';
import { RECORD_HASH_LOW, RECORD_METRIC_HASH_LOW, RECORD_WORDS } from '#src/payload/push.js';
import { encodeVersion1, type SeriesToSend } from '../payload/encode.js';

const TOTAL = Number(process.argv[2] ?? 20_000_000);
const PER_PUSH = 10_000;
const decoder = new InlineDecoder(256 << 20);
const series = new BigUint64Array(TOTAL);
const metrics = new BigUint64Array(TOTAL);

for (let start = 0; start < TOTAL; start += PER_PUSH) {
  const body = encodeVersion1(
    Array.from({ length: PER_PUSH }, (_, index) => kubernetesSeries(start + index)),
  );
  const push = decoder.decodePlain(body, {
    protocol: 'rw1',
    maxUncompressedBytes: 1 << 30,
    maxSeries: PER_PUSH,
    excludeLabel: '',
  });
  if (push.kind !== 'push') throw new Error(push.message);
  for (let row = 0; row < PER_PUSH; row++) {
    series[start + row] = hashAt(push.records, row * RECORD_WORDS + RECORD_HASH_LOW);
    metrics[start + row] = hashAt(push.records, row * RECORD_WORDS + RECORD_METRIC_HASH_LOW);
  }
  if (start % 1_000_000 === 0) console.log(`${start} series hashed`);
}
const collisions = [duplicates(series), duplicates(metrics)];
console.log(
  `${TOTAL} series: ${collisions[0]} collisions; ${TOTAL} metric names: ${collisions[1]} collisions`,
);
process.exit(collisions.every((count) => count === 0) ? 0 : 1);

/** Series that differ in one digit of one label, most of the time: the hard case for a hash. */
function kubernetesSeries(n: number): SeriesToSend {
  return {
    labels: [
      ['__name__', `container_metric_${n}`],
      ['cluster', `prod-${n % 3}`],
      ['container', `app-${Math.floor(n / 7) % 50}`],
      ['instance', `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}:9100`],
      ['namespace', `team-${n % 40}`],
      ['pod', `app-${n % 1000}-${Math.floor(n / 1000)}`],
    ],
    value: n,
    timestampMs: 1_700_000_000_000,
  };
}

function hashAt(records: Uint32Array, word: number): bigint {
  return BigInt(records[word] ?? 0) | (BigInt(records[word + 1] ?? 0) << 32n);
}

function duplicates(hashes: BigUint64Array): number {
  hashes.sort();
  let count = 0;
  for (let i = 1; i < hashes.length; i++) if (hashes[i] === hashes[i - 1]) count++;
  return count;
}
