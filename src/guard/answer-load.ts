/**
 * How much longer than usual Mimir takes to answer: each sender's median beside what is usual for that sender, and of these the
 * median. A sender counts for little more however much it sends, and the slowest one may be slow by what it sends: it is left out
 * where others send. Pure: what is usual is learnt with each look.
 */
import { answersOf, OTHER_SENDERS, type SenderAnswers } from '../upstream/answer-times.js';

/** Of all senders: fewer say nothing. */
const ENOUGH = 20;
/** Of one. */
const ENOUGH_OF_ONE = 5;
/** More of one sender count no more. */
const MOST_OF_ONE = 20;
/** Medians of a sender until it is known what is usual. */
const LEARNS = 30;
/** What takes less than this is never slow. */
const LEAST_USUAL_SECONDS = 0.02;
/** Of the way from what is usual to a median, with each of them: slowly up, and most slowly when it is far up. */
const FALLS = 1 / 10;
const RISES = 1 / 150;
const RISES_WHEN_SLOW = 1 / 3000;
const SLOW = 2;
/** Of whom it is known what is usual. More than send at one time. */
const MOST_SENDERS = 500;

interface Slowness {
  /** The median of one sender, the middle one. */
  readonly seconds: number;
  /** As long as is usual for it. */
  readonly times: number;
}

interface Weighed extends Slowness {
  readonly weight: number;
}

export class AnswerLoad {
  readonly #bounds: readonly number[];
  /** In the order in which they were heard of last. */
  readonly #usual = new Map<string, Usual>();

  /** `bounds`: the upper ones of what answers are counted in, in seconds; what is over all of them is counted last. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
  }

  /** To be called every two seconds or so, with the answers of the last ten. Undefined: they say nothing. */
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
}

/** How long one sender's pushes take. */
class Usual {
  #medians = 0;
  #seconds = 0;

  /** What is usual, once that is known. */
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
