/**
 * From texts to a snapshot without blocking the event loop: parsing and hashing happen in a thread, and the objects are
 * created here in slices. docs/performance.md has the cost.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { openThreads } from '../base/threads.js';
import { type IndexedSnapshot, unpackSnapshot } from '../limits/snapshot.js';
import type { ParsedDocument, ParseResult, ParseTask } from './parse-worker.js';

/** The longest stretch of unpacking between two turns of the event loop. */
const SLICE_MS = 3;
/** An idle thread ends after this time and frees its memory. */
const IDLE_MS = 10_000;
/** A document that needs more ends the thread, not the process. */
const MAX_HEAP_MB = 2048;

export interface Parsed {
  readonly documents: readonly ParsedDocument[];
  readonly snapshot: IndexedSnapshot;
}

export class Parser {
  readonly #threads = openThreads(new URL('./parse-worker.js', import.meta.url), {
    name: 'parse',
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: IDLE_MS,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });

  /** Rejects when the thread ends before it answers. */
  async parse(task: ParseTask, previous: IndexedSnapshot): Promise<Parsed> {
    const { documents, packed }: ParseResult = await this.#threads.run(task);
    if (packed.hash === previous.hash) return { documents, snapshot: previous };
    const steps = unpackSnapshot(packed, task.defaults, previous);
    for (let sliceStartedMs = performance.now(); ; ) {
      const step = steps.next();
      if (step.done) return { documents, snapshot: step.value };
      if (performance.now() - sliceStartedMs < SLICE_MS) continue;
      await nextTurn();
      sliceStartedMs = performance.now();
    }
  }

  async close(): Promise<void> {
    await this.#threads.destroy();
  }
}
