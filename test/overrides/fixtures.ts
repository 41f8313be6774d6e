/** Overrides of given sources, and everything that they said. */
import type { Test } from 'tap';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import type { Snapshot } from '#src/limits/limits.js';
import type { KeptDocuments } from '#src/overrides/kept-documents.js';
import { Overrides } from '#src/overrides/overrides.js';
import type { Source } from '#src/overrides/source.js';

export const withRate = (rate: number) => `overrides: { a: { ingestion_rate: ${rate} } }`;

export interface Given {
  overrides: Overrides;
  snapshots: Snapshot[];
  failures: string[];
  warnings: string[];
  notices: string[];
  rate(): number | undefined;
}

export function givenOverrides(t: Test, sources: readonly Source[], kept?: KeptDocuments): Given {
  const snapshots: Snapshot[] = [];
  const failures: string[] = [];
  const warnings: string[] = [];
  const notices: string[] = [];
  const overrides = new Overrides(
    { sources, defaults: DEFAULT_LIMITS, kept },
    {
      changed: (snapshot) => snapshots.push(snapshot),
      failed: (message) => failures.push(message),
      warned: (_document, { path }) => warnings.push(path),
      loaded: () => {},
      noticed: (message) => notices.push(message),
    },
  );
  t.teardown(() => overrides.stop());
  const rate = () => overrides.snapshot.tenants.get('a')?.ingestion_rate;
  return { overrides, snapshots, failures, warnings, notices, rate };
}
