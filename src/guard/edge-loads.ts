/**
 * How close this machine's edge and its Mimir are to their limits, in percent: body bytes in memory, failing pushes, and
 * how much slower than usual Mimir answers. What can not be determined is undefined. Pure: samples and time are passed in.
 */
import type { SenderAnswers } from '../upstream/answer-times.js';
import { AnswerLoad } from './answer-load.js';
import type { Load } from './load.js';

/** Over all processes of this machine. */
export interface EdgeSample {
  readonly bytesInFlight: { readonly used: number; readonly capacity: number };
  /** Over the last ten seconds, without the tenant whose pushes fail most, if others send. */
  readonly pushes: { readonly requests: number; readonly failed: number };
  /** Mimir's answers to pushes over the last ten seconds. */
  readonly answers: readonly SenderAnswers[];
  /** The upstream's circuit breaker is not closed. */
  readonly broken: boolean;
}

export interface EdgeLoadSettings {
  readonly bytesInFlight: boolean;
  /** The percentage of failing pushes that counts as a load of 100 %; 0: ignored. */
  readonly failures: number;
  /** The multiple of the usual answer time that counts as a load of 100 %; 0: ignored. */
  readonly latency: number;
}

/** Fewer pushes in the last seconds say nothing. */
const ENOUGH = 20;

export class EdgeLoads {
  readonly #settings: EdgeLoadSettings;
  readonly #answers: AnswerLoad;

  /** `bounds`: the upper bounds of the histogram in seconds; the last count is for answers above all of them. */
  constructor(settings: EdgeLoadSettings, bounds: readonly number[]) {
    this.#settings = settings;
    this.#answers = new AnswerLoad(bounds);
  }

  /** Call about every two seconds. */
  take(sample: EdgeSample): Load[] {
    const { bytesInFlight, failures, latency } = this.#settings;
    return [
      ...(bytesInFlight ? [bytesLoad(sample)] : []),
      ...(failures > 0 ? [failuresLoad(sample, failures)] : []),
      ...(latency > 0 ? [this.#latencyLoad(sample, latency)] : []),
    ];
  }

  #latencyLoad({ answers }: EdgeSample, full: number): Load {
    const rule = 'upstream_latency';
    const found = this.#answers.take(answers);
    if (found === undefined) return { rule, percent: undefined, text: '' };
    const { seconds, times } = found;
    const text = `Mimir takes ${ms(seconds)} ms to answer, ${rounded(times)} times as long as usual`;
    return { rule, percent: (times / full) * 100, text };
  }
}

function bytesLoad({ bytesInFlight: { used, capacity } }: EdgeSample): Load {
  const percent = capacity === 0 ? undefined : (used / capacity) * 100;
  return {
    rule: 'bytes_in_flight',
    percent,
    text: `the edge holds ${used} of at most ${capacity} body bytes`,
  };
}

function failuresLoad({ pushes: { requests, failed }, broken }: EdgeSample, full: number): Load {
  const rule = 'upstream_failures';
  if (broken) return { rule, percent: 100, text: 'Mimir fails with every address, and the breaker is open' };
  if (requests < ENOUGH) return { rule, percent: undefined, text: '' };
  const text = `${failed} of ${requests} pushes failed at Mimir within the last seconds`;
  return { rule, percent: (failed * 10_000) / (requests * full), text };
}

function ms(seconds: number): number {
  return rounded(seconds * 1000);
}

function rounded(n: number): number {
  return Math.round(n * 10) / 10;
}
