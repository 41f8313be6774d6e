/**
 * Whether a push that Mimir did not answer with success reached it all the same. A 5xx, a 429, or no answer says that it
 * took nothing: the sender comes again, and pays then. There is one exception: of a push with series over the limit of
 * active series Mimir takes the rest, and says so in its words alone, because the tenant chooses the status.
 */
import { REASONS } from '../../enforce/reasons.js';

/** The words of such an answer are needed, as far as this many characters. */
export const MOST_WORDS = 4096;

/** It does not say by itself that Mimir took the push. 0 is no answer. */
export function isInDoubt(status: number): boolean {
  return status === 0 || status === 429 || status >= 500;
}

/** `words`: those of the answer, where it is in doubt. */
export function tookNothing(status: number, words: string): boolean {
  return isInDoubt(status) && !words.includes(REASONS.max_active_series.id);
}
