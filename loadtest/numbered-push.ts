/** Pushes of one series each, which has a number that no other push has: so whoever takes them can say which came, and how often. */
import SnappyJS from 'snappyjs';
import { compress, encodeVersion1 } from '../test/payload/encode.js';

/** Larger bodies are none of these. */
const MOST_BYTES = 200;
/** The end of the label's name, and the tag of its value. */
const NAME = Buffer.from('n\x12', 'latin1');

/** One sample of `numbered{n="17"}`. */
export function numberedPush(number: number): Buffer {
  const labels = [
    ['__name__', 'numbered'],
    ['n', String(number)],
  ] as const;
  return Buffer.from(compress(encodeVersion1([{ labels, value: 1, timestampMs: Date.now() }])));
}

/** Undefined: it is no such push. */
export function numberOf(body: Buffer): number | undefined {
  if (body.length > MOST_BYTES) return undefined;
  const bytes = Buffer.from(SnappyJS.uncompress(body));
  const at = bytes.lastIndexOf(NAME);
  // What follows is the value's length and the value.
  const from = at + NAME.length + 1;
  return at < 0 ? undefined : Number(bytes.toString('latin1', from, from + (bytes[from - 1] ?? 0)));
}
