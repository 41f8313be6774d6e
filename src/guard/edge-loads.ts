/**
 * How near this machine's edge and its Mimir are to what they can bear, in percent: body bytes in memory, pushes that fail, and how
 * much longer than usual Mimir takes. What can not be told is undefined, and no number. Pure: samples and time are handed in.
 */
import type { SenderAnswers } from '../upstream/answer-times.js';
import { AnswerLoad } from './answer-load.js';
import type { Load } from './load.js';

/** Of all processes of this machine. */
export interface EdgeSample {
  readonly bytesInFlight: { readonly used: number; readonly capacity: number };
  /** Of the last ten seconds, without those of the tenant whose pushes fail most, if others send. */
  readonly pushes: { readonly requests: number; readonly failed: number };
  /** Mimir's answers to pushes of the last ten seconds. */
  readonly answers: readonly SenderAnswers[];
  /** The breaker of the upstream is not closed. */
  readonly broken: boolean;
}

export interface EdgeLoadSettings {
  readonly bytesInFlight: boolean;
  /** Percent of pushes that fail, which are a load of 100 %; 0: not looked at. */
  readonly failures: number;
  /** Times that Mimir takes as long as usual, which are a load of 100 %; 0: not looked at. */
  readonly latency: number;
}

/** Fewer pushes of the last seconds say nothing. */
const ENOUGH = 20;

export class EdgeLoads {
  readonly #settings: EdgeLoadSettings;
  readonly #answers: AnswerLoad;

  /** `bounds`: the upper ones of what answers are counted in, in seconds; what is over all of them is counted last. */
  constructor(settings: EdgeLoadSettings, bounds: readonly number[]) {
    this.#settings = settings;
    this.#answers = new AnswerLoad(bounds);
  }

  /** To be called every two seconds or so. */
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
