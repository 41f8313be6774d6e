/**
 * Series of all tenants that the store has refused lately; they are refused again without asking. The table has a fixed
 * size in plain memory, made with the first refusal; when it is full, the oldest entries are replaced, and asked for again.
 */
import { randomBytes } from 'node:crypto';
import { REFUSED_METRIC, REFUSED_TENANT, ROW_WORDS, type RowList } from './series-rows.js';

/** 1.5 MB. */
const SLOTS = 131_072;
/** A series is stored in one of this many adjacent slots. */
const WAYS = 4;
/** Two words of the hash, and the second until which the entry is valid. */
const SLOT_WORDS = 3;
/**
 * An entry is valid this long or up to twice as long, depending on the series, so that not all are asked for again at the
 * same time.
 */
export const REMEMBERED_SECONDS = 15;

export class RefusedSeries {
  #slots: Uint32Array | undefined;

  remember(low: number, high: number, nowSeconds: number): void {
    this.#slots ??= new Uint32Array(SLOTS * SLOT_WORDS);
    const slots = this.#slots;
    let oldest = firstSlot(low);
    for (let way = 0, at = oldest; way < WAYS; way++, at += SLOT_WORDS) {
      if (slots[at] === low && slots[at + 1] === high) {
        oldest = at;
        break;
      }
      if ((slots[at + 2] ?? 0) < (slots[oldest + 2] ?? 0)) oldest = at;
    }
    slots[oldest] = low;
    slots[oldest + 1] = high;
    slots[oldest + 2] = nowSeconds + REMEMBERED_SECONDS + (high % REMEMBERED_SECONDS);
  }

  has(low: number, high: number, nowSeconds: number): boolean {
    const slots = this.#slots;
    if (slots === undefined) return false;
    for (let way = 0, at = firstSlot(low); way < WAYS; way++, at += SLOT_WORDS) {
      if (slots[at] === low && slots[at + 1] === high) return (slots[at + 2] ?? 0) > nowSeconds;
    }
    return false;
  }
}

function firstSlot(low: number): number {
  return (low % (SLOTS / WAYS)) * WAYS * SLOT_WORDS;
}

/** What is remembered for one reason of one tenant. Changing the salt forgets all of it at once. */
class Refusals {
  readonly #all: RefusedSeries;
  #low = 0;
  #high = 0;
  #isEmpty = true;

  constructor(all: RefusedSeries) {
    this.#all = all;
  }

  forget(): void {
    this.#isEmpty = true;
  }

  remember(low: number, high: number, nowSeconds: number): void {
    if (this.#isEmpty) {
      const salt = randomBytes(8);
      this.#low = salt.readUInt32LE(0);
      this.#high = salt.readUInt32LE(4);
      this.#isEmpty = false;
    }
    this.#all.remember((low ^ this.#low) >>> 0, (high ^ this.#high) >>> 0, nowSeconds);
  }

  has(low: number, high: number, nowSeconds: number): boolean {
    if (this.#isEmpty) return false;
    return this.#all.has((low ^ this.#low) >>> 0, (high ^ this.#high) >>> 0, nowSeconds);
  }
}

/** The conditions under which refusals stay valid: when one changes, each series is asked for anew. */
interface RefusalTerms {
  readonly mostOfTenant: number;
  readonly mostOfMetric: number;
  /** The generation's mark. Within a generation the store only learns of more series. */
  readonly mark: number;
}

export class RefusedOfTenant {
  readonly #ofTenant: Refusals;
  readonly #ofMetric: Refusals;
  #terms: RefusalTerms = { mostOfTenant: 0, mostOfMetric: 0, mark: 0 };

  constructor(all: RefusedSeries) {
    this.#ofTenant = new Refusals(all);
    this.#ofMetric = new Refusals(all);
  }

  /** Sets the current terms; refusals under other terms become invalid. */
  under(terms: RefusalTerms): void {
    const { mostOfTenant, mostOfMetric, mark } = this.#terms;
    const isSame =
      terms.mostOfTenant === mostOfTenant && terms.mostOfMetric === mostOfMetric && terms.mark === mark;
    if (isSame) return;
    this.#terms = terms;
    this.#ofTenant.forget();
    this.#ofMetric.forget();
  }

  /** The store's current number of series: below the limit, nothing is refused for the tenant's limit. */
  hear(total: number): void {
    if (total < this.#terms.mostOfTenant) this.#ofTenant.forget();
  }

  /**
   * Remembers the store's outcome for each row. If a push was refused whole, a metric may have been full only by the push's
   * own rows, and the tenant may be below its limit, because none of them was added.
   */
  remember(rows: RowList, outcomes: Uint8Array, total: number, allOrNothing: boolean, nowMs: number): void {
    const isFull = total >= this.#terms.mostOfTenant;
    const nowSeconds = Math.floor(nowMs / 1000);
    const words = rows.rows();
    for (let row = 0; row < outcomes.length; row++) {
      const low = words[row * ROW_WORDS] ?? 0;
      const high = words[row * ROW_WORDS + 1] ?? 0;
      if (outcomes[row] === REFUSED_TENANT && isFull) this.#ofTenant.remember(low, high, nowSeconds);
      if (outcomes[row] === REFUSED_METRIC && !allOrNothing) this.#ofMetric.remember(low, high, nowSeconds);
    }
  }

  /** The outcomes of remembered rows, 0 for others. Undefined: none is remembered. */
  find(rows: RowList, nowMs: number): Uint8Array | undefined {
    const nowSeconds = Math.floor(nowMs / 1000);
    const words = rows.rows();
    let outcomes: Uint8Array | undefined;
    for (let row = 0; row < rows.length; row++) {
      const low = words[row * ROW_WORDS] ?? 0;
      const high = words[row * ROW_WORDS + 1] ?? 0;
      const outcome = this.#ofTenant.has(low, high, nowSeconds)
        ? REFUSED_TENANT
        : this.#ofMetric.has(low, high, nowSeconds)
          ? REFUSED_METRIC
          : 0;
      if (outcome === 0) continue;
      outcomes ??= new Uint8Array(rows.length);
      outcomes[row] = outcome;
    }
    return outcomes;
  }
}
