/** A fair queue on a clock of the test's own, and what becomes of those who come to it. */
import type { Test } from 'tap';
import { type Entry, FairQueue, type Priority, type Sender } from '#src/upstream/fair-queue.js';

export function sender(tenant: string, weight = 1, priority: Priority = 'normal'): Sender {
  return { tenant, place: tenant, weight, priority };
}

export interface Given {
  readonly queue: FairQueue;
  limit: number;
  usualMs: number;
  nowMs: number;
  /** Pushes in the order in which they went, by tenant. */
  readonly went: string[];
  readonly turnedAway: (readonly [string, number])[];
  /** Those that are set: in how many milliseconds each is due. */
  readonly timers: { readonly ms: number; readonly run: () => void }[];
  /** Answers how to give it up. */
  enter(from: Sender, items?: number, bytes?: number): () => void;
  /** So many of those that went have their answer. */
  leave(pushes: number, items?: number): Promise<void>;
}

export function given(t: Test, limit = 10, maxBytes = 1000, maxWaitMs = 60_000, holds = true): Given {
  const self: Given = {
    queue: new FairQueue({
      limit: () => self.limit,
      usualMs: () => self.usualMs,
      maxBytes,
      maxWaitMs,
      holds,
      now: () => self.nowMs,
      later(run, ms) {
        self.timers.push({ ms, run });
        return undefined;
      },
    }),
    limit,
    usualMs: 0,
    nowMs: 0,
    went: [],
    turnedAway: [],
    timers: [],
    enter(from, items = 1, bytes = 1) {
      const hear = (entry: Entry): void => {
        if (entry === 'go') self.went.push(from.tenant);
        else if (entry !== 'gone') self.turnedAway.push([from.tenant, entry.againInSeconds]);
      };
      const entry = self.queue.enter(from, items, bytes);
      if (typeof entry !== 'object' || !('entry' in entry)) {
        hear(entry);
        return () => {};
      }
      void entry.entry.then(hear);
      return entry.giveUp;
    },
    async leave(pushes, items = 1) {
      for (let i = 0; i < pushes; i++) self.queue.leave(items);
      await settled();
    },
  };
  t.teardown(() => self.queue.close());
  return self;
}

export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export function countOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
