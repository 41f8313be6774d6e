/**
 * One data plane in another process, as far as it is asked for reports: one at a time, and whoever comes while one is
 * under way gets the next, because the one under way may have been written before what the caller wants to see.
 *
 * With very many tenants a report takes tens of milliseconds, there and here. However many ask, they take a twentieth of
 * the time at most; who would have to wait long for that has what was told last, some seconds old.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { DataPlaneLink, PlaneStatus, Report } from './planes.js';

/** Times that a report took, from one to the next. */
const PAUSE_FACTOR = 20;
/** What is told is never older: a worker that hangs has to be noticed. */
const MOST_PAUSE_MS = 5000;
/** So long a caller waits for the next one: well within the deadline of those who ask. */
const MOST_WAIT_MS = 200;
/** To gather a report, to write it for another process, to read it there, and to take it in: each takes about as long. */
const STEPS = 4;
/** What costs less than this is asked for whenever somebody wants it. */
const CHEAP_MS = 0.5;

export class LinkedPlane {
  readonly link: DataPlaneLink;
  /** It takes pushes. Until then it is asked for nothing. */
  serving = false;
  /** It did not answer in time, and has not since. Nobody waits for it. */
  hangs = false;
  /** As it told last. */
  status: PlaneStatus | undefined;
  readonly #reported: (report: Report) => void;
  #underWay: Promise<void> | undefined;
  #askedMs = 0;
  #next: Promise<void> | undefined;
  /** It is not asked again before this. */
  #notBeforeMs = 0;

  constructor(link: DataPlaneLink, reported: (report: Report) => void) {
    this.link = link;
    this.#reported = reported;
  }

  /** Resolves when a report that was asked for from now on has been taken in, none is due, or the process has ended. */
  refresh(): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    if (this.#underWay !== undefined) return this.#after(this.#underWay);
    const waitMs = this.#notBeforeMs - performance.now();
    if (waitMs > MOST_WAIT_MS) return Promise.resolve();
    if (waitMs > 0) return this.#after(delay(waitMs));
    this.#underWay = this.#ask();
    return this.#underWay;
  }

  /** It was asked so long ago, and has not answered. */
  owesAnswer(sinceMs: number): boolean {
    return this.#underWay !== undefined && performance.now() - this.#askedMs >= sinceMs;
  }

  #after(before: Promise<void>): Promise<void> {
    this.#next = before.then(() => {
      this.#next = undefined;
      return this.refresh();
    });
    return this.#next;
  }

  async #ask(): Promise<void> {
    this.#askedMs = performance.now();
    const report = await this.link.report();
    this.#underWay = undefined;
    this.hangs = false;
    if (report === undefined) return;
    this.#reported(report);
    const costMs = report.tookMs * STEPS;
    if (costMs < CHEAP_MS) return;
    this.#notBeforeMs = performance.now() + Math.min(costMs * PAUSE_FACTOR, MOST_PAUSE_MS);
  }
}
