/**
 * What knowing the tenants' usage costs: a second's reading of ten thousand tallies, frames, and the fleet's book over
 * forty replicas.
 *
 *   npm run bench:usage [-- --smoke]
 */
import { Tally } from '#src/enforce/tally.js';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import { packFrame, unpackFrame } from '#src/usage/frame-codec.js';
import { type ReadTenant, TallyReader, type TallySource } from '#src/usage/tally-reader.js';
import { median, printTable, smoke } from './rounds.js';

const TENANTS = smoke ? 200 : 10_000;
const ROUNDS = smoke ? 3 : 20;

const rows: [string, string][] = [];
await reading();
printTable(rows);

async function reading(): Promise<void> {
  const tenants = manyTenants();
  const unattributed: ReadTenant = {
    id: '(none)',
    limits: DEFAULT_LIMITS,
    tally: new Tally(),
    series: undefined,
  };
  const departed = new Tally();
  const source: TallySource = {
    tenants: () => tenants,
    unattributed: () => unattributed,
    departed: () => departed,
  };
  for (const [name, every] of [
    ['none sends', 0],
    ['one in ten sends', 10],
    ['all send', 1],
  ] as const) {
    const reader = new TallyReader(source);
    const seconds: number[] = [];
    const frames: number[] = [];
    let bytes = 0;
    let packMs = 0;
    let unpackMs = 0;
    for (let second = 0; second < ROUNDS * 10; second++) {
      if (every > 0) {
        for (let i = second % every; i < tenants.length; i += every) {
          const tally = (tenants[i] as ReadTenant).tally;
          tally.requests += 2;
          tally.samples += 1000;
          tally.bodyBytes += 20_000;
          tally.accepted += 2;
          tally.series += 1000;
          tally.uncompressedBytes += 90_000;
        }
      }
      let startMs = performance.now();
      reader.read(second);
      seconds.push(performance.now() - startMs);
      if (second % 10 !== 9) continue;
      startMs = performance.now();
      const entries = reader.entriesNow();
      frames.push(performance.now() - startMs);
      startMs = performance.now();
      const packed = await packFrame({
        plane: 'bench',
        seq: second,
        step: second,
        info: { name: 'bench', machine: 'bench', version: '0', startedMs: 0 },
        entries,
      });
      packMs = performance.now() - startMs;
      bytes = packed.length;
      startMs = performance.now();
      await unpackFrame(packed);
      unpackMs = performance.now() - startMs;
    }
    rows.push([`a second's reading, ${TENANTS} tenants, ${name}`, `${median(seconds).toFixed(2)} ms`]);
    rows.push([`a frame of them, gathered`, `${median(frames).toFixed(2)} ms`]);
    rows.push([`packed and unpacked`, `${packMs.toFixed(1)} and ${unpackMs.toFixed(1)} ms, ${bytes} bytes`]);
  }
}

function manyTenants(): ReadTenant[] {
  return Array.from({ length: TENANTS }, (_, i) => ({
    id: `tenant-${String(i).padStart(5, '0')}`,
    limits: DEFAULT_LIMITS,
    tally: new Tally(),
    series: undefined,
  }));
}
