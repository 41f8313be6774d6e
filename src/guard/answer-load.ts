/**
 * How much slower than usual Mimir answers: the median over senders of each sender's median, relative to what is usual for
 * that sender. A sender's weight is capped, and the slowest is left out if others send, as what it sends may be the cause.
 * Pure: what is usual is learnt with each sample.
 */
import { answersOf, OTHER_SENDERS, type SenderAnswers } from '../upstream/answer-times.js';

/** Answers of all senders; fewer say nothing. */
const ENOUGH = 20;
/** Answers of one sender. */
const ENOUGH_OF_ONE = 5;
/** More answers of one sender add no weight. */
const MOST_OF_ONE = 20;
/** Medians of a sender before its usual time is known. */
const LEARNS = 30;
/** Faster answers are never slow. */
const LEAST_USUAL_SECONDS = 0.02;
/** How far the usual time moves towards each median: up slowly, and most slowly when it is far off. */
const FALLS = 1 / 10;
const RISES = 1 / 150;
const RISES_WHEN_SLOW = 1 / 3000;
const SLOW = 2;
/** Senders whose usual time is remembered; more than send at one time. */
const MOST_SENDERS = 500;

interface Slowness {
  /** The median of the sender in the middle. */
  readonly seconds: number;
  /** As a multiple of what is usual for it. */
  readonly times: number;
}

interface Weighed extends Slowness {
  readonly weight: number;
}

export class AnswerLoad {
  readonly #bounds: readonly number[];
  /** Least recently heard first. */
  readonly #usual = new Map<string, Usual>();

  /** `bounds`: the upper bounds of the histogram in seconds; the last count is for answers above all of them. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
  }

  /** Call about every two seconds with the answers of the last ten. Undefined: too few to say. */
  take(senders: readonly SenderAnswers[]): Slowness | undefined {
    const known: Weighed[] = [];
    let all = 0;
    for (const { sender, counts } of senders) {
      const answers = answersOf(counts);
      all += answers;
      if (answers < ENOUGH_OF_ONE) continue;
      const seconds = this.#middleOf(counts, answers / 2);
      const usual = this.#usualOf(sender).learn(seconds);
      if (usual === undefined) continue;
      known.push({
        seconds,
        times: seconds / usual,
        weight: sender === OTHER_SENDERS ? answers : Math.min(answers, MOST_OF_ONE),
      });
    }
    return all < ENOUGH ? undefined : middle(known);
  }

  #usualOf(sender: string): Usual {
    const usual = this.#usual.get(sender) ?? new Usual();
    this.#usual.delete(sender);
    this.#usual.set(sender, usual);
    const [longestAgo] = this.#usual.keys();
    if (this.#usual.size > MOST_SENDERS && longestAgo !== undefined) this.#usual.delete(longestAgo);
    return usual;
  }

  /** Assumes that answers are spread evenly within each bucket. */
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
}

/** The usual duration of one sender's pushes. */
class Usual {
  #medians = 0;
  #seconds = 0;

  /** Returns the usual duration, once it is known. */
  learn(median: number): number | undefined {
    this.#medians++;
    if (this.#medians === 1) this.#seconds = median;
    const usual = this.#seconds;
    const isLearning = this.#medians <= LEARNS;
    const rises = median > usual * SLOW ? RISES_WHEN_SLOW : RISES;
    this.#seconds += (median - usual) * (isLearning || median < usual ? FALLS : rises);
    return isLearning ? undefined : Math.max(LEAST_USUAL_SECONDS, this.#seconds);
  }
}

/** Without the slowest, unless it is alone. */
function middle(known: readonly Weighed[]): Slowness | undefined {
  const sorted = [...known].sort((a, b) => a.times - b.times);
  if (sorted.length > 1) sorted.pop();
  const half = sorted.reduce((sum, { weight }) => sum + weight, 0) / 2;
  let below = 0;
  return sorted.find(({ weight }) => {
    below += weight;
    return below > half;
  });
}
