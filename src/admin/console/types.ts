/** What the API answers, as far as the page reads it; openapi.json has the whole. */

import type { Loss } from '../../base/amounts.js';

export type Mode = 'enforce' | 'shadow' | 'off';
export type Value = string | number | boolean | null;

export interface Control {
  readonly tenant: string | null;
  readonly name: string;
  readonly value: Value;
  readonly reason: string;
  readonly by: string;
  readonly at: string;
  readonly until: string;
}

/** Idle: nothing was asked of it lately, so nobody knows. */
export type AddressState = 'idle' | 'well' | 'failing' | 'down';

export interface Address {
  readonly address: string;
  readonly zone: string;
  readonly state: AddressState;
  readonly sinceSeconds: number;
  /** In the last ten seconds. */
  readonly answered: number;
  readonly failed: number;
  readonly lastFailure: { readonly message: string; readonly secondsAgo: number } | null;
  readonly sentTo: 'in' | 'out' | 'probing';
  readonly backInSeconds: number | null;
  readonly underWay: number;
  /** Items that it may have under way, and how soon it answers beside what is usual. */
  readonly limit: number | null;
  readonly gradient: number | null;
}

export type Level = 'quiet' | 'good' | 'near' | 'bad';

export interface Part {
  readonly level: Level;
  readonly figure: string;
  readonly note: string;
}

export interface Verdict {
  readonly level: Level;
  readonly faults: readonly ('edge' | 'mimir' | 'tenants')[];
  readonly title: string;
  readonly mimir: Part;
  readonly edge: Part;
  readonly tenants: Part & { readonly losing: number; readonly near: number; readonly inShadow: number };
  readonly problems: readonly {
    readonly of: 'edge' | 'mimir' | 'tenants';
    readonly level: 'near' | 'bad';
    readonly text: string;
  }[];
}

export interface Ledger {
  readonly state: 'up' | 'degraded';
  readonly sinceSeconds: number;
  readonly partsDown: number;
  readonly parts: number;
  readonly replicas: number;
  readonly buckets: number;
  readonly bucketsAlone: number;
  readonly tokensLeased: number;
  readonly callsInFlight: number;
  readonly calls: number;
  readonly lastError: { readonly message: string; readonly secondsAgo: number } | null;
}

export interface Worker {
  readonly worker: number;
  readonly pid: number | null;
  readonly ready: boolean;
  readonly draining: boolean;
  readonly hangs: boolean;
  readonly requestsInFlight: number;
  readonly limitsHash: string;
  readonly sharedState: 'up' | 'degraded' | null;
}

export interface Status {
  readonly verdict: Verdict;
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly mode: Mode;
  readonly modeSource: 'settings' | 'temporary';
  readonly ready: boolean;
  readonly draining: boolean;
  readonly upstream: {
    readonly state: AddressState;
    readonly addresses: readonly Address[];
    readonly breaker: {
      readonly mode: 'off' | 'observe' | 'act';
      readonly state: 'closed' | 'open' | 'half-open';
      readonly sinceSeconds: number;
      readonly cause: string | null;
      readonly refused: number;
    } | null;
    readonly responses: Readonly<Record<string, number>>;
    readonly failures: number;
    readonly admission: {
      readonly mode: 'observe' | 'act';
      readonly limit: number | null;
      readonly inFlight: number;
      readonly waiting: number;
      readonly waitingBytes: number;
      readonly waited: number;
      readonly turnedAway: number;
    } | null;
  };
  readonly panic: {
    readonly guard: {
      readonly mode: 'observe' | 'act';
      readonly modeSource: 'settings' | 'temporary';
      readonly guards: readonly Guard[];
    };
  };
  readonly bytesInFlight: { readonly used: number; readonly capacity: number };
  readonly requestsInFlight: number;
  readonly replicas: number;
  readonly ledger: Ledger | null;
  readonly workers: {
    readonly wanted: number;
    readonly serving: number;
    readonly restarts: number;
    readonly each: readonly Worker[];
  } | null;
  readonly limitsHash: string;
  readonly overrides: {
    readonly sources: readonly {
      readonly name: string;
      readonly up: boolean;
      readonly error: string | null;
    }[];
    readonly loaded: boolean;
    readonly secondsSinceGood: number;
    readonly lagSeconds: number;
    readonly stale: boolean;
    readonly staleSeconds: number;
    readonly hash: string;
    readonly tenants: number;
    readonly lastError: string | null;
  };
  readonly history: { readonly countersWithoutRoom: number };
  readonly sharing: {
    readonly shared: boolean;
    readonly reachable: boolean;
    readonly lastError: string | null;
  };
  readonly controls: readonly Control[];
}

export interface Guard {
  readonly guard: 'edge' | 'prometheus';
  readonly level: 'calm' | 'recovering' | 'warn' | 'emergency' | 'panic';
  readonly admitted: { readonly critical: number; readonly normal: number; readonly low: number };
  readonly since: string | null;
  readonly cause: string | null;
  readonly rules: readonly {
    readonly rule: string;
    readonly load: number | null;
    readonly error: string | null;
  }[];
}

export interface LimitUse {
  readonly limit: string;
  readonly allowed: number;
  readonly observed: number;
  readonly ratio: number;
}

export type Losses = Readonly<Record<string, Loss>>;

/** Over a range, the oldest first; null: not known. */
export type Points = readonly (number | null)[];

export interface TenantRow {
  readonly id: string;
  readonly mode: Mode;
  readonly pushesPerSecond: number;
  readonly samplesPerSecond: number;
  readonly bytesPerSecond: number;
  readonly activeSeries: number | null;
  readonly lostSamplesPerSecond: number;
  readonly lostSeriesPerSecond: number;
  readonly shadowLostSamplesPerSecond: number;
  readonly refusedPerSecond: number;
  readonly shadowedPerSecond: number;
  readonly lost: Losses;
  readonly shadowLost: Losses;
  readonly limits: readonly LimitUse[];
  readonly utilisation: number | null;
  /** Offered samples a second over the last hour, in bunches. */
  readonly trend?: Points;
}

export interface Tenants {
  readonly scope: Scope;
  readonly range: { readonly name: string; readonly seconds: number };
  readonly totals: {
    readonly tenants: number;
    readonly pushesPerSecond: number;
    readonly samplesPerSecond: number;
    readonly bytesPerSecond: number;
    readonly lostSamplesPerSecond: number;
    readonly lostSeriesPerSecond: number;
    readonly refusedPerSecond: number;
    readonly shadowLostSamplesPerSecond: number;
  };
  readonly withoutTenant: {
    readonly pushesPerSecond: number;
    readonly refused: Readonly<Record<string, number>>;
  };
  readonly matching: number;
  readonly offset: number;
  readonly tenants: readonly TenantRow[];
}

export interface Denial {
  readonly at: string;
  /** That refused it. */
  readonly replica: string;
  readonly tenant: string | null;
  readonly reason: string;
  readonly shadow: boolean;
  readonly count: number;
  readonly message: string;
  readonly observed: number | null;
  readonly allowed: number | null;
}

export interface Tenant extends TenantRow {
  /** Over the last minute. */
  readonly now: TenantRow;
  readonly scope: Scope;
  readonly range: { readonly name: string; readonly seconds: number };
  readonly modeSource: string;
  readonly limitsInForce: readonly {
    readonly name: string;
    readonly value: Value;
    readonly source: 'temporary' | 'overrides' | 'settings' | 'default';
    readonly of: 'mimir' | 'edge';
    readonly changeable: boolean;
    readonly detail: string | null;
  }[];
  readonly history: {
    readonly stepSeconds: number;
    readonly end: string;
    /** When what is known begins; null: the whole range is, or nothing. */
    readonly since: string | null;
    readonly perSecond: Readonly<Record<'pushes' | 'samples' | 'items' | 'bytes', Points>>;
    readonly activeSeries: Points;
    readonly lostSamplesPerSecond: Readonly<Record<string, Points>>;
    readonly shadowLostSamplesPerSecond: Readonly<Record<string, Points>>;
    readonly refusedPerSecond: Readonly<Record<string, Points>>;
    readonly shadowedPerSecond: Readonly<Record<string, Points>>;
    /** What each limit was, from when on. */
    readonly limits: Readonly<Record<string, readonly LimitStep[]>>;
    readonly changes: readonly LimitChange[];
  };
  readonly topMetrics: Readonly<Record<'active' | 'new', readonly TopMetric[]>>;
  readonly controls: readonly Control[];
  readonly denials: readonly Denial[];
}

/** Whom an answer speaks for. */
export interface Scope {
  readonly of: 'fleet' | 'machine';
  readonly replicas: number;
  /** That are alive; those of them that did not answer. */
  readonly known: number;
  readonly silent: readonly string[];
  readonly ageSeconds: number;
  /** Why it does not speak for the whole fleet. */
  readonly note: string | null;
}

export interface Overview {
  readonly scope: Scope;
  readonly verdict: Verdict;
  readonly range: { readonly name: string; readonly seconds: number };
  readonly now: {
    readonly tenants: number;
    readonly pushesPerSecond: number;
    readonly samplesPerSecond: number;
    readonly bytesPerSecond: number;
    readonly lostSamplesPerSecond: number;
    readonly shadowLostSamplesPerSecond: number;
    readonly refusedPerSecond: number;
  };
  readonly history: {
    readonly stepSeconds: number;
    readonly end: string;
    readonly since: string | null;
    readonly offered: Points;
    readonly lost: Points;
    readonly letPass: Points;
    readonly lostByReason: readonly {
      readonly reason: string;
      readonly brief: string;
      readonly samples: number;
      readonly pushes: number;
    }[];
    readonly reasonsOverTime: Readonly<Record<string, Points>>;
  };
  readonly losers: readonly Loser[];
  readonly marks: readonly Mark[];
}

export interface Loser {
  readonly id: string;
  readonly mode: Mode;
  readonly losing: boolean;
  readonly lostSamplesPerSecond: number;
  readonly refusedPerSecond: number;
  readonly samplesPerSecond: number;
  readonly lostSamples: number;
  readonly reasons: readonly (Loss & { readonly reason: string; readonly brief: string })[];
  readonly use: LimitUse | null;
  readonly since: string | null;
  readonly until: string | null;
  readonly spark: Points;
}

export interface Mark {
  readonly at: string;
  readonly kind: string;
  readonly tenants: readonly (string | null)[];
  readonly text: string;
}

export interface LimitStep {
  readonly from: string;
  readonly value: Value;
}

export interface LimitChange {
  readonly at: string;
  readonly limit: string;
  readonly before: Value;
  readonly after: Value;
}

export interface TopMetric {
  readonly name: string | null;
  readonly series: number;
  readonly newSeries: number;
}

export interface AuditEntry {
  readonly at: string;
  readonly who: string;
  readonly from: 'here' | 'fleet' | 'time' | 'overrides' | 'start';
  readonly action: string;
  readonly tenant: string | null;
  readonly name: string;
  readonly before: Value;
  readonly after: Value;
  readonly reason: string;
  readonly until: string | null;
  /** Where it was asked for; null: on one that does not answer now. */
  readonly replica: string | null;
}

export interface Reason {
  readonly name: string;
  readonly status: number;
  readonly brief: string;
  readonly meaning: string;
  readonly remedy: string;
}

export interface Written {
  readonly scope: 'fleet' | 'part' | 'replica';
  readonly note: string;
}

export interface LimitAdvice {
  readonly limit: string;
  readonly current: number | null;
  readonly recommended: number | null;
  readonly direction: 'raise' | 'lower' | 'set' | 'keep' | 'none';
  readonly why: string;
  readonly confidence: string;
}

export interface TenantAdvice {
  readonly tenant: string;
  readonly policy: string;
  readonly basis: {
    readonly hoursWatched: number;
    readonly hoursWithRefusals: number;
    readonly confidence: string;
  };
  readonly limits: readonly LimitAdvice[];
}

export interface AdviceCurve {
  readonly rate: 'ingestion_rate' | 'request_rate' | 'bytes_per_second';
  readonly burst: string;
  readonly windows: readonly number[];
  readonly arrived: readonly (number | null)[];
  readonly current: readonly number[] | null;
  readonly recommended: readonly number[] | null;
}

/** What is kept of a tenant, day by day, the oldest first. */
export interface UsageDays {
  readonly records: readonly {
    readonly start: string;
    readonly coveredSeconds: number;
    readonly offered: Readonly<Record<'items' | 'requests' | 'bytes', number | null>>;
    readonly curves: Readonly<Record<'items' | 'requests' | 'bytes', readonly (number | null)[]>>;
    readonly peaks: { readonly activeSeries: number | null };
  }[];
}

/** Each replica as it says itself. */
interface Times {
  readonly p99Seconds: number;
}

export interface ReplicaSays {
  readonly replica: string;
  readonly level: Level;
  readonly problems: readonly { readonly of: 'edge' | 'mimir'; readonly text: string }[];
  readonly draining: boolean;
  /** Null: there was nothing to measure. */
  readonly pushTimes: Times | null;
  readonly upstream: { readonly times: Times | null };
}

/** One of Mimir's addresses over all replicas. */
export interface FleetAddress {
  readonly address: string;
  readonly zone: string;
  readonly state: AddressState;
  readonly answered: number;
  readonly failed: number;
  readonly underWay: number;
  readonly replicas: readonly {
    readonly replica: string;
    readonly state: AddressState;
    readonly sentTo: Address['sentTo'];
  }[];
}

export interface Replicas {
  readonly scope: Scope;
  readonly replicas: readonly ReplicaSays[];
  readonly addresses: readonly FleetAddress[];
}
