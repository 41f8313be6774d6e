/**
 * How to choose limits for tenants whose id matches a pattern. The first matching policy applies; what it leaves out is
 * taken from DEFAULT_POLICY.
 */
import {
  type FieldProblem,
  type Fields,
  isMap,
  isProblem,
  problem,
  type RecordKind,
  readChoice,
  readNumber,
  readPart,
  readRecords,
  readSwitch,
  readText,
  readTexts,
  unknownName,
} from './fields.js';

/** The limits that advice is given on: Mimir's, then the edge's own. */
const ADVISED_LIMITS = [
  'ingestion_rate',
  'ingestion_burst_size',
  'ingestion_burst_factor',
  'request_rate',
  'request_burst_size',
  'max_global_series_per_user',
  'max_active_series_per_user',
  'max_global_series_per_metric',
  'max_label_names_per_series',
  'max_label_name_length',
  'max_label_value_length',
  'bytes_per_second',
  'bytes_burst_size',
  'max_series_per_request',
] as const;
export type AdvisedLimit = (typeof ADVISED_LIMITS)[number];

const ROUNDINGS = ['exact', 'size classes', 'two digits'] as const;
type Rounding = (typeof ROUNDINGS)[number];

export interface Policy {
  /** Its name in advice: a tier, such as gold. */
  readonly name: string;
  /** Patterns of tenant ids; `*` stands for any characters. */
  readonly tenants: readonly string[];
  /** How many hours of the history may have refusals. Either this or `percentile` applies. */
  readonly refusedHoursAtMost: number;
  /** In percent of the hours; undefined: `refusedHoursAtMost` applies. */
  readonly percentile: number | undefined;
  /** 0.2: a fifth above what was seen. */
  readonly margin: number;
  readonly floor: Bounds;
  readonly ceiling: Bounds;
  readonly round: Rounding;
  /** Changes by less than this fraction are not recommended. */
  readonly hysteresis: number;
  readonly neverLower: boolean;
  /** The burst's limit in seconds of rate; undefined: whatever has the least exposure. */
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

/** The policy names the limit, rather than enabling all of them. */
export function asksFor({ enabledLimits }: Policy, limit: AdvisedLimit): boolean {
  return enabledLimits !== ADVISED_LIMITS && enabledLimits.includes(limit);
}

export function policyFor(policies: readonly Policy[], tenant: string): Policy {
  return policies.find(({ tenants }) => matchesAny(tenants, tenant)) ?? DEFAULT_POLICY;
}

export function matchesAny(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) => matches(pattern, text));
}

/** Without regular expressions, so that no pattern is slow. */
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

/** A list of policies from plain data. */
export function readPolicies(raw: unknown): readonly Policy[] | FieldProblem {
  return readRecords(raw, POLICIES);
}

/** As written in the configuration. */
export function writtenPolicy(policy: Policy): Record<string, unknown> {
  return {
    name: policy.name,
    tenants: policy.tenants,
    ...(policy.percentile === undefined
      ? { refused_hours_at_most: policy.refusedHoursAtMost }
      : { percentile: policy.percentile }),
    margin: policy.margin,
    floor: policy.floor,
    ceiling: policy.ceiling,
    round: policy.round,
    hysteresis: policy.hysteresis,
    never_lower: policy.neverLower,
    ...(policy.burstAtMost !== undefined && { burst_at_most: policy.burstAtMost }),
    enabled_limits: policy.enabledLimits,
  };
}

const FIELDS: Fields<Policy> = {
  name: (raw) => readText(raw, (name) => ({ name })),
  tenants: (raw) =>
    readTexts(raw, 'a pattern of tenant ids such as team-*, or a list of them', (tenants) => ({ tenants })),
  percentile: (raw) => readNumber(raw, [1, 100], 'a number from 1 to 100', (percentile) => ({ percentile })),
  refused_hours_at_most: (raw) =>
    readNumber(raw, [0, 840], 'a number of hours from 0 to 840', (refusedHoursAtMost) => ({
      refusedHoursAtMost,
    })),
  margin: (raw) => readPart(raw, 10, (margin) => ({ margin })),
  hysteresis: (raw) => readPart(raw, 1, (hysteresis) => ({ hysteresis })),
  floor: (raw) => readBounds(raw, (floor) => ({ floor })),
  ceiling: (raw) => readBounds(raw, (ceiling) => ({ ceiling })),
  round: (raw) => readChoice(raw, ROUNDINGS, (round) => ({ round })),
  never_lower: (raw) => readSwitch(raw, (neverLower) => ({ neverLower })),
  burst_at_most: (raw) =>
    readNumber(raw, [1, 3600], 'seconds of rate from 1 to 3600', (burstAtMost) => ({ burstAtMost })),
  enabled_limits: (raw) => {
    if (!Array.isArray(raw)) return problem('a list of limits');
    const unknown = raw.findIndex((one) => !isAdvised(one));
    return unknown < 0
      ? { enabledLimits: raw as AdvisedLimit[] }
      : { expected: unknownName(String(raw[unknown]), ADVISED_LIMITS).expected, at: [unknown] };
  },
};

const POLICIES: RecordKind<Policy> = {
  fields: FIELDS,
  fallback: (index) => ({ ...DEFAULT_POLICY, name: `policy ${index + 1}` }),
  check: (raw, policy) => {
    if (!('tenants' in raw)) return problem('tenants: the tenants that the policy is for');
    if ('percentile' in raw && 'refused_hours_at_most' in raw)
      return problem('either percentile or refused_hours_at_most', 'percentile');
    const crossed = ADVISED_LIMITS.find(
      (limit) => (policy.floor[limit] ?? 0) > (policy.ceiling[limit] ?? Number.POSITIVE_INFINITY),
    );
    return crossed === undefined
      ? policy
      : problem('a floor that is not above its ceiling', 'floor', crossed);
  },
};

function readBounds(raw: unknown, put: (value: Bounds) => Partial<Policy>): Partial<Policy> | FieldProblem {
  if (!isMap(raw)) return problem('a map of limits and numbers');
  const bounds: Partial<Record<AdvisedLimit, number>> = {};
  for (const [name, given] of Object.entries(raw)) {
    if (!isAdvised(name)) return unknownName(name, ADVISED_LIMITS);
    const read = readNumber<{ value: number }>(given, [0, Number.MAX_SAFE_INTEGER], 'a number', (value) => ({
      value,
    }));
    if (isProblem(read)) return { ...read, at: [name] };
    if (read.value !== undefined) bounds[name] = read.value;
  }
  return put(bounds);
}

function isAdvised(name: unknown): name is AdvisedLimit {
  return (ADVISED_LIMITS as readonly unknown[]).includes(name);
}
