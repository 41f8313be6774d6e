/**
 * One data plane in another process, as far as it is asked for reports: one at a time, and whoever comes while one is
 * under way gets the next, because the one under way may have been written before what the caller wants to see.
 *
 * With very many tenants a report takes tens of milliseconds, there and here. However many ask, they take a twentieth of
 * the time at most: in between it is asked for its status alone, and what it has counted is some seconds old.
 */
import type { DataPlaneLink, PlaneStatus, Report } from './planes.js';

/** Times that a report took, from one to the next. */
const PAUSE_FACTOR = 20;
/** What it has counted is never older. */
const MOST_PAUSE_MS = 5000;
/** To gather a report, to write it for another process, to read it there, and to take it in: each takes about as long. */
const STEPS = 4;
/** What costs less than this is asked for whenever somebody wants it. */
const CHEAP_MS = 4;

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
  /** What the last report took. A machine that stalls makes one look dear, and seldom two in a row. */
  #tookMs = 0;
  /** It is not asked for a report again before this. */
  #notBeforeMs = 0;

  constructor(link: DataPlaneLink, reported: (report: Report) => void) {
    this.link = link;
    this.#reported = reported;
  }

  /** Resolves when an answer to what was asked from now on has been taken in, or the process has ended. */
  refresh(): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    if (this.#underWay === undefined) {
      this.#underWay = this.#ask();
      return this.#underWay;
    }
    this.#next = this.#underWay.then(() => {
      this.#next = undefined;
      this.#underWay = this.#ask();
      return this.#underWay;
    });
    return this.#next;
  }

  /** Resolves when its status is of now, or the process has ended. */
  async look(): Promise<void> {
    this.status = (await this.link.status()) ?? this.status;
  }

  /** It was asked so long ago, and has not answered. */
  owesAnswer(sinceMs: number): boolean {
    return this.#underWay !== undefined && performance.now() - this.#askedMs >= sinceMs;
  }

  async #ask(): Promise<void> {
    this.#askedMs = performance.now();
    await (this.#askedMs < this.#notBeforeMs ? this.#askStatus() : this.#askReport());
  }

  async #askStatus(): Promise<void> {
    const status = await this.link.status();
    this.#answered();
    this.status = status ?? this.status;
  }

  async #askReport(): Promise<void> {
    const report = await this.link.report();
    this.#answered();
    if (report === undefined) return;
    this.#reported(report);
    const costMs = Math.min(report.tookMs, this.#tookMs) * STEPS;
    this.#tookMs = report.tookMs;
    if (costMs < CHEAP_MS) return;
    this.#notBeforeMs = performance.now() + Math.min(costMs * PAUSE_FACTOR, MOST_PAUSE_MS);
  }

  #answered(): void {
    this.#underWay = undefined;
    this.hangs = false;
  }
}
