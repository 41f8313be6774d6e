/**
 * How near this machine's edge and its Mimir are to what they can bear, in percent: body bytes in memory, pushes that fail, and how
 * much longer than usual Mimir takes. What can not be told is undefined, and no number. Pure: samples and time are handed in.
 */
import type { Load } from './load.js';

/** Of all processes of this machine. */
export interface EdgeSample {
  readonly bytesInFlight: { readonly used: number; readonly capacity: number };
  /** Of the last ten seconds, without those of the tenant whose pushes fail most, if others send. */
  readonly pushes: { readonly requests: number; readonly failed: number };
  /** Mimir's answers since the start, by the bounds that the time to each was within, in seconds. */
  readonly answers: readonly number[];
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

/** Fewer of the last seconds say nothing. */
const ENOUGH = 20;
/** Samples that a median is taken over. */
const WINDOW = 5;
/** Medians until it is known what is usual. */
const LEARNS = 30;
/** What takes less than this is never slow. */
const LEAST_USUAL_SECONDS = 0.02;
/** Of the way from what is usual to a median, with each of them: slowly up, and most slowly when it is far up. */
const FALLS = 1 / 10;
const RISES = 1 / 150;
const RISES_WHEN_SLOW = 1 / 3000;
const SLOW = 2;

export class EdgeLoads {
  readonly #settings: EdgeLoadSettings;
  readonly #bounds: readonly number[];
  /** The last ones, the oldest first. */
  #answers: (readonly number[])[] = [];
  #medians = 0;
  #usualSeconds = 0;

  /** `bounds`: the upper ones of what answers are counted in, in seconds; what is over all of them is counted last. */
  constructor(settings: EdgeLoadSettings, bounds: readonly number[]) {
    this.#settings = settings;
    this.#bounds = bounds;
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
    const median = this.#median(answers);
    if (median === undefined) return { rule, percent: undefined, text: '' };
    const usual = this.#learn(median);
    if (usual === undefined) return { rule, percent: undefined, text: '' };
    const times = median / usual;
    const text = `Mimir takes ${ms(median)} ms to answer, ${rounded(times)} times as long as usual`;
    return { rule, percent: (times / full) * 100, text };
  }

  /** Of the last seconds. Undefined: there were too few, or a process that counted them is gone. */
  #median(answers: readonly number[]): number | undefined {
    const first = this.#answers[0];
    this.#answers = [...this.#answers, answers].slice(-WINDOW);
    if (first === undefined || first.length !== answers.length) return undefined;
    const counts = answers.map((count, i) => count - (first[i] ?? 0));
    if (counts.some((count) => count < 0)) {
      this.#answers = [answers];
      return undefined;
    }
    const all = counts.reduce((sum, count) => sum + count, 0);
    return all < ENOUGH ? undefined : this.#middleOf(counts, all / 2);
  }

  /** As if answers were spread evenly within each bound. */
  #middleOf(counts: readonly number[], middle: number): number {
    let below = 0;
    for (const [i, count] of counts.entries()) {
      if (count > 0 && below + count >= middle) {
        const lower = this.#bounds[i - 1] ?? 0;
        const upper = this.#bounds[i] ?? lower * 2;
        return lower + ((upper - lower) * (middle - below)) / count;
      }
      below += count;
    }
    return this.#bounds.at(-1) ?? 0;
  }

  /** What is usual, once that is known. */
  #learn(median: number): number | undefined {
    this.#medians++;
    if (this.#medians === 1) this.#usualSeconds = median;
    const usual = this.#usualSeconds;
    const isLearning = this.#medians <= LEARNS;
    const rises = median > usual * SLOW ? RISES_WHEN_SLOW : RISES;
    this.#usualSeconds += (median - usual) * (isLearning || median < usual ? FALLS : rises);
    return isLearning ? undefined : Math.max(LEAST_USUAL_SECONDS, this.#usualSeconds);
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
