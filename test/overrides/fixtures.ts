/** Overrides of given sources, and everything that they said. */
import type { Test } from 'tap';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import type { Snapshot } from '#src/limits/limits.js';
import { type IndexedSnapshot, unpackSnapshot } from '#src/limits/snapshot.js';
import type { KeptDocuments } from '#src/overrides/kept-documents.js';
import { Overrides, type OverridesOptions } from '#src/overrides/overrides.js';
import { type ParseTask, parse } from '#src/overrides/parse-worker.js';
import type { Parsed } from '#src/overrides/parser.js';
import type { Source } from '#src/overrides/source.js';

export const withRate = (rate: number) => `overrides: { a: { ingestion_rate: ${rate} } }`;

export interface Given {
  overrides: Overrides;
  snapshots: Snapshot[];
  /** Who changed documents, as their sources say. */
  said: string[];
  failures: string[];
  warnings: string[];
  notices: string[];
  /** Everything that was said, in order. */
  told: string[];
  rate(): number | undefined;
}

/** Parses where it is asked: a thread takes longer to start than most of these tests to run. */
export const inlineParser = {
  async parse(task: ParseTask, previous: IndexedSnapshot): Promise<Parsed> {
    const { documents, packed } = parse(task);
    const steps = unpackSnapshot(packed, task.defaults, previous);
    for (;;) {
      const step = steps.next();
      if (step.done) return { documents, snapshot: step.value };
    }
  },
  async close(): Promise<void> {},
};

export function givenOverrides(
  t: Test,
  sources: readonly Source[],
  kept?: KeptDocuments,
  parser: OverridesOptions['parser'] = inlineParser,
): Given {
  const snapshots: Snapshot[] = [];
  const said: string[] = [];
  const failures: string[] = [];
  const warnings: string[] = [];
  const notices: string[] = [];
  const told: string[] = [];
  const overrides = new Overrides(
    { sources, defaults: DEFAULT_LIMITS, kept, parser },
    {
      changed: (snapshot, change) => {
        told.push('changed');
        snapshots.push(snapshot);
        if (change !== undefined) said.push(change.said);
      },
      failed: (message) => {
        told.push('failed');
        failures.push(message);
      },
      warned: (_document, { path }) => {
        told.push('warned');
        warnings.push(path);
      },
      loaded: () => told.push('loaded'),
      noticed: (message) => {
        told.push('noticed');
        notices.push(message);
      },
    },
  );
  t.teardown(() => overrides.stop());
  const rate = () => overrides.snapshot.tenants.get('a')?.ingestion_rate;
  return { overrides, snapshots, said, failures, warnings, notices, told, rate };
}
