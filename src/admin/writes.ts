/** What the API changes: modes, limits and the part of all rates, for a time; and the overrides, read again. */
import { randomUUID } from 'node:crypto';
import { type Control, type ControlValue, limitFacts, MODE, MODES, RELOAD } from '../controls/control.js';
import { MAX_CONTROLS } from '../controls/controls.js';
import { GUARD_MODE, GUARD_MODES, type GuardMode } from '../controls/guard-control.js';
import {
  isPanicName,
  isPart,
  PANIC_CLASSES,
  PANIC_NAMES,
  type PanicClass,
  panicName,
} from '../controls/panic-control.js';
import { wholeTenant } from '../limits/effective.js';
import { EDGE_LIMITS, MIMIR_LIMITS, readLimit, suggest } from '../limits/limit-table.js';
import type { Mode, TenantLimits } from '../limits/limits.js';
import { readDurationMs } from '../limits/values.js';
import type { AuditEntry } from './audit.js';
import type { Edge } from './edge.js';
import { isTenantId } from './listing.js';
import { Problem } from './problem.js';

const MIN_TTL_MS = 1000;
/** What is to stay for longer belongs into the overrides or the settings. */
const MAX_TTL_MS = 30 * 24 * 3600 * 1000;
const MAX_REASON = 500;
/** Long enough for every replica to see it, short enough not to be done again after a restart. */
const RELOAD_TTL_MS = 10_000;

type Fields = Readonly<Record<string, unknown>>;

/** Who asked, and with what. */
export interface WriteRequest {
  readonly who: string;
  readonly body: Fields;
}

/** How long other replicas may take to say that they obey: they look twice a second. */
const OBEY_MS = 2000;

interface Changed {
  /** It is where every replica will read it. */
  readonly shared: boolean;
  readonly before: ControlValue | null;
  readonly after: ControlValue | null;
  readonly until: string | null;
}

export function setMode(
  edge: Edge,
  tenant: string | undefined,
  { who, body }: WriteRequest,
): Promise<object> {
  const { mode, ttl, reason } = fields(body, ['mode', 'ttl', 'reason']);
  if (!MODES.includes(mode as Mode)) throw new Problem(400, `mode is one of ${MODES.join(', ')}`);
  if (tenant !== undefined) checkTenant(edge, tenant);
  return set(edge, { tenant: tenant ?? '', name: MODE, value: mode as Mode, by: who }, ttl, reason);
}

export function setLimit(
  edge: Edge,
  tenant: string,
  name: string,
  { who, body }: WriteRequest,
): Promise<object> {
  const { value, ttl, reason } = fields(body, ['value', 'ttl', 'reason']);
  const limits = checkTenant(edge, tenant);
  const facts = checkLimit(name);
  const read = readLimit(facts, value);
  if (!('value' in read)) throw new Problem(400, `value: ${read.problem}`);
  if (name === 'ingestion_burst_size' && limits.ingestion_burst_factor >= 1) {
    throw new Problem(
      409,
      'this would change nothing: the tenant has ingestion_burst_factor, which beats it; set that',
    );
  }
  return set(edge, { tenant, name, value: read.value as ControlValue, by: who }, ttl, reason);
}

export function setPanic(edge: Edge, { who, body }: WriteRequest): Promise<object> {
  const { factor, class: its, ttl, reason } = fields(body, ['factor', 'class', 'ttl', 'reason']);
  if (!isPart(factor)) {
    throw new Problem(400, 'factor is a number from 0 to 1: the part of their rates that tenants may use');
  }
  const name = panicName(readClass(its));
  return set(edge, { tenant: '', name, value: factor, by: who }, ttl, reason);
}

export function setGuardMode(edge: Edge, { who, body }: WriteRequest): Promise<object> {
  const { mode, ttl, reason } = fields(body, ['mode', 'ttl', 'reason']);
  if (!GUARD_MODES.includes(mode as GuardMode)) {
    throw new Problem(400, `mode is one of ${GUARD_MODES.join(', ')}`);
  }
  return set(edge, { tenant: '', name: GUARD_MODE, value: mode as GuardMode, by: who }, ttl, reason);
}

/** Without a class: of all that is set. */
export async function endPanic(edge: Edge, { who, body }: WriteRequest): Promise<object> {
  const { class: its, reason } = fields(body, ['class', 'reason']);
  const wanted = readClass(its);
  const names = wanted === undefined ? PANIC_NAMES : [panicName(wanted)];
  const set = names.filter((name) => edge.controls.get('', name) !== undefined);
  const written = [];
  for (const name of set) {
    written.push(await takeBack(edge, undefined, name, { who, body: { reason: reason ?? '' } }));
  }
  const [first] = written;
  if (first === undefined) throw new Problem(404, 'no panic is set for a time here');
  return first;
}

function readClass(its: unknown): PanicClass | undefined {
  if (its === undefined || its === null) return undefined;
  if (PANIC_CLASSES.includes(its as PanicClass)) return its as PanicClass;
  throw new Problem(400, `class is one of ${PANIC_CLASSES.join(', ')}, or left out: all but critical`);
}

export function takeBack(
  edge: Edge,
  tenant: string | undefined,
  name: string,
  { who, body }: WriteRequest,
): Promise<object> {
  const { reason } = fields(body, ['reason']);
  if (tenant !== undefined && name !== MODE) checkLimit(name);
  const control = edge.controls.get(tenant ?? '', name);
  if (control === undefined) throw new Problem(404, 'nothing is set for a time here');
  const { untilMs } = control;
  return write(edge, 'take back', {
    tenant: tenant ?? '',
    name,
    value: null,
    by: who,
    reason: reasonOf(reason, ''),
    untilMs,
  });
}

export async function reload(edge: Edge, { who, body }: WriteRequest): Promise<object> {
  const { reason } = fields(body, ['reason']);
  const untilMs = Date.now() + RELOAD_TTL_MS;
  const changed = await change(edge, 'reload', {
    tenant: '',
    name: RELOAD,
    value: true,
    by: who,
    reason: reasonOf(reason, ''),
    untilMs,
  });
  const problem = await edge.reload();
  const { hash } = edge.status().overrides;
  return { ...(await whenObeyed(edge, changed)), problem: problem ?? null, hash };
}

function set(
  edge: Edge,
  control: Pick<Control, 'tenant' | 'name' | 'value' | 'by'>,
  ttl: unknown,
  reason: unknown,
): Promise<object> {
  const ttlMs = readDurationMs(ttl);
  if (ttlMs === undefined || ttlMs < MIN_TTL_MS || ttlMs > MAX_TTL_MS) {
    throw new Problem(400, 'ttl is a duration from 1s to 30d, such as 30m: what is set here ends by itself');
  }
  // The kill switch always has a place.
  const isNew = control.tenant !== '' && edge.controls.get(control.tenant, control.name) === undefined;
  if (isNew && edge.controls.full) {
    throw new Problem(409, `${MAX_CONTROLS} controls are in force: take some back first`);
  }
  return write(edge, 'set', {
    ...control,
    reason: reasonOf(reason),
    untilMs: Date.now() + Math.floor(ttlMs),
  });
}

async function write(
  edge: Edge,
  action: AuditEntry['action'],
  control: Omit<Control, 'id' | 'atMs'>,
): Promise<object> {
  return whenObeyed(edge, await change(edge, action, control));
}

async function change(
  edge: Edge,
  action: AuditEntry['action'],
  control: Omit<Control, 'id' | 'atMs'>,
): Promise<Changed> {
  const { tenant, name, value, reason, by, untilMs } = control;
  const id = randomUUID();
  const before = inForce(edge, tenant, name);
  const until = new Date(untilMs).toISOString();
  const entry: AuditEntry = {
    at: new Date().toISOString(),
    who: by,
    from: 'here',
    action,
    tenant: tenant || null,
    name,
    before,
    after: value,
    reason,
    until: value === null ? null : until,
    id,
  };
  try {
    edge.audit.add(entry);
  } catch (error) {
    throw new Problem(503, `nothing was changed: the audit log can not be written (${String(error)})`);
  }
  const shared = await edge.controls.write({ ...control, id });
  return { shared, before, after: inForce(edge, tenant, name), until: entry.until };
}

/** Waits for the workers and for other replicas, though not for those that hang. */
async function whenObeyed(edge: Edge, { shared, ...changed }: Changed): Promise<object> {
  const [workersBehind, behind] = await Promise.all([
    edge.obeyed(),
    shared ? edge.controls.behind(OBEY_MS) : undefined,
  ]);
  const replicasBehind = behind ?? [];
  const scope = behind === undefined ? 'replica' : replicasBehind.length > 0 ? 'part' : 'fleet';
  const late = [
    ...workersBehind.map(
      (worker) => `worker ${worker} does not answer, and obeys when it does or is replaced`,
    ),
    ...replicasBehind.map((name) => `replica ${name} has not said that it obeys`),
  ];
  return {
    scope,
    note: [noteOf(edge, scope), ...late].join('; '),
    workersBehind,
    replicasBehind,
    ...changed,
  };
}

function noteOf(edge: Edge, scope: 'fleet' | 'part' | 'replica'): string {
  if (scope === 'fleet') return 'every replica obeys, restarted ones too, until it ends';
  if (scope === 'part') return 'this replica obeys, and the others but those named here';
  return edge.controls.status().shared
    ? 'this replica obeys now; Redis does not answer, or does not take this, so the others will when it does'
    : 'this replica alone obeys, until it ends or the process does: without Redis replicas share nothing';
}

/** What holds now: a tenant's own, or what it is given. */
function inForce(edge: Edge, tenant: string, name: string): ControlValue | null {
  if (name === RELOAD) return null;
  if (isPanicName(name)) return edge.controls.get('', name)?.value ?? null;
  if (name === GUARD_MODE) return edge.guards.mode;
  if (tenant === '') return edge.mode();
  const state = edge.tenant(tenant);
  if (name === MODE) return state?.mode ?? edge.mode();
  const limits = state?.limits ?? edge.snapshot().defaults;
  return ({ ...limits, ...limits.edge } as unknown as Record<string, ControlValue>)[name] ?? null;
}

function checkTenant(edge: Edge, id: string): TenantLimits {
  if (!isTenantId(id)) throw new Problem(404, 'no tenant can have this id');
  const whole = wholeTenant(id);
  if (whole !== id) {
    throw new Problem(
      404,
      `modes and limits are set for a tenant, whatever its metadata: set it for ${whole}`,
    );
  }
  const limits = edge.snapshot().tenants.get(id);
  if (limits === undefined && !edge.mayAddTenants) {
    throw new Problem(404, 'no overrides document names this tenant, and tenants.unknown is refuse');
  }
  return limits ?? edge.snapshot().defaults;
}

function checkLimit(name: string): NonNullable<ReturnType<typeof limitFacts>> {
  const facts = limitFacts(name);
  if (facts !== undefined) return facts;
  const table = { ...MIMIR_LIMITS, ...EDGE_LIMITS };
  throw new Problem(
    404,
    `there is no limit ${name.slice(0, 60)} to be set for a time${suggest(name, table)}`,
  );
}

function fields<const N extends string>(body: Fields, names: readonly N[]): Partial<Record<N, unknown>> {
  for (const name of Object.keys(body)) {
    if (!names.includes(name as N))
      throw new Problem(400, `there is no field ${name.slice(0, 60)}; known are: ${names.join(', ')}`);
  }
  return body as Partial<Record<N, unknown>>;
}

function reasonOf(reason: unknown, fallback?: string): string {
  const text = reason ?? fallback;
  if (
    typeof text !== 'string' ||
    text.length > MAX_REASON ||
    (fallback === undefined && text.trim() === '')
  ) {
    throw new Problem(400, `reason is a text of at most ${MAX_REASON} characters: why is this done?`);
  }
  return text;
}
