/** The memory that one push holds of what all may: for whom, how much, and what is said where there is no room. */
import type { Reason } from '../../enforce/reasons.js';
import { edgeOverloaded, overShare, type Sentence } from '../../enforce/sentences.js';
import type { Overrun, SharedBudget } from '../shared-budget.js';

export class HeldBytes {
  /** Undefined: it is not known yet. To be set before any are held. */
  tenant: string | undefined;
  readonly address: string;
  readonly #budget: SharedBudget;
  #bytes = 0;
  #overrun: Overrun = 'all';

  constructor(budget: SharedBudget, address: string) {
    this.#budget = budget;
    this.address = address;
  }

  get bytes(): number {
    return this.#bytes;
  }

  hasRoomFor(bytes: number): boolean {
    return this.#noted(this.#budget.overrun(this, bytes));
  }

  readonly reserve = (bytes: number): boolean => {
    if (!this.#noted(this.#budget.reserve(this, bytes))) return false;
    this.#bytes += bytes;
    return true;
  };

  /** Gives back what is more than `bytes`. */
  releaseTo(bytes: number): void {
    this.#budget.release(this, this.#bytes - bytes);
    this.#bytes = bytes;
  }

  /**
   * Why there was no room. What is too much of one sender is no matter of the edge's: nobody should send it past the
   * edge.
   */
  reason(): Reason {
    return this.#overrun === 'all' ? 'edge_overloaded' : 'edge_body_share';
  }

  sentence(): Sentence {
    const { all, tenantCapacity, addressCapacity } = this.#budget;
    switch (this.#overrun) {
      case 'all':
        return edgeOverloaded(all.used, all.capacity);
      case 'tenant': {
        const held = this.#budget.ofTenant(this.tenant ?? '');
        return overShare('this tenant', held, tenantCapacity, 'push.tenant_share');
      }
      case 'address': {
        const held = this.#budget.ofAddress(this.address);
        return overShare('this address', held, addressCapacity, 'push.address_share');
      }
    }
  }

  #noted(overrun: Overrun | undefined): boolean {
    this.#overrun = overrun ?? this.#overrun;
    return overrun === undefined;
  }
}
