/**
 * Series that the store has refused lately, of all tenants: what is remembered here is refused again without asking. A
 * table of fixed size in plain memory, made with the first refusal: what does not fit pushes out what is oldest, and is
 * asked for again.
 */
import { randomBytes } from 'node:crypto';
import { REFUSED_METRIC, REFUSED_TENANT, ROW_WORDS, type RowList } from './series-rows.js';

/** 1.5 MB. */
const SLOTS = 131_072;
/** A series has its place in one of so many slots that lie side by side. */
const WAYS = 4;
/** Two words of the hash, and the second until which it is remembered. */
const SLOT_WORDS = 3;
/** Remembered for so long, and for up to twice as long by the series: so that not all are asked for at one time. */
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

/** What is remembered for one reason of one tenant. It is forgotten all at once, by another salt. */
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

/** What holds while refusals do: with another of these each series is asked for anew. */
interface RefusalTerms {
  readonly mostOfTenant: number;
  readonly mostOfMetric: number;
  /** Of the generation. Within one the store only ever knows more series. */
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

  /** Refusals hold under these terms; those under others do not any more. */
  under(terms: RefusalTerms): void {
    const { mostOfTenant, mostOfMetric, mark } = this.#terms;
    const isSame =
      terms.mostOfTenant === mostOfTenant && terms.mostOfMetric === mostOfMetric && terms.mark === mark;
    if (isSame) return;
    this.#terms = terms;
    this.#ofTenant.forget();
    this.#ofMetric.forget();
  }

  /** So many series the store has by now: with fewer than there may be, nothing is refused for the tenant's limit. */
  hear(total: number): void {
    if (total < this.#terms.mostOfTenant) this.#ofTenant.forget();
  }

  /**
   * What the store has said of each row. Of a push that was refused whole a metric may have been full by its own rows,
   * and below its limit a tenant is by rows that did not come in either.
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

  /** The outcomes of rows that are remembered, 0 for others. Undefined: none is. */
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
