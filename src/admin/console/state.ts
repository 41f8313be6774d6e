/** All that the page shows, in one place. Views read it; main.ts writes it. */
import type { AuditEntry, Denial, Reason, Status, Tenant, Tenants } from './types.js';

export const RANGES = ['1m', '5m', '15m', '1h', '24h'] as const;
export type Range = (typeof RANGES)[number];

export interface Table {
  readonly range: Range;
  readonly search: string;
  readonly sort: string;
  readonly order: 'asc' | 'desc';
  readonly offset: number;
}

export const PAGE = 50;

export interface State {
  connection: 'connecting' | 'live' | 'lost';
  lastEventAt: Date | undefined;
  /** The API wants a token for reading, or another one. */
  needsToken: boolean;
  status: Status | undefined;
  tenants: Tenants | undefined;
  denials: readonly Denial[];
  audit: readonly AuditEntry[];
  reasons: ReadonlyMap<string, Reason>;
  table: Table;
  /** Undefined: the overview is shown. */
  tenantId: string | undefined;
  tenant: Tenant | undefined;
  tenantProblem: string | undefined;
  chartRange: '1h' | '24h';
}

/** What views may ask for. */
export interface Actions {
  show(table: Partial<Table>): void;
  chart(range: State['chartRange']): void;
  token(text: string): void;
  change(change: Change): void;
}

/** A change that a person thinks of making. */
export type Change =
  | { readonly kind: 'mode'; readonly tenant: string | null; readonly before: string }
  | { readonly kind: 'limit'; readonly tenant: string; readonly name: string; readonly before: string }
  | {
      readonly kind: 'take back';
      readonly tenant: string | null;
      readonly name: string;
      readonly before: string;
    }
  | { readonly kind: 'reload' };
