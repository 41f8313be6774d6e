/** Each of Mimir's addresses over all replicas that send to it. */
import type { AddressState } from '../upstream/address-health.js';
import type { AddressView } from './upstream-view.js';

/** Who sends to which addresses. */
export interface Sees {
  readonly replica: string;
  readonly upstream: { readonly addresses: readonly AddressView[] };
}

export interface FleetAddress {
  readonly address: string;
  readonly name: string;
  readonly zone: string;
  readonly state: AddressState;
  readonly answered: number;
  readonly failed: number;
  readonly underWay: number;
  readonly replicas: readonly (Pick<AddressView, 'state' | 'sentTo' | 'answered' | 'failed'> & {
    readonly replica: string;
  })[];
}

/** One row for each address that any of them knows. */
export function addressesOf(replicas: readonly Sees[]): FleetAddress[] {
  const all = new Map<string, { view: AddressView; replica: string }[]>();
  for (const { replica, upstream } of replicas) {
    for (const view of upstream.addresses) {
      const its = all.get(view.address) ?? [];
      its.push({ view, replica });
      all.set(view.address, its);
    }
  }
  return [...all].map(([address, its]) => ({
    address,
    name: its[0]?.view.name ?? '',
    zone: its[0]?.view.zone ?? '',
    state: stateOf(its.map(({ view }) => view.state)),
    answered: its.reduce((sum, { view }) => sum + view.answered, 0),
    failed: its.reduce((sum, { view }) => sum + view.failed, 0),
    underWay: its.reduce((sum, { view }) => sum + view.underWay, 0),
    replicas: its.map(({ view: { state, sentTo, answered, failed }, replica }) => ({
      replica,
      state,
      sentTo,
      answered,
      failed,
    })),
  }));
}

/** Where some find it well and others down, it is failing. */
function stateOf(states: readonly AddressState[]): AddressState {
  const known = new Set(states.filter((state) => state !== 'idle'));
  const [one = 'idle'] = known;
  return known.size > 1 ? 'failing' : one;
}
