/**
 * Temporary changes to modes and limits that people make during an incident: each has a value, a reason, an author and an
 * end. Pure: which of two wins, and the limits with all of them applied.
 *
 * Of two controls for the same subject the later one wins, wherever it was made; so replicas that have seen the same
 * controls agree, whatever the order in which they arrived.
 */
import { createHash } from 'node:crypto';
import {
  EDGE_LIMITS,
  type LimitTable,
  type LimitType,
  MIMIR_LIMITS,
  readLimit,
} from '../limits/limit-table.js';
import type { Mode, Snapshot } from '../limits/limits.js';
import { tenantLimits } from '../limits/snapshot.js';
import { tenantIdFault } from '../limits/tenant-id.js';
import { GUARD_MODE, GUARD_MODES, type GuardMode, isGuard, readStanding } from './guard-control.js';
import { isPanicName, isPart } from './panic-control.js';

export type ControlValue = string | number | boolean;

export interface Control {
  /** Of this one write. */
  readonly id: string;
  /** Empty: all tenants. */
  readonly tenant: string;
  /** `mode`, `reload`, one of the names for panics or guards, or a limit. */
  readonly name: string;
  /** Null: taken back before its end. */
  readonly value: ControlValue | null;
  readonly reason: string;
  readonly by: string;
  /** By Date.now(), as is its end. */
  readonly atMs: number;
  readonly untilMs: number;
  /** It is remembered longer than it lasts, because what it replaced would have lasted until then. */
  readonly keptUntilMs?: number;
}

export const MODES: readonly Mode[] = ['enforce', 'shadow', 'off'];
export const MODE = 'mode';
export const RELOAD = 'reload';

/** One control exists for each key. Tenant ids have no spaces. */
export function controlKey({ tenant, name }: Pick<Control, 'tenant' | 'name'>): string {
  return `${tenant} ${name}`;
}

export function beats(one: Control, other: Control | undefined): boolean {
  if (other === undefined) return true;
  return one.atMs === other.atMs ? one.id > other.id : one.atMs > other.atMs;
}

/** After this nothing that it replaced can still be in force. */
export function rememberedUntilMs({ untilMs, keptUntilMs = untilMs }: Control): number {
  return Math.max(untilMs, keptUntilMs);
}

/**
 * Extends how long the control is remembered, until what it replaces can no longer come back from an unreachable replica.
 */
export function outlasting(control: Control, replaced: Control | undefined): Control {
  if (replaced === undefined) return control;
  const keptUntilMs = Math.max(rememberedUntilMs(control), rememberedUntilMs(replaced));
  return keptUntilMs === rememberedUntilMs(control) ? control : { ...control, keptUntilMs };
}

const NOT_FOR_AN_HOUR: readonly LimitType[] = ['duration', 'label names', 'relabelling rules'];

/** The limits that a control may set: not a tenant's mode, nor any that nobody would change for an hour. */
export function limitFacts(name: string): LimitTable[string] | undefined {
  for (const table of [MIMIR_LIMITS, EDGE_LIMITS] as LimitTable[]) {
    const facts = Object.hasOwn(table, name) && name !== MODE ? table[name] : undefined;
    if (facts !== undefined && !NOT_FOR_AN_HOUR.includes(facts.type)) return facts;
  }
  return undefined;
}

/** Parses a control from elsewhere; undefined: it is invalid, or of a newer version. */
export function readControl(text: string): Control | undefined {
  let raw: Partial<Record<keyof Control, unknown>>;
  try {
    raw = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { id, tenant, name, value, reason, by, atMs, untilMs, keptUntilMs = untilMs } = raw ?? {};
  const texts = [id, tenant, name, reason, by].every((one) => typeof one === 'string');
  if (!texts || ![atMs, untilMs, keptUntilMs].every(Number.isSafeInteger)) return undefined;
  const control = raw as Control;
  if (tenant !== '' && tenantIdFault(control.tenant) !== undefined) return undefined;
  if (value === null) return control;
  if (name === MODE) return MODES.includes(value as Mode) ? control : undefined;
  if (tenant === '' && isGuard(control.name)) return readStanding(value) === undefined ? undefined : control;
  if (tenant === '' && name === GUARD_MODE)
    return GUARD_MODES.includes(value as GuardMode) ? control : undefined;
  if (tenant === '' && isPanicName(control.name)) return isPart(value) ? control : undefined;
  if (tenant === '') return name === RELOAD ? control : undefined;
  const facts = limitFacts(control.name);
  return facts !== undefined && 'value' in readLimit(facts, value) ? control : undefined;
}

/** The mode of tenants without one of their own; undefined: as configured. */
export function globalMode(controls: Iterable<Control>): Mode | undefined {
  for (const { tenant, name, value } of controls) {
    if (tenant === '' && name === MODE && value !== null) return value as Mode;
  }
  return undefined;
}

/** `mayAdd`: tenants that no document names are added; otherwise a control must not make a tenant known. */
export function overlay(snapshot: Snapshot, controls: Iterable<Control>, mayAdd: boolean): Snapshot {
  const byTenant = new Map<string, Control[]>();
  for (const control of controls) {
    const { tenant, value } = control;
    if (tenant === '' || value === null || (!mayAdd && !snapshot.tenants.has(tenant))) continue;
    byTenant.set(tenant, [...(byTenant.get(tenant) ?? []), control]);
  }
  if (byTenant.size === 0) return snapshot;
  const tenants = new Map(snapshot.tenants);
  const digest = createHash('sha256').update(snapshot.hash);
  for (const [tenant, its] of [...byTenant].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const named = (table: LimitTable): Map<string, unknown> =>
      new Map(its.filter(({ name }) => Object.hasOwn(table, name)).map(({ name, value }) => [name, value]));
    const [mimir, edge] = [named(MIMIR_LIMITS), named(EDGE_LIMITS)];
    tenants.set(tenant, tenantLimits(snapshot.tenants.get(tenant) ?? snapshot.defaults, mimir, edge));
    digest.update(JSON.stringify([tenant, [...mimir].sort(), [...edge].sort()]));
  }
  const { defaults, documents } = snapshot;
  return Object.freeze({ defaults, tenants, hash: digest.digest('hex').slice(0, 16), documents });
}
