/** mimir-edge diff: whose limits change from one version of the overrides to another. */
import { parseArgs } from 'node:util';
import { diffSnapshots, type LimitChange, type TenantChange } from '../limits/diff.js';
import { MIMIR_LIMITS } from '../limits/limit-table.js';
import { buildSnapshot, type IndexedSnapshot } from '../limits/snapshot.js';
import {
  defaultsOf,
  documentsOfKind,
  type GivenDocument,
  readDocuments,
  reportFindings,
} from './documents.js';
import { asUsage, type Io, UsageError } from './io.js';
import { readConfig } from './serve.js';

const HELP = `Usage: mimir-edge diff OLD NEW [options]

Shows which tenants' effective limits change, and how. Each file may be what mimir-edge check takes: Mimir's runtime
configuration, the manifest of a ConfigMap, values for the chart mimir-distributed. Exit code 0 when no limit changes,
1 when one does, 2 when a file can not be used.

  --edge          the files are overrides of the limits that only the edge has
  --config FILE   the edge's configuration: its section limits has the defaults
  --key KEY       of a ConfigMap, when it is none of the usual ones
  --json
  --help

Examples:
  mimir-edge diff overrides.yaml overrides.new.yaml
  kubectl -n mimir get configmap mimir-runtime -o yaml | mimir-edge diff - values.yaml
`;

export async function diff(args: string[], io: Io): Promise<number> {
  const { values, positionals } = asUsage(() =>
    parseArgs({
      args,
      allowPositionals: true,
      options: {
        edge: { type: 'boolean', default: false },
        config: { type: 'string' },
        key: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }),
  );
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  const [oldFile, newFile, ...more] = positionals;
  if (oldFile === undefined || newFile === undefined || more.length > 0)
    throw new UsageError('two files are needed: OLD NEW');
  const config = readConfig(values.config, io, {});
  if (config === undefined) return 2;

  const kind = values.edge ? 'edge' : 'mimir';
  const before = await readDocuments(oldFile, kind, io, values.key);
  const after = await readDocuments(newFile, kind, io, values.key);
  reportFindings([...before, ...after], io);
  if ([...before, ...after].some(({ document }) => document.errors.length > 0)) return 2;
  const snapshot = (given: readonly GivenDocument[]): IndexedSnapshot =>
    buildSnapshot({
      defaults: defaultsOf(given, config.defaults),
      mimir: documentsOfKind(given, 'mimir'),
      edge: documentsOfKind(given, 'edge'),
    });
  const changes = diffSnapshots(snapshot(before), snapshot(after));
  if (values.json) io.stdout.write(`${JSON.stringify(changes, undefined, 2)}\n`);
  else report(changes, io);
  return changes.some(({ limits }) => limits.length > 0) ? 1 : 0;
}

function report(changes: readonly TenantChange[], io: Io): void {
  for (const { tenant, change, limits } of changes) {
    io.stdout.write(`${tenant}${REMARKS[change]}\n`);
    for (const one of limits)
      io.stdout.write(`  ${one.limit}: ${shown(one, 'before')} -> ${shown(one, 'after')}\n`);
    if (limits.length === 0) io.stdout.write('  as before\n');
  }
  const affected = changes.filter(({ limits }) => limits.length > 0).length;
  io.stdout.write(`limits change for ${affected} tenant${affected === 1 ? '' : 's'}\n`);
}

const REMARKS = {
  added: ' (new, had the defaults)',
  removed: ' (removed, has the defaults)',
  changed: '',
} as const;

function shown(change: LimitChange, side: 'before' | 'after'): string {
  const value = change[side];
  const { type } = MIMIR_LIMITS[change.limit as keyof typeof MIMIR_LIMITS] ?? {};
  return value === undefined ? 'unset' : `${value}${type === 'duration' ? 'ms' : ''}`;
}
