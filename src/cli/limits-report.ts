/** mimir-edge report: limits at risk, too wide, missing or changed, forecasts and costs. */
import { statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Baseline, driftOf, plainLimits } from '../advice/report.js';
import { adviceSource, limitsIn, SOURCE_HELP, SOURCE_OPTIONS, type SourceValues } from './advice-source.js';
import type { Costs, ReportAnswer } from './answers.js';
import { asUsage, type Io, readInput, UsageError } from './io.js';
import {
  type GatheredReport,
  type LimitSource,
  type LimitsNow,
  limitsNow,
  onOtherLimits,
  whoOf,
  withWho,
} from './report-data.js';
import { csvReport, htmlReport, textReport } from './report-form.js';
import { readConfig } from './serve.js';

const HELP = `Usage: mimir-edge report [options]

Shows limits that are about to be reached, far too wide, missing, or changed since a baseline; when each limit will be reached
if it goes on like this; and what tenants cost.

  --format FORMAT    text (default), json, csv, or html: one page that needs nothing else
  --baseline FILE    what mimir-edge baseline save has written
  --entries N        in each list at most (default: 100)
  --help

${SOURCE_HELP}
Examples:
  mimir-edge report
  mimir-edge report --format html > report.html
  mimir-edge report --baseline limits.json --format csv
  mimir-edge report --from-prometheus http://prometheus:9090 --overrides overrides.yaml
`;

const FORMS = { text: textReport, csv: csvReport, html: htmlReport, json: jsonReport } as const;
const MAX_BYTES = 256 << 20;

export async function report(args: string[], io: Io): Promise<number> {
  const { values } = asUsage(() =>
    parseArgs({
      args,
      options: {
        ...SOURCE_OPTIONS,
        format: { type: 'string', default: 'text' },
        baseline: { type: 'string' },
        entries: { type: 'string', default: '100' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }),
  );
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  if (!Object.hasOwn(FORMS, values.format))
    throw new UsageError(`--format is one of ${Object.keys(FORMS).join(', ')}`);
  const entries = Number(values.entries);
  if (!(Number.isSafeInteger(entries) && entries >= 1 && entries <= 10_000))
    throw new UsageError('--entries is a whole number from 1 to 10000');
  const gathered = await gather(values, entries, values.baseline, io);
  if (gathered === undefined) return 2;
  io.stdout.write(FORMS[values.format as keyof typeof FORMS](gathered));
  return 0;
}

async function gather(
  values: SourceValues,
  entries: number,
  baselineFile: string | undefined,
  io: Io,
): Promise<GatheredReport | undefined> {
  const ask = await adviceSource(values, [], io);
  if (ask === undefined) return undefined;
  const isEdge = values['from-prometheus'] === undefined;
  const report = await ask<ReportAnswer>(`report?limit=${entries}`);
  const costs = await ask<Costs>(`costs?limit=${Math.min(entries, 500)}`);
  const behind = isEdge ? await onOtherLimits(ask) : undefined;
  if (baselineFile === undefined) return { report, costs, drift: undefined, behind };
  const baseline = await readBaseline(baselineFile, io);
  const now = isEdge ? await limitsNow(ask) : await limitsOfFiles(values, io);
  if (now === undefined) return undefined;
  const drift = driftOf(baseline, now);
  return {
    report: { ...report, baseline: baseline.savedAt },
    costs,
    drift: isEdge
      ? await withWho(ask, drift, baseline.savedAt)
      : drift.map((one) => ({ ...one, who: whoOf(filesOf(values), baseline.savedAt) })),
    behind,
  };
}

/** All that files tell is when they were written. */
function filesOf({ overrides = [], 'edge-file': edgeFile, config }: SourceValues): LimitSource[] {
  const files = [...overrides, edgeFile, config].filter((file) => file !== undefined);
  return files.map((name) => ({
    name,
    lastChange: { atMs: statSync(name, { throwIfNoEntry: false })?.mtimeMs },
  }));
}

async function readBaseline(file: string, io: Io): Promise<Baseline> {
  const text = (await readInput(file, io, MAX_BYTES)).toString('utf8');
  const read = asUsage(() => JSON.parse(text)) as Partial<Baseline> | null;
  if (
    typeof read?.savedAt !== 'string' ||
    typeof read.defaults !== 'object' ||
    typeof read.tenants !== 'object'
  )
    throw new UsageError(`${file} is not what mimir-edge baseline save writes`);
  return read as Baseline;
}

/** Undefined: they can not be used, which was reported. */
export async function limitsOfFiles(values: SourceValues, io: Io): Promise<LimitsNow | undefined> {
  const config = readConfig(values.config, io, {});
  if (config === undefined) return undefined;
  const snapshot = await limitsIn(values, config.defaults, io);
  if (snapshot === undefined) return undefined;
  const tenants = [...snapshot.tenants].map(([id, limits]) => [id, plainLimits(limits)] as const);
  return { defaults: plainLimits(snapshot.defaults), tenants: Object.fromEntries(tenants) };
}

function jsonReport(gathered: GatheredReport): string {
  return `${JSON.stringify(gathered, (_, value) => (value === undefined ? null : value), 2)}\n`;
}
