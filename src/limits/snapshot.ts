/**
 * From defaults and documents to one immutable snapshot. A tenant's entry starts from the defaults and replaces only
 * what it names; later documents win, key by key, as when Mimir merges its runtime configuration files.
 *
 * In two steps, so that a thread can take the long one: packing merges, compares and hashes, and answers two texts that
 * cross to another thread at little cost; unpacking makes objects of them, a few tenants at a time.
 */
import { createHash } from 'node:crypto';
import { EDGE_LIMITS, MIMIR_LIMITS } from './limit-table.js';
import type { Snapshot, TenantLimits } from './limits.js';
import { WHERE_NAMED } from './metadata-limits.js';
import type { NamedLimits, OverridesDocument } from './overrides-document.js';
import { METADATA } from './tenant-id.js';

interface SnapshotSources {
  readonly defaults: TenantLimits;
  readonly mimir: readonly OverridesDocument[];
  readonly edge: readonly OverridesDocument[];
}

export interface PackedSnapshot {
  readonly hash: string;
  /** A line for each distinct set of limits: its differences from the defaults, as JSON. */
  readonly sets: string;
  /** A line for each tenant: the number of its set, and its id. */
  readonly tenants: string;
}

/** Tenants with the same limits share one object. */
export interface IndexedSnapshot extends Snapshot {
  /** By the line of the set. */
  readonly sets: ReadonlyMap<string, TenantLimits>;
}

interface SnapshotOptions extends SnapshotSources {
  /** Tenants with unchanged limits keep their object from this snapshot, so that holders can skip them. */
  readonly previous?: IndexedSnapshot | undefined;
}

export function buildSnapshot({ previous, ...sources }: SnapshotOptions): IndexedSnapshot {
  const steps = unpackSnapshot(packSnapshot(sources), sources.defaults, previous);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

export function packSnapshot({ defaults, mimir, edge }: SnapshotSources): PackedSnapshot {
  const numbers = new Map<string, number>();
  const tenants: string[] = [];
  const digest = createHash('sha256');
  digest.update(JSON.stringify(defaults));

  for (const id of [...allTenants([...mimir, ...edge])].sort()) {
    const set = canonical(id, defaults, merged(mimir, id), merged(edge, id));
    digest.update(`\n${id} ${set}`);
    const number = numbers.get(set) ?? numbers.size;
    numbers.set(set, number);
    tenants.push(`${number} ${id}\n`);
  }
  return {
    hash: digest.digest('hex').slice(0, 16),
    sets: [...numbers.keys()].map((set) => `${set}\n`).join(''),
    tenants: tenants.join(''),
  };
}

/** Tenants or sets per step: some hundred microseconds of work. */
const STEP = 128;

export function* unpackSnapshot(
  { hash, sets, tenants }: PackedSnapshot,
  defaults: TenantLimits,
  previous: IndexedSnapshot | undefined,
): Generator<void, IndexedSnapshot> {
  const before = previous?.defaults === defaults ? previous.sets : undefined;
  const bySet = new Map<string, TenantLimits>();
  const byNumber: TenantLimits[] = [];
  for (const set of lines(sets)) {
    if (byNumber.length % STEP === 0) yield;
    const limits = before?.get(set) ?? limitsOf(set, defaults);
    bySet.set(set, limits);
    byNumber.push(limits);
  }
  const byTenant = new Map<string, TenantLimits>();
  for (const line of lines(tenants)) {
    if (byTenant.size % STEP === 0) yield;
    const space = line.indexOf(' ');
    byTenant.set(line.slice(space + 1), byNumber[Number(line.slice(0, space))] ?? defaults);
  }
  return Object.freeze({ defaults, tenants: byTenant, hash, documents: hash, sets: bySet });
}

/** The defaults with named limits merged in. */
export function tenantLimits(defaults: TenantLimits, mimir: NamedLimits, edge: NamedLimits): TenantLimits {
  return Object.freeze({
    ...defaults,
    ...Object.fromEntries(mimir),
    edge: edge.size === 0 ? defaults.edge : Object.freeze({ ...defaults.edge, ...Object.fromEntries(edge) }),
  });
}

function limitsOf(set: string, defaults: TenantLimits): TenantLimits {
  const [mimir, edge, named] = JSON.parse(set) as [object, object, string?];
  const limits = tenantLimits(defaults, new Map(Object.entries(mimir)), new Map(Object.entries(edge)));
  return named === undefined ? limits : Object.freeze({ ...limits, named });
}

function* lines(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start);
    yield text.slice(start, end);
    start = end + 1;
  }
}

function* allTenants(documents: readonly OverridesDocument[]): Generator<string> {
  const seen = new Set<string>();
  for (const { tenants } of documents) {
    for (const id of tenants.keys()) {
      if (!seen.has(id)) yield id;
      seen.add(id);
    }
  }
}

function merged(documents: readonly OverridesDocument[], id: string): NamedLimits {
  const named = new Map<string, unknown>();
  for (const { tenants } of documents) {
    for (const [name, value] of tenants.get(id) ?? []) named.set(name, value);
  }
  return named;
}

/** The same text for the same limits, in whatever order they are written, and whether or not defaults are named. */
function canonical(id: string, defaults: TenantLimits, mimir: NamedLimits, edge: NamedLimits): string {
  const set: unknown[] = [
    differing(Object.keys(MIMIR_LIMITS), mimir, defaults),
    differing(Object.keys(EDGE_LIMITS), edge, defaults.edge),
  ];
  const named = id.includes(METADATA) ? WHERE_NAMED.filter((name) => mimir.get(name) !== undefined) : [];
  if (named.length > 0) set.push(named.join(','));
  return JSON.stringify(set);
}

function differing(names: readonly string[], named: NamedLimits, defaults: object): Record<string, unknown> {
  const set: Record<string, unknown> = {};
  for (const name of names) {
    const value = named.get(name);
    if (value !== undefined && value !== defaults[name as keyof typeof defaults]) set[name] = value;
  }
  return set;
}
