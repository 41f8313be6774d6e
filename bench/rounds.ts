/**
 * Compares ways of doing the same thing in one run: rounds are interleaved, so that a noisy machine hurts all
 * alike, and the median round of each speaks for it.
 */

export interface Way {
  readonly name: string;
  /** Does the work once and returns how many units that was (pushes, decisions). */
  readonly run: () => number | Promise<number>;
}

export interface Result {
  readonly name: string;
  readonly nanosecondsPerUnit: number;
  /** Of the best round: what else a machine does only ever adds to it. */
  readonly leastNanosecondsPerUnit: number;
}

/** True with `--smoke`: a few iterations, to see that a bench still runs. The figures mean nothing then. */
export const smoke = process.argv.includes('--smoke');

export async function compare(ways: readonly Way[], rounds = smoke ? 2 : 15): Promise<Result[]> {
  const times = ways.map((): number[] => []);
  for (let round = -1; round < rounds; round++) {
    for (const [index, way] of ways.entries()) {
      const start = process.hrtime.bigint();
      const units = await way.run();
      const nanoseconds = Number(process.hrtime.bigint() - start) / units;
      // The first round warms up.
      if (round >= 0) times[index]!.push(nanoseconds);
    }
  }
  return ways.map(({ name }, index) => ({
    name,
    nanosecondsPerUnit: median(times[index]!),
    leastNanosecondsPerUnit: Math.min(...times[index]!),
  }));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** A table in columns, the first column left-aligned. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
    );
    console.log(`  ${cells.join('   ')}`);
  }
}
