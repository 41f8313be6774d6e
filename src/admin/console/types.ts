/** What the API answers, as far as the page reads it; openapi.json has the whole. */

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
  readonly state: AddressState;
  readonly sinceSeconds: number;
  /** In the last ten seconds. */
  readonly answered: number;
  readonly failed: number;
  readonly lastFailure: { readonly message: string; readonly secondsAgo: number } | null;
  readonly sentTo: 'in' | 'out' | 'probing';
  readonly backInSeconds: number | null;
  readonly underWay: number;
}

export interface Status {
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
    } | null;
    readonly admission: {
      readonly mode: 'observe' | 'act';
      readonly limit: number | null;
      readonly inFlight: number;
      readonly waiting: number;
    } | null;
  };
  readonly bytesInFlight: { readonly used: number; readonly capacity: number };
  readonly requestsInFlight: number;
  readonly replicas: number;
  readonly ledger: {
    readonly state: 'up' | 'degraded';
    readonly sinceSeconds: number;
    readonly lastError: { readonly message: string } | null;
  } | null;
  readonly overrides: {
    readonly sources: readonly {
      readonly name: string;
      readonly up: boolean;
      readonly error: string | null;
    }[];
    readonly loaded: boolean;
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

export interface LimitUse {
  readonly limit: string;
  readonly allowed: number;
  readonly observed: number;
  readonly ratio: number;
}

/** Pushes refused whole; samples and series in them, and those left out of others. */
export interface Loss {
  readonly pushes: number;
  readonly samples: number;
  readonly series: number;
}

export type Losses = Readonly<Record<string, Loss>>;

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
}

export interface Tenants {
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
  readonly tenant: string | null;
  readonly reason: string;
  readonly shadow: boolean;
  readonly count: number;
  readonly message: string;
  readonly observed: number | null;
  readonly allowed: number | null;
}

export interface Tenant extends TenantRow {
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
    readonly perSecond: Readonly<Record<'pushes' | 'samples' | 'items' | 'bytes', readonly number[]>>;
    readonly activeSeries: readonly number[];
    readonly lostSamplesPerSecond: Readonly<Record<string, readonly number[]>>;
    readonly shadowLostSamplesPerSecond: Readonly<Record<string, readonly number[]>>;
    readonly refusedPerSecond: Readonly<Record<string, readonly number[]>>;
    readonly shadowedPerSecond: Readonly<Record<string, readonly number[]>>;
    /** What each limit was, from when on. */
    readonly limits: Readonly<Record<string, readonly LimitStep[]>>;
    readonly changes: readonly LimitChange[];
  };
  readonly topMetrics: Readonly<Record<'active' | 'new', readonly TopMetric[]>>;
  readonly controls: readonly Control[];
  readonly denials: readonly Denial[];
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
  readonly from: 'here' | 'fleet' | 'time' | 'overrides';
  readonly action: string;
  readonly tenant: string | null;
  readonly name: string;
  readonly before: Value;
  readonly after: Value;
  readonly reason: string;
  readonly until: string | null;
}

export interface Reason {
  readonly name: string;
  readonly status: number;
  readonly meaning: string;
  readonly remedy: string;
}

export interface Written {
  readonly scope: 'fleet' | 'part' | 'replica';
  readonly note: string;
}
