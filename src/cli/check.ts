/** mimir-edge check: what overrides amount to, and what is wrong with them. */
import { parseArgs } from 'node:util';
import { entryLimits } from '../limits/effective.js';
import { EDGE_LIMITS, MIMIR_LIMITS } from '../limits/limit-table.js';
import type { Snapshot, TenantLimits } from '../limits/limits.js';
import { buildSnapshot } from '../limits/snapshot.js';
import {
  defaultsOf,
  documentsOfKind,
  type GivenDocument,
  readDocuments,
  reportFindings,
} from './documents.js';
import { asUsage, type Io, UsageError } from './io.js';
import { type LeftToMimir, leftToMimir } from './left-to-mimir.js';
import { readConfig } from './serve.js';

const HELP = `Usage: mimir-edge check OVERRIDES.yaml [MORE.yaml ...] [options]

Shows every tenant's effective limits, where they differ from the defaults, what else tenants have that only Mimir
enforces, and all warnings and errors with their line and column. Exit code 1 when there is an error.

A file is Mimir's runtime configuration, the manifest of a ConfigMap that has it, or values for the chart
mimir-distributed. Several are merged in order.

  --edge-file FILE   overrides of the limits that only the edge has
  --key KEY          of a ConfigMap, when it is none of the usual ones
  --config FILE      the edge's configuration: its section limits has the defaults
  --tenant ID        this tenant alone, with all its limits
  --json
  --help

Examples:
  mimir-edge check overrides.yaml
  mimir-edge check --config edge.yaml --tenant team-a overrides.yaml
  kubectl -n mimir get configmap mimir-runtime -o yaml | mimir-edge check -
`;

export async function check(args: string[], io: Io): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  if (positionals.length === 0 && values['edge-file'] === undefined)
    throw new UsageError('an overrides file is needed');
  const config = readConfig(values.config, io, {});
  if (config === undefined) return 1;

  const checked: GivenDocument[] = [];
  for (const file of positionals) checked.push(...(await readDocuments(file, 'mimir', io, values.key)));
  const edgeFile = values['edge-file'];
  if (edgeFile !== undefined) checked.push(...(await readDocuments(edgeFile, 'edge', io, values.key)));
  const snapshot = buildSnapshot({
    defaults: defaultsOf(checked, config.defaults),
    mimir: documentsOfKind(checked, 'mimir'),
    edge: documentsOfKind(checked, 'edge'),
  });
  const tenants = chosenTenants(snapshot, values.tenant);
  const left = leftToMimir(documentsOfKind(checked, 'mimir'), values.tenant);
  const failed = checked.some(({ document }) => document.errors.length > 0);

  if (values.json)
    io.stdout.write(`${JSON.stringify(asJson(checked, snapshot, tenants, left), undefined, 2)}\n`);
  else {
    reportFindings(checked, io);
    if (failed) io.stdout.write('The document can not be used: the edge would keep the last good limits.\n');
    else report(snapshot, tenants, left, values.tenant !== undefined, io);
  }
  return failed ? 1 : 0;
}

function parse(args: string[]) {
  return asUsage(() =>
    parseArgs({
      args,
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        'edge-file': { type: 'string' },
        config: { type: 'string' },
        key: { type: 'string' },
        tenant: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }),
  );
}

function chosenTenants(snapshot: Snapshot, tenant: string | undefined): [string, TenantLimits][] {
  const ids = tenant === undefined ? [...snapshot.tenants.keys()] : [tenant];
  return ids.map((id) => [id, entryLimits(snapshot, id)]);
}

function asJson(
  checked: readonly GivenDocument[],
  snapshot: Snapshot,
  tenants: readonly [string, TenantLimits][],
  left: readonly LeftToMimir[],
): unknown {
  const findings = (kind: 'errors' | 'warnings') =>
    checked.flatMap(({ file, document }) => document[kind].map((finding) => ({ file, ...finding })));
  return {
    errors: findings('errors'),
    warnings: findings('warnings'),
    hash: snapshot.hash,
    defaults: snapshot.defaults,
    tenants: Object.fromEntries(tenants),
    leftToMimir: left,
  };
}

function report(
  { defaults, hash }: Snapshot,
  tenants: readonly [string, TenantLimits][],
  left: readonly LeftToMimir[],
  all: boolean,
  io: Io,
): void {
  for (const [id, limits] of tenants) io.stdout.write(`${id}\n${limitLines(limits, defaults, all)}`);
  if (left.length > 0) io.stdout.write('The edge does not enforce these; Mimir does, behind it:\n');
  for (const one of left) io.stdout.write(leftLine(one));
  io.stdout.write(`${tenants.length} tenant${tenants.length === 1 ? '' : 's'}, limits hash ${hash}\n`);
}

const SHOWN_TENANTS = 3;

function leftLine({ limit, tenants, why }: LeftToMimir): string {
  const shown = tenants.slice(0, SHOWN_TENANTS).join(', ');
  const more = tenants.length - SHOWN_TENANTS;
  return `  ${limit} of ${shown}${more > 0 ? ` and ${more} more` : ''}: ${why}\n`;
}

function limitLines(limits: TenantLimits, defaults: TenantLimits, all: boolean): string {
  const lines: string[] = [];
  const add = (name: string, type: unknown, value: unknown, fallback: unknown): void => {
    const unit = type === 'duration' ? 'ms' : '';
    if (value !== fallback)
      lines.push(
        `  ${name}: ${value}${unit} (default ${fallback === '' ? 'none' : (fallback ?? 'unset')}${fallback === undefined ? '' : unit})\n`,
      );
    else if (all && value !== undefined) lines.push(`  ${name}: ${value}${unit}\n`);
  };
  for (const [name, { type }] of Object.entries(MIMIR_LIMITS)) {
    add(name, type, limits[name as keyof TenantLimits], defaults[name as keyof TenantLimits]);
  }
  for (const [name, { type }] of Object.entries(EDGE_LIMITS)) {
    const key = name as keyof TenantLimits['edge'];
    add(name, type, limits.edge[key], defaults.edge[key]);
  }
  return lines.length === 0 ? '  as the defaults\n' : lines.join('');
}
