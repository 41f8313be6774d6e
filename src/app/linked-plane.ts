/**
 * A data plane in another process, from which reports are requested one at a time. A caller that comes during a request
 * gets the next report, as the current one may be older than what the caller wants to see.
 *
 * With very many tenants a report takes tens of milliseconds on both sides. However often they are requested, reports use
 * at most a twentieth of the time: in between only the status is requested, and counts are some seconds old.
 */
import type { DataPlaneLink, PlaneStatus, Report } from './planes.js';

/** The pause between two reports, as a multiple of a report's duration. */
const PAUSE_FACTOR = 20;
/** Counts are never older. */
const MOST_PAUSE_MS = 5000;
/** Gathering, serializing, parsing and applying a report take about equally long. */
const STEPS = 4;
/** Cheaper reports are requested whenever somebody wants one. */
const CHEAP_MS = 4;

export class LinkedPlane {
  readonly link: DataPlaneLink;
  /** It accepts pushes. Before that it is not asked. */
  serving = false;
  /** It did not answer in time and has not answered since. Nobody waits for it. */
  hangs = false;
  /** As last reported. */
  status: PlaneStatus | undefined;
  readonly #reported: (report: Report) => void;
  #underWay: Promise<void> | undefined;
  #askedMs = 0;
  #next: Promise<void> | undefined;
  /** The duration of the last report. A stalled machine makes a single one look expensive, but rarely two in a row. */
  #tookMs = 0;
  /** The earliest time of the next report. */
  #notBeforeMs = 0;

  constructor(link: DataPlaneLink, reported: (report: Report) => void) {
    this.link = link;
    this.#reported = reported;
  }

  /** Resolves when an answer to a request from now on was applied, or the process has ended. */
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

  /** Resolves when its status is current, or the process has ended. */
  async look(): Promise<void> {
    this.status = (await this.link.status()) ?? this.status;
  }

  /** It was asked this long ago and has not answered. */
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
