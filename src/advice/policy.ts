/**
 * How limits are to be chosen, for tenants whose id a pattern matches: the first policy that matches holds, and what it does
 * not say is as in DEFAULT_POLICY.
 */
import { nearestName } from '../limits/values.js';

/** What is advised: limits of Mimir, then of the edge alone. */
export const ADVISED_LIMITS = [
  'ingestion_rate',
  'ingestion_burst_size',
  'ingestion_burst_factor',
  'request_rate',
  'request_burst_size',
  'max_global_series_per_user',
  'max_active_series_per_user',
  'max_global_series_per_metric',
  'max_label_names_per_series',
  'bytes_per_second',
  'bytes_burst_size',
  'max_series_per_request',
] as const;
export type AdvisedLimit = (typeof ADVISED_LIMITS)[number];

export const ROUNDINGS = ['exact', 'size classes', 'two digits'] as const;
export type Rounding = (typeof ROUNDINGS)[number];

export interface Policy {
  /** What it is called in advice: a tier, such as gold. */
  readonly name: string;
  /** Of tenant ids; `*` stands for any characters. */
  readonly tenants: readonly string[];
  /** How many hours of the history may have refusals. One of the two is in force. */
  readonly refusedHoursAtMost: number;
  /** In per cent of the hours; undefined: `refusedHoursAtMost` holds. */
  readonly percentile: number | undefined;
  /** 0.2 is a fifth above what was there. */
  readonly margin: number;
  readonly floor: Bounds;
  readonly ceiling: Bounds;
  readonly round: Rounding;
  /** What would change by less than this part stays as it is. */
  readonly hysteresis: number;
  readonly neverLower: boolean;
  /** Seconds of rate that a burst may have; undefined: whatever has the least exposure. */
  readonly burstAtMost: number | undefined;
  readonly enabledLimits: readonly AdvisedLimit[];
}

export type Bounds = Readonly<Partial<Record<AdvisedLimit, number>>>;

export const DEFAULT_POLICY: Policy = {
  name: 'default',
  tenants: ['*'],
  refusedHoursAtMost: 0,
  percentile: undefined,
  margin: 0.2,
  floor: {},
  ceiling: {},
  round: 'two digits',
  hysteresis: 0.1,
  neverLower: false,
  burstAtMost: undefined,
  enabledLimits: ADVISED_LIMITS,
};

export function policyFor(policies: readonly Policy[], tenant: string): Policy {
  return policies.find(({ tenants }) => matchesAny(tenants, tenant)) ?? DEFAULT_POLICY;
}

export function matchesAny(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) => matches(pattern, text));
}

/** Without a regular expression: no pattern makes it slow. */
function matches(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return pattern === text;
  if (!text.startsWith(first) || text.length < first.length + last.length) return false;
  let from = first.length;
  for (const part of rest) {
    const at = text.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return text.endsWith(last) && text.length - last.length >= from;
}

/** What is wrong, and where in the list it is. */
export interface PolicyProblem {
  readonly expected: string;
  readonly at: readonly (string | number)[];
}

/** A list of policies out of plain data, as YAML gives it. */
export function readPolicies(raw: unknown): readonly Policy[] | PolicyProblem {
  if (!Array.isArray(raw)) return { expected: 'a list of policies', at: [] };
  const policies: Policy[] = [];
  for (const [index, one] of raw.entries()) {
    const read = readPolicy(one, index);
    if ('expected' in read) return { ...read, at: [index, ...read.at] };
    policies.push(read);
  }
  return policies;
}

type Field = (raw: unknown) => Partial<Policy> | PolicyProblem;

const problem = (expected: string, ...at: (string | number)[]): PolicyProblem => ({ expected, at });

const FIELDS: Readonly<Record<string, Field>> = {
  name: (raw) => (isText(raw) ? { name: raw } : problem('a name')),
  tenants: (raw) => {
    const tenants = typeof raw === 'string' ? [raw] : raw;
    if (!Array.isArray(tenants) || tenants.length === 0 || !tenants.every(isText))
      return problem('a pattern of tenant ids such as team-*, or a list of them');
    return { tenants };
  },
  percentile: (raw) => number(raw, 1, 100, 'a number from 1 to 100', (percentile) => ({ percentile })),
  refused_hours_at_most: (raw) =>
    number(raw, 0, 840, 'a number of hours from 0 to 840', (refusedHoursAtMost) => ({ refusedHoursAtMost })),
  margin: (raw) => share(raw, 10, (margin) => ({ margin })),
  hysteresis: (raw) => share(raw, 1, (hysteresis) => ({ hysteresis })),
  floor: (raw) => bounds(raw, (floor) => ({ floor })),
  ceiling: (raw) => bounds(raw, (ceiling) => ({ ceiling })),
  round: (raw) => {
    const round = ROUNDINGS.find((one) => one === raw);
    return round === undefined ? problem(`one of ${ROUNDINGS.join(', ')}`) : { round };
  },
  never_lower: (raw) => (typeof raw === 'boolean' ? { neverLower: raw } : asBoolean(raw)),
  burst_at_most: (raw) =>
    number(raw, 1, 3600, 'seconds of rate from 1 to 3600', (burstAtMost) => ({ burstAtMost })),
  enabled_limits: (raw) => {
    if (!Array.isArray(raw)) return problem('a list of limits');
    const unknown = raw.findIndex((one) => !isAdvised(one));
    if (unknown >= 0) return problem(limitExpected(raw[unknown]), unknown);
    return { enabledLimits: raw as AdvisedLimit[] };
  },
};

export const POLICY_FIELDS = Object.keys(FIELDS);

function readPolicy(raw: unknown, index: number): Policy | PolicyProblem {
  if (!isMap(raw)) return problem(`a map with ${POLICY_FIELDS.join(', ')}`);
  let policy: Policy = { ...DEFAULT_POLICY, name: `policy ${index + 1}` };
  for (const [name, value] of Object.entries(raw)) {
    const read = Object.hasOwn(FIELDS, name) ? FIELDS[name]?.(value) : undefined;
    if (read === undefined) {
      const nearest = nearestName(name, POLICY_FIELDS);
      const hint = nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
      return problem(`one of ${POLICY_FIELDS.join(', ')}${hint}`, name);
    }
    if ('expected' in read) return { ...read, at: [name, ...read.at] };
    policy = { ...policy, ...read };
  }
  return checkTogether(raw, policy);
}

function checkTogether(raw: object, policy: Policy): Policy | PolicyProblem {
  if (!('tenants' in raw)) return problem('tenants: which ones it is for');
  if ('percentile' in raw && 'refused_hours_at_most' in raw)
    return problem('either percentile or refused_hours_at_most, not both', 'percentile');
  const crossed = ADVISED_LIMITS.find(
    (limit) => (policy.floor[limit] ?? 0) > (policy.ceiling[limit] ?? Infinity),
  );
  if (crossed !== undefined) return problem('a floor that is not above its ceiling', 'floor', crossed);
  return policy;
}

function number(
  raw: unknown,
  min: number,
  max: number,
  expected: string,
  put: (value: number) => Partial<Policy>,
): Partial<Policy> | PolicyProblem {
  const value = typeof raw === 'string' && raw.trim() !== '' ? Number(raw) : raw;
  return typeof value === 'number' && value >= min && value <= max ? put(value) : problem(expected);
}

/** `20%` or 0.2. */
function share(
  raw: unknown,
  max: number,
  put: (value: number) => Partial<Policy>,
): Partial<Policy> | PolicyProblem {
  const text = String(raw).trim();
  const value = /^[\d.]+ ?%$/.test(text) ? Number.parseFloat(text) / 100 : Number(text);
  return text !== '' && value >= 0 && value <= max
    ? put(value)
    : problem(`a part such as 20% or 0.2, at most ${max * 100}%`);
}

function bounds(raw: unknown, put: (value: Bounds) => Partial<Policy>): Partial<Policy> | PolicyProblem {
  if (!isMap(raw)) return problem('a map of limits and numbers');
  const read: Partial<Record<AdvisedLimit, number>> = {};
  for (const [name, given] of Object.entries(raw)) {
    if (!isAdvised(name)) return problem(limitExpected(name), name);
    const value = Number(given);
    if (!(value >= 0 && value < Infinity) || given === null || given === '') return problem('a number', name);
    read[name] = value;
  }
  return put(read);
}

function asBoolean(raw: unknown): Partial<Policy> | PolicyProblem {
  if (raw === 'true' || raw === 'false') return { neverLower: raw === 'true' };
  return problem('true or false');
}

function limitExpected(name: unknown): string {
  const nearest = nearestName(String(name), ADVISED_LIMITS);
  return `one of ${ADVISED_LIMITS.join(', ')}${nearest === undefined ? '' : ` (did you mean ${nearest}?)`}`;
}

function isAdvised(name: unknown): name is AdvisedLimit {
  return (ADVISED_LIMITS as readonly unknown[]).includes(name);
}

function isText(raw: unknown): raw is string {
  return typeof raw === 'string' && raw !== '';
}

function isMap(raw: unknown): raw is Readonly<Record<string, unknown>> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}
