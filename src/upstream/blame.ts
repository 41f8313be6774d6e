/**
 * What of the failures of the last seconds an address is to blame for. Of those who send, the one whose pushes fail most may be the
 * cause itself, by what it sends: what became of them can be left out, unless nobody else sends. To count a push that went well costs
 * an increment; who may be left out is looked at when one fails. Time is handed in.
 */

/** Counts are kept for this time, and as long again. */
const PERIOD_MS = 5000;
/** More than these are one. */
const MOST_SENDERS = 100;
const OTHERS = '(others)';

interface Period {
  well: number;
  /** One of those whose pushes went well, and one that is another. */
  wellFor: string | undefined;
  wellForOther: string | undefined;
  failed: number;
  readonly failedBy: Map<string, number>;
}

export interface Blamed {
  readonly requests: number;
  readonly failed: number;
}

export class Blame {
  #now: Period = period();
  #before: Period = period();
  #sinceMs: number;
  /** Of the failures, those that are left out; undefined: not known since something changed. */
  #leftOut: number | undefined;
  /** Failures in a row, and of whom. */
  #row = 0;
  readonly #rowBy = new Map<string, number>();

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  well(sender: string): void {
    const now = this.#now;
    now.well++;
    if (now.wellFor === undefined) {
      now.wellFor = sender;
      this.#leftOut = undefined;
    } else if (now.wellFor !== sender && now.wellForOther === undefined) {
      now.wellForOther = sender;
      this.#leftOut = undefined;
    }
    if (this.#row > 0) this.#endRow();
  }

  failed(sender: string): void {
    const now = this.#now;
    now.failed++;
    count(now.failedBy, sender);
    this.#leftOut = undefined;
    this.#row++;
    count(this.#rowBy, sender);
  }

  /** To be called now and then. */
  tick(nowMs: number): void {
    const passedMs = nowMs - this.#sinceMs;
    if (passedMs < PERIOD_MS) return;
    this.#before = passedMs < 2 * PERIOD_MS ? this.#now : period();
    this.#now = period();
    this.#leftOut = undefined;
    this.#sinceMs = nowMs;
  }

  all(): Blamed {
    const failed = this.#now.failed + this.#before.failed;
    return { requests: failed + this.#now.well + this.#before.well, failed };
  }

  /** Without the sender that may be the cause, and all where nobody else sends. */
  withoutCause(): Blamed {
    const { requests, failed } = this.all();
    if (failed === 0) return { requests, failed };
    const leftOut = this.#failuresOfCause();
    return { requests: requests - leftOut, failed: failed - leftOut };
  }

  /** Nobody but the one that may be the cause sends. */
  hasOneSender(): boolean {
    return this.all().failed > 0 && this.#failuresOfCause() === 0;
  }

  /** So many failed in a row, and of others than the one who had most of them at least two, unless there are no others. */
  inARow(failures: number): boolean {
    if (this.#row < failures) return false;
    return this.#row - Math.max(...this.#rowBy.values()) >= 2 || this.hasOneSender();
  }

  forget(): void {
    this.#now = period();
    this.#before = period();
    this.#endRow();
  }

  #endRow(): void {
    this.#row = 0;
    this.#rowBy.clear();
  }

  /** 0: nobody else sends. */
  #failuresOfCause(): number {
    if (this.#leftOut === undefined) {
      const [worst, failures] = this.#worst();
      this.#leftOut = this.#othersThan(worst) ? failures : 0;
    }
    return this.#leftOut;
  }

  #worst(): readonly [sender: string, failures: number] {
    const all = new Map(this.#before.failedBy);
    for (const [sender, failures] of this.#now.failedBy) all.set(sender, (all.get(sender) ?? 0) + failures);
    let worst: readonly [string, number] = ['', 0];
    for (const one of all) if (one[1] > worst[1]) worst = one;
    return worst;
  }

  #othersThan(sender: string): boolean {
    return [this.#now, this.#before].some(
      ({ wellFor, wellForOther, failedBy }) =>
        wellForOther !== undefined ||
        (wellFor !== undefined && wellFor !== sender) ||
        failedBy.size > (failedBy.has(sender) ? 1 : 0),
    );
  }
}

function period(): Period {
  return { well: 0, wellFor: undefined, wellForOther: undefined, failed: 0, failedBy: new Map() };
}

function count(failures: Map<string, number>, sender: string): void {
  const key = failures.has(sender) || failures.size < MOST_SENDERS ? sender : OTHERS;
  failures.set(key, (failures.get(key) ?? 0) + 1);
}
