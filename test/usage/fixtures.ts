import { TALLY_NUMBERS } from '#src/enforce/tally.js';
import { ARRIVAL_KINDS, KINDS } from '#src/usage/arrival-curve.js';
import { addDiscards, emptyEntry, type Frame, type FrameEntry } from '#src/usage/frame.js';

const REQUESTS = TALLY_NUMBERS.indexOf('requests');
const SAMPLES = TALLY_NUMBERS.indexOf('samples');
const BODY_BYTES = TALLY_NUMBERS.indexOf('bodyBytes');

/** `items` came in one push in one second of the step. */
export function entryOf(id: string, items: number, second = 0, refused = 0): FrameEntry {
  const entry = emptyEntry(id);
  entry.added[REQUESTS] = 1;
  entry.added[SAMPLES] = items;
  entry.added[BODY_BYTES] = items * 10;
  entry.items = items;
  for (const [kind, count] of [items, 1, items * 10].entries()) entry.seconds![second * KINDS + kind] = count;
  if (refused > 0) addDiscards(entry, 'refused', 'rate_limited', [1, refused, 0, 0, 0]);
  return entry;
}

export function frameOf(plane: string, seq: number, step: number, ...entries: FrameEntry[]): Frame {
  return { plane, seq, step, info: { name: plane, machine: plane, version: '1', startedMs: 0 }, entries };
}

export const ITEMS = ARRIVAL_KINDS.indexOf('items');
