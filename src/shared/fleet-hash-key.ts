/**
 * The secret under which series are hashed, as all who share a store have it: the first one that was offered. It is offered
 * again and again, so that a store that lost everything gets back the one that the fleet already uses.
 */
import { HASH_KEY_BYTES, type HashKey } from '../payload/hash-key.js';

/** The call is about no tenant. */
const NO_TENANT = '';

export class FleetHashKey {
  readonly #ask: (tenant: string, call: { own: HashKey }) => Promise<HashKey | 'lost'>;
  readonly #changed: (key: HashKey) => void;
  #key: HashKey;

  /** `changed`: the fleet has another one than this process began with. */
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
