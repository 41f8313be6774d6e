/**
 * One timeline of the whole fleet: what changed limits and modes, and when replicas started. Each replica tells what it knows;
 * what several have noted of one change stands there once, as the one that it was asked of noted it.
 */
import { AUDIT_ACTIONS, AUDIT_ORIGINS, type AuditEntry } from './audit.js';
import { CsvFile } from './csv.js';
import type { Edge } from './edge.js';
import type { Query } from './query.js';
import { gather, readReplica, type Scope, THIS } from './scope.js';
import { limitedText, listOf, numberOr, textIn, timeIn } from './told.js';

/** Of an id with metadata. */
const MAX_TENANT = 214;
const MAX_SEARCH = 150;
export const MAX_ENTRIES = 1000;
const MAX_TEXT = 1000;
/** Replicas note one change of documents, or the end of a control, within this time of each other. */
const ONE_CHANGE_MS = 5 * 60_000;

/** That one is compared with. */
const MOST_ALIKE = 100;

const FROM = {
  people: ['here', 'fleet'],
  overrides: ['overrides'],
  time: ['time'],
  starts: ['start'],
} as const;

export interface Change extends AuditEntry {
  /** Where it was asked for, or noted first; null: on one that does not answer now. */
  readonly replica: string | null;
}

interface Wanted {
  readonly limit: number;
  readonly from?: keyof typeof FROM | undefined;
  readonly sinceMs?: number | undefined;
  readonly tenant?: string | undefined;
  readonly search?: string | undefined;
  /** For how long what other replicas told is good enough. */
  readonly keptMs?: number | undefined;
}

export async function auditView(edge: Edge, query: Query): Promise<object> {
  const wanted = {
    limit: query.count('limit', 100, 1, MAX_ENTRIES),
    from: query.choice('from', Object.keys(FROM) as (keyof typeof FROM)[]),
    sinceMs: query.since('since', Date.now()),
    tenant: query.text('tenant', MAX_TENANT),
    search: query.text('search', MAX_SEARCH),
  };
  const format = query.choice('format', ['json', 'csv']) ?? 'json';
  const replica = readReplica(query);
  query.done();
  const { scope, entries } = await changesOf(edge, replica, wanted);
  if (format === 'json') return { scope, entries };
  const head = [
    'at',
    'who',
    'from',
    'action',
    'tenant',
    'name',
    'before',
    'after',
    'reason',
    'until',
    'replica',
  ] as const;
  return new CsvFile('changes.csv', [head, ...entries.map((entry) => head.map((name) => entry[name]))]);
}

/** The newest first. */
export async function changesOf(
  edge: Edge,
  replica: string | undefined,
  wanted: Wanted,
): Promise<{ readonly scope: Scope; readonly entries: readonly Change[] }> {
  const { limit, from, sinceMs, tenant, search } = wanted;
  const params = new URLSearchParams({ replica: THIS, limit: String(limit) });
  if (from !== undefined) params.set('from', from);
  if (sinceMs !== undefined) params.set('since', new Date(sinceMs).toISOString());
  if (tenant !== undefined) params.set('tenant', tenant);
  if (search !== undefined) params.set('search', search);
  const { scope, each } = await gather(edge, replica, {
    path: `/audit?${params}`,
    keptMs: wanted.keptMs,
    own: () => ownEntries(edge, wanted),
    read: ({ entries }) => listOf(entries, limit, readEntry),
  });
  const started = replica === undefined ? await startsOf(edge, wanted) : [];
  const lists = each.map((told) =>
    told.body.filter(matching(wanted)).map((entry) => ({ ...entry, replica: whereOf(entry, told.replica) })),
  );
  return { scope, entries: oneTimeline([...lists, started]).slice(0, limit) };
}

function whereOf({ from, who }: AuditEntry, replica: string): string | null {
  return from === 'fleet' ? null : from === 'start' ? who : replica;
}

function ownEntries(edge: Edge, wanted: Wanted): AuditEntry[] {
  return edge.audit.newest(MAX_ENTRIES).filter(matching(wanted)).slice(0, wanted.limit);
}

function matching({ from, sinceMs, tenant, search = '' }: Wanted): (entry: AuditEntry) => boolean {
  const text = search.toLowerCase();
  return (one) =>
    (from === undefined || (FROM[from] as readonly string[]).includes(one.from)) &&
    (sinceMs === undefined || Date.parse(one.at) >= sinceMs) &&
    (tenant === undefined || one.tenant === tenant) &&
    `${one.tenant} ${one.name} ${one.who} ${one.reason}`.toLowerCase().includes(text);
}

/** That the fleet remembers, of replicas that are gone, too. While the store does not answer: none. */
async function startsOf({ usage }: Edge, wanted: Wanted): Promise<Change[]> {
  const texts = (await usage.replicas?.starts().catch(() => [])) ?? [];
  return texts
    .flatMap((text) => readStart(text) ?? [])
    .filter(matching(wanted))
    .map((entry) => ({ ...entry, replica: entry.who }));
}

function readStart(text: string): AuditEntry | undefined {
  try {
    const { id, name, version, atMs } = JSON.parse(text) as Partial<Record<string, unknown>>;
    if (typeof id !== 'string' || typeof name !== 'string' || typeof version !== 'string') return undefined;
    return startEntry({ id, name, version, atMs: numberOr(atMs, Number.NaN) });
  } catch {
    return undefined;
  }
}

export interface Start {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly atMs: number;
}

/** Throws where the time is none. */
export function startEntry({ id, name, version, atMs }: Start): AuditEntry {
  return {
    at: new Date(atMs).toISOString(),
    who: name,
    from: 'start',
    action: 'start',
    tenant: null,
    name: 'version',
    before: null,
    after: version,
    reason: '',
    until: null,
    id,
  };
}

/** The newest first. */
export function oneTimeline(lists: readonly (readonly Change[])[]): Change[] {
  const told = lists.flatMap((list, teller) => list.map((entry) => ({ entry, teller })));
  // Who was asked knows best, then who noted it first.
  told.sort((a, b) => rank(a.entry) - rank(b.entry) || (a.entry.at < b.entry.at ? -1 : 1));
  const known = new Map<string, Noted[]>();
  const kept: Change[] = [];
  for (const { entry, teller } of told) {
    const same = [idOf(entry), whatOf(entry)].flatMap((key) => key ?? []);
    const noted = same.flatMap((key) => known.get(key) ?? []).find((one) => isOfOne(one, entry, teller));
    if (noted !== undefined) {
      noted.tellers.add(teller);
      continue;
    }
    const first = { entry, tellers: new Set([teller]) };
    for (const key of same) {
      const its = known.get(key) ?? [];
      its.push(first);
      if (its.length > MOST_ALIKE) its.shift();
      known.set(key, its);
    }
    kept.push(entry);
  }
  return kept.sort((a, b) => (a.at > b.at ? -1 : a.at < b.at ? 1 : 0));
}

interface Noted {
  readonly entry: Change;
  readonly tellers: Set<number>;
}

/** Nobody notes one change twice, so what one replica tells is two changes. */
function isOfOne({ entry, tellers }: Noted, other: Change, teller: number): boolean {
  if (tellers.has(teller)) return false;
  if (entry.id !== null && entry.id === other.id) return true;
  if (other.from === 'here' || other.from === 'start') return false;
  return Math.abs(Date.parse(entry.at) - Date.parse(other.at)) < ONE_CHANGE_MS;
}

function rank({ from }: Change): number {
  return from === 'here' ? 0 : from === 'fleet' ? 2 : 1;
}

/** A control is set and ends under one id. */
function idOf({ id, from }: Change): string | undefined {
  return id === null ? undefined : `${from === 'time' ? 'end' : 'set'} ${id}`;
}

function whatOf({ from, who, tenant, name, before, after }: Change): string {
  const isAsked = from === 'here' || from === 'fleet';
  const what = isAsked ? [] : [from, from === 'overrides' ? who : '', valueIn(before)];
  return JSON.stringify([...what, tenant, name, valueIn(after)]);
}

function readEntry(one: Readonly<Record<string, unknown>>): AuditEntry | undefined {
  const at = timeIn(one['at']);
  const from = AUDIT_ORIGINS.find((name) => name === one['from']);
  const action = AUDIT_ACTIONS.find((name) => name === one['action']);
  if (at === undefined || from === undefined || action === undefined) return undefined;
  return {
    at,
    who: textIn(one['who'], MAX_TEXT),
    from,
    action,
    tenant: limitedText(one['tenant'], MAX_TENANT) ?? null,
    name: textIn(one['name'], MAX_TEXT),
    before: valueIn(one['before']),
    after: valueIn(one['after']),
    reason: textIn(one['reason'], MAX_TEXT),
    until: timeIn(one['until']) ?? null,
    id: limitedText(one['id'], MAX_TEXT) ?? null,
  };
}

/** Lists of labels and the like as text. */
function valueIn(value: unknown): AuditEntry['before'] {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'object' && value !== null) return JSON.stringify(value).slice(0, MAX_TEXT);
  return numberOr(value, limitedText(value, MAX_TEXT) ?? null);
}
