/** All that views share, in one place. Views read it; main.tsx writes it. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Route } from './route.js';
import type { AuditEntry, Denial, Reason, Status } from './types.js';

export const RANGES = ['1m', '5m', '15m', '1h', '24h'] as const;

export interface State {
  readonly route: Route;
  readonly connection: 'connecting' | 'live' | 'lost';
  readonly lastEventAt: Date | undefined;
  /** The API wants a token for reading, or another one. */
  readonly needsToken: boolean;
  readonly hasToken: boolean;
  readonly status: Status | undefined;
  readonly denials: readonly Denial[];
  readonly audit: readonly AuditEntry[];
  readonly reasons: ReadonlyMap<string, Reason>;
  /** What could not be read anew, by its path: it is shown as it was. */
  readonly stale: ReadonlyMap<string, Stale>;
  /** Grows with each word from the edge: whoever shows what it does not push reads it again. */
  readonly tick: number;
  readonly dialog: Change | undefined;
}

export interface Stale {
  readonly problem: Error;
  readonly readAt: Date;
}

/** What views may ask for. */
export interface Actions {
  /** Other parameters of this view, in place of those that are named. */
  params(params: Readonly<Record<string, string>>): void;
  token(text: string): void;
  /** A path was read, or not; `readAt`: what is shown of it is of then. Undefined: nothing of it is shown. */
  stale(path: string, problem: Error | undefined, readAt: Date | undefined): void;
  change(change: Change): void;
  closeDialog(): void;
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
  | { readonly kind: 'panic' }
  /** Whether guards act or observe: the other than it is. */
  | { readonly kind: 'guards'; readonly mode: 'observe' | 'act' }
  | { readonly kind: 'reload' };

export interface App {
  readonly state: State;
  readonly actions: Actions;
}

export const AppContext = createContext<App | undefined>(undefined);

export function useApp(): App {
  const app = useContext(AppContext);
  if (app === undefined) throw new Error('a view is shown outside of the page');
  return app;
}
