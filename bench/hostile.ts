/**
 * What odd pushes cost: sixteen times the size has to cost about sixteen times as much, and not 256 times.
 *
 *   npm run bench:hostile [-- --smoke]
 */
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import { NO_RULES } from '#src/payload/push.js';
import { hostile } from '../test/payload/hostile-pushes.js';
import { writeRequest } from '../test/payload/odd-pushes.js';
import { compare, printTable, smoke } from './rounds.js';

const SMALL = smoke ? 100 : 2000;
const TIMES = 16;
const decoder = new InlineDecoder(64 << 20);
const rules = { ...NO_RULES, maxBuckets: 4, reduceBuckets: true };

const rows = [['push', 'version', `${SMALL}`, `${SMALL * TIMES}`, 'times']];
for (const [what, make] of hostile) {
  for (const version of [1, 2] as const) {
    const ways = [SMALL, SMALL * TIMES].map((size) => {
      const body = writeRequest(make(size), version);
      const options = {
        protocol: `rw${version}`,
        maxUncompressedBytes: 256 << 20,
        maxSeries: 1_000_000,
      } as const;
      return {
        name: String(size),
        run: () => {
          decoder.decodePlain(body, { ...options, excludeLabel: '', rules });
          return 1;
        },
      };
    });
    const [few = Number.NaN, many = Number.NaN] = (await compare(ways)).map((one) => one.nanosecondsPerUnit);
    rows.push([
      what,
      String(version),
      `${(few / 1e6).toFixed(2)} ms`,
      `${(many / 1e6).toFixed(2)} ms`,
      `${(many / few).toFixed(0)}x`,
    ]);
  }
}
console.log(`Time to decode an odd push of so much, and ${TIMES} times as much`);
printTable(rows);
