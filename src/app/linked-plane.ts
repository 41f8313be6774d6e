/**
 * One data plane in another process, as far as it is asked for reports: one at a time, and whoever comes while one is
 * under way gets the next, because the one under way may have been written before what the caller wants to see.
 */
import type { DataPlaneLink, PlaneStatus, Report } from './planes.js';

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

  constructor(link: DataPlaneLink, reported: (report: Report) => void) {
    this.link = link;
    this.#reported = reported;
  }

  /** Resolves when a report that was asked for from now on has been taken in, or the process has ended. */
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

  /** It was asked so long ago, and has not answered. */
  owesAnswer(sinceMs: number): boolean {
    return this.#underWay !== undefined && performance.now() - this.#askedMs >= sinceMs;
  }

  async #ask(): Promise<void> {
    this.#askedMs = performance.now();
    const report = await this.link.report();
    this.#underWay = undefined;
    this.hangs = false;
    if (report !== undefined) this.#reported(report);
  }
}
