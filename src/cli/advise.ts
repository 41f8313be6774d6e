/** mimir-edge advise: the limits that tenants should have, and why; as a table, JSON, or a document. */
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import type { Basis, LimitAdvice } from '../advice/advice.js';
import { short } from '../base/amounts.js';
import { messageOf } from '../base/message-of.js';
import { type Ask, adviceSource, SOURCE_HELP, SOURCE_OPTIONS } from './advice-source.js';
import type { Nullable } from './answers.js';
import { asUsage, type Io, readInput, table, UsageError } from './io.js';
import { type LimitToWrite, patchDocument } from './patch-document.js';

const HELP = `Usage: mimir-edge advise [TENANT ...] [options]

Shows the limits that tenants should have by what they offered, and what those in force and the advised ones would have
refused of it. It changes nothing. Exit code 0, or 2 when it can not be told.

  --all            limits that may stay as they are, and those without advice, too
  --why            the reasons, in sentences
  --json           as JSON
  --yaml           as a document of Mimir's overrides; with --edge of the edge's own
  --edge           with --yaml and --patch: limits that only the edge has
  --patch FILE     the same written into FILE, whose comments and order stay; to standard output
  --help

${SOURCE_HELP}
Examples:
  mimir-edge advise
  mimir-edge advise team-a --why
  mimir-edge advise --from-prometheus http://prometheus:9090 --overrides overrides.yaml
  mimir-edge advise --patch overrides.yaml > new.yaml && mimir-edge diff overrides.yaml new.yaml
`;

type Limit = Nullable<LimitAdvice>;

interface TenantAdvice {
  readonly tenant: string;
  readonly policy: string;
  readonly basis: Nullable<Omit<Basis, 'fromMs' | 'toMs'>>;
  readonly limits: readonly Limit[];
}

const PAGE = 500;
const MAX_BYTES = 64 << 20;

export async function advise(args: string[], io: Io): Promise<number> {
  const { values, positionals } = asUsage(() =>
    parseArgs({
      args,
      allowPositionals: true,
      options: {
        ...SOURCE_OPTIONS,
        all: { type: 'boolean', default: false },
        why: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        yaml: { type: 'boolean', default: false },
        edge: { type: 'boolean', default: false },
        patch: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }),
  );
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  const forms = [values.json, values.yaml, values.patch !== undefined].filter(Boolean).length;
  if (forms > 1) throw new UsageError('--json, --yaml and --patch exclude each other');
  if (values.edge && !values.yaml && values.patch === undefined)
    throw new UsageError('--edge is for --yaml and --patch');
  const ask = await adviceSource(values, positionals, io);
  if (ask === undefined) return 2;
  const advice = await adviceOf(ask, positionals);
  const toWrite = changesIn(advice, values.edge ? 'edge' : 'mimir');
  if (values.json) io.stdout.write(`${JSON.stringify(advice, undefined, 2)}\n`);
  else if (values.yaml) io.stdout.write(asDocument(toWrite));
  else if (values.patch !== undefined) return await patch(values.patch, toWrite, io);
  else io.stdout.write(asTable(advice, values));
  return 0;
}

async function adviceOf(ask: Ask, tenants: readonly string[]): Promise<TenantAdvice[]> {
  if (tenants.length > 0) {
    const each: TenantAdvice[] = [];
    for (const tenant of tenants) {
      const { policy, basis, limits } = await ask<TenantAdvice>(`advice/${encodeURIComponent(tenant)}`);
      each.push({ tenant, policy, basis, limits });
    }
    return each;
  }
  const all: TenantAdvice[] = [];
  for (let offset = 0; ; offset += PAGE) {
    const { advice, matching } = await ask<{ advice: TenantAdvice[]; matching: number }>(
      `advice?offset=${offset}&limit=${PAGE}`,
    );
    all.push(...advice);
    if (advice.length === 0 || all.length >= matching) return all;
  }
}

const CHANGES: readonly string[] = ['raise', 'lower', 'set'];

function changesIn(advice: readonly TenantAdvice[], wanted: LimitAdvice['kind']): LimitToWrite[] {
  return advice.flatMap(({ tenant, limits }) =>
    limits.flatMap(({ limit, kind, direction, recommended }) =>
      kind === wanted && CHANGES.includes(direction) && recommended !== null
        ? [{ tenant, limit, value: recommended }]
        : [],
    ),
  );
}

function asDocument(limits: readonly LimitToWrite[]): string {
  const overrides: Record<string, Record<string, number>> = {};
  for (const { tenant, limit, value } of limits) {
    overrides[tenant] ??= {};
    overrides[tenant][limit] = value;
  }
  return stringify({ overrides });
}

async function patch(file: string, limits: readonly LimitToWrite[], io: Io): Promise<number> {
  const text = (await readInput(file, io, MAX_BYTES)).toString('utf8');
  const patched = asUsage(() => {
    try {
      return patchDocument(text, limits);
    } catch (error) {
      throw new Error(`${file}: ${messageOf(error)}`);
    }
  });
  io.stdout.write(patched.text);
  if (limits.length === 0) io.stderr.write(`mimir-edge: nothing is to be changed: ${file} is as it was\n`);
  for (const one of patched.leftOut) io.stderr.write(`mimir-edge: ${one}\n`);
  return 0;
}

function asTable(advice: readonly TenantAdvice[], { all, why }: { all: boolean; why: boolean }): string {
  if (advice.length === 0) return 'No tenant is known: nothing was sent yet, and no document names one.\n';
  const rows = advice.flatMap(({ tenant, limits }) =>
    limits
      .filter(({ direction }) => all || CHANGES.includes(direction))
      .map((one) => [
        tenant,
        one.limit,
        one.direction,
        amount(one.current),
        amount(one.recommended),
        refused(one.currentWouldRefuse),
        refused(one.wouldRefuse),
        one.headroom === null ? '' : `${Math.round(one.headroom * 100)} %`,
        one.confidence,
        ...(why ? [one.why] : []),
      ]),
  );
  const silent = advice.filter(({ basis }) => basis.confidence === 'none').length;
  const head = [
    'tenant',
    'limit',
    '',
    'now',
    'advised',
    'refused hours now',
    'then',
    'headroom',
    'confidence',
  ];
  const shown = rows.length === 0 ? '' : table([why ? [...head, 'why'] : head, ...rows], [1, 2, 8, 9]);
  return `${shown}${rows.length} limits of ${advice.length} tenants${all ? '' : ' to be changed'}${silent === 0 ? '' : `; ${silent} have less than 24 hours of history: no advice`}\n`;
}

function amount(value: number | null): string {
  if (value === null) return '-';
  return value < 100_000 ? String(value) : short(value);
}

function refused(refusals: LimitAdvice['wouldRefuse'] | null): string {
  if (refusals === null || refusals === undefined) return '-';
  const { atLeast, atMost } = refusals.hours;
  return atLeast === atMost ? String(atLeast) : `${atLeast}-${atMost}`;
}
