/** Reads parameters of a request's URL. What is wrong is answered 400, and so is a parameter that nobody knows. */
import { readDurationMs } from '../limits/values.js';
import { Problem } from './problem.js';

export class Query {
  readonly #params: URLSearchParams;
  readonly #known = new Set<string>();

  constructor(params: URLSearchParams) {
    this.#params = params;
  }

  text(name: string, mostCharacters: number): string | undefined {
    const value = this.#take(name);
    if (value !== undefined && value.length > mostCharacters) {
      throw new Problem(400, `${name} has more than ${mostCharacters} characters`);
    }
    return value;
  }

  choice<const T extends string>(name: string, words: readonly T[]): T | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (!words.includes(value as T)) throw new Problem(400, `${name} is one of ${words.join(', ')}`);
    return value as T;
  }

  count(name: string, fallback: number, min: number, max: number): number {
    const value = this.#take(name);
    if (value === undefined) return fallback;
    const count = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
    if (!(count >= min && count <= max))
      throw new Problem(400, `${name} is a whole number from ${min} to ${max}`);
    return count;
  }

  /** A time (RFC 3339), or a duration that ends now; as milliseconds since 1970. */
  since(name: string, nowMs: number): number | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    const durationMs = readDurationMs(value);
    const atMs = durationMs === undefined ? Date.parse(value) : nowMs - durationMs;
    if (!Number.isFinite(atMs) || (durationMs === undefined && !/^\d{4}-\d\d-\d\dT/.test(value))) {
      throw new Problem(400, `${name} is a time such as 2026-01-31T12:00:00Z, or a duration such as 15m`);
    }
    return atMs;
  }

  /** To be called last. */
  done(): void {
    for (const name of this.#params.keys()) {
      if (!this.#known.has(name)) {
        const known = [...this.#known].join(', ') || 'none';
        throw new Problem(
          400,
          `there is no parameter ${JSON.stringify(name.slice(0, 50))}; known are: ${known}`,
        );
      }
    }
  }

  #take(name: string): string | undefined {
    this.#known.add(name);
    const values = this.#params.getAll(name);
    if (values.length > 1) throw new Problem(400, `${name} is given more than once`);
    return values[0];
  }
}
