/**
 * Fast paths for the usual numbers in JSON, which are parsed from their digits without making a string. Others take another
 * path.
 */

const DOT = 46;
const ZERO = 48;
const MINUS = 45;

/** A whole number of up to 19 digits, without a sign. */
export class ShortWhole {
  /** The halves of its 64 bits. */
  low = 0;
  high = 0;

  /** Returns where it ends; -1: it is something else. */
  read(json: Uint8Array, start: number): number {
    let at = start;
    let digits = 0;
    let upper = 0;
    let lower = 0;
    // 10 digits and 9.
    for (; ; at++, digits++) {
      const digit = (json[at] ?? 0) - ZERO;
      if (digit < 0 || digit > 9) break;
      if (digits < 10) upper = upper * 10 + digit;
      else lower = lower * 10 + digit;
    }
    if (digits === 0 || digits > 19 || (digits > 1 && json[start] === ZERO)) return -1;
    if (digits <= 10) this.#set(upper, 0);
    else this.#multiply(upper, tenTo(digits - 10), lower);
    return at;
  }

  #set(value: number, above: number): void {
    this.low = value % WORD;
    this.high = above + Math.floor(value / WORD);
  }

  /** `upper` is below 2^34 and `scale` below 2^30, so that no product of their halves exceeds 2^48. */
  #multiply(upper: number, scale: number, lower: number): void {
    const product = Math.floor(upper / HALF) * scale;
    const rest = (upper % HALF) * scale + lower;
    this.#set((product % (WORD / HALF)) * HALF + rest, Math.floor(product / (WORD / HALF)));
  }
}

const WORD = 2 ** 32;
const HALF = 2 ** 17;

/** A decimal fraction of up to 15 digits: digits and power of ten are exact, and so is their quotient. */
export class ShortDecimal {
  value = 0;

  /** Returns where it ends; -1: it is something else. The caller must check that what follows does not belong to it. */
  read(json: Uint8Array, start: number): number {
    const isNegative = json[start] === MINUS;
    const first = isNegative ? start + 1 : start;
    let at = first;
    let value = 0;
    let fraction = -1;
    for (; ; at++) {
      const c = json[at] ?? 0;
      if (c === DOT && fraction < 0 && at > first) {
        fraction = at + 1;
        continue;
      }
      const digit = c - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    const digits = at - first - (fraction < 0 ? 0 : 1);
    const isWhole = fraction < 0;
    const wholeDigits = isWhole ? digits : fraction - 1 - first;
    if (digits === 0 || digits > 15 || fraction === at) return -1;
    if (wholeDigits > 1 && json[first] === ZERO) return -1;
    const positive = isWhole ? value : value / tenTo(at - fraction);
    this.value = isNegative ? -positive : positive;
    return at;
  }
}

/** Written as literals, so that they are exact. */
const POWERS = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

function tenTo(power: number): number {
  return POWERS[power] ?? Number.NaN;
}
