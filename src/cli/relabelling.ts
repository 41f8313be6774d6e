/** What a tenant's relabelling rules do to the series of a push, for `mimir-edge inspect`. */
import { rewritingOf } from '../enforce/rewriting.js';
import { seriesRules } from '../enforce/series-rules.js';
import { effectiveLimits } from '../limits/effective.js';
import { DEFAULT_LIMITS } from '../limits/limit-table.js';
import { buildSnapshot } from '../limits/snapshot.js';
import { labelsOfRows, seriesName, storedAs } from '../payload/labels.js';
import { type DecodeOptions, FAULT, type Push, RECORD_FAULT, RECORD_WORDS } from '../payload/push.js';
import { defaultsOf, documentsOfKind, readDocuments, reportFindings } from './documents.js';
import { type Io, table, UsageError } from './io.js';

export interface Relabelling {
  /** Series that are stored with other labels than they were sent with. */
  readonly changed: number;
  readonly dropped: number;
  /** The first few of both. */
  readonly examples: readonly { readonly sent: string; readonly stored: string | null }[];
}

const MOST_EXAMPLES = 10;

/** How the tenant's pushes are decoded by the limits of a document. */
export async function tenantOptions(
  file: string,
  tenant: string,
  io: Io,
): Promise<Pick<DecodeOptions, 'rules' | 'rewriting'>> {
  const given = await readDocuments(file, 'mimir', io);
  reportFindings(given, io);
  if (given.some(({ document }) => document.errors.length > 0))
    throw new UsageError(`${file} can not be used`);
  const defaults = defaultsOf(given, DEFAULT_LIMITS);
  const snapshot = buildSnapshot({ defaults, mimir: documentsOfKind(given, 'mimir'), edge: [] });
  const limits = effectiveLimits(snapshot, tenant);
  const rules = seriesRules(limits);
  return { rules, rewriting: rewritingOf(tenant, limits, rules) };
}

export function relabellingOf(push: Push): Relabelling {
  const examples: { sent: string; stored: string | null }[] = [];
  let changed = 0;
  let dropped = 0;
  let row = 0;
  for (const labels of labelsOfRows(push)) {
    const sent = seriesName(labels);
    const isDropped = push.records[row++ * RECORD_WORDS + RECORD_FAULT] === FAULT.noLabels;
    const stored = isDropped ? null : seriesName(storedAs(labels, push));
    if (sent === stored) continue;
    if (isDropped) dropped++;
    else changed++;
    if (examples.length < MOST_EXAMPLES) examples.push({ sent, stored });
  }
  return { changed, dropped, examples };
}

export function describeRelabelling({ changed, dropped, examples }: Relabelling): string {
  const head = `\nrelabelling changes ${changed} series and drops ${dropped}\n`;
  const rows = examples.map(({ sent, stored }) => [sent, stored ?? '(dropped)']);
  return rows.length === 0 ? head : `${head}\n${table([['sent', 'stored'], ...rows])}`;
}
