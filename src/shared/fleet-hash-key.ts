/**
 * The secret with which all replicas of a store hash series: the first one that was offered. It is offered repeatedly, so
 * that a store that lost its data gets back the one that the fleet already uses.
 */
import { HASH_KEY_BYTES, type HashKey } from '../payload/hash-key.js';

/** The call is not about a tenant. */
const NO_TENANT = '';

export class FleetHashKey {
  readonly #ask: (tenant: string, call: { own: HashKey }) => Promise<HashKey | 'lost'>;
  readonly #changed: (key: HashKey) => void;
  #key: HashKey;

  /** `changed`: the fleet uses another secret than this process started with. */
  constructor(
    own: HashKey,
    ask: (tenant: string, call: { own: HashKey }) => Promise<HashKey | 'lost'>,
    changed: (key: HashKey) => void,
  ) {
    this.#key = own;
    this.#ask = ask;
    this.#changed = changed;
  }

  /** Never rejects. */
  async agree(): Promise<void> {
    const key = await this.#ask(NO_TENANT, { own: this.#key });
    if (key === 'lost' || key.length !== HASH_KEY_BYTES || Buffer.from(key).equals(this.#key)) return;
    this.#key = key;
    this.#changed(key);
  }
}
