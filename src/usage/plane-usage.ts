/**
 * Reads the tallies of this process's data plane at the end of each second, and hands on a frame at the end of each ten, an
 * empty one, too: that it has nothing to say is worth knowing.
 */
import { randomUUID } from 'node:crypto';
import { STEP_SECONDS } from './arrival-curve.js';
import type { FrameEntry, PlaneInfo } from './frame.js';
import { packFrame } from './frame-codec.js';
import { TallyReader, type TallySource } from './tally-reader.js';

export interface PlaneUsageOptions {
  readonly source: TallySource;
  readonly info: () => PlaneInfo;
  /** Takes them in order. Resolves when it is handed on, and never rejects. */
  readonly deliver: (frame: Buffer) => unknown;
  /** Date.now(): the clock that replicas share. */
  readonly now: () => number;
}

export class PlaneUsage {
  /** Of this life of the data plane. */
  readonly plane = randomUUID();
  readonly #options: PlaneUsageOptions;
  readonly #reader: TallyReader;
  #seq = 0;
  #step: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** One frame after the other. */
  #packing: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: PlaneUsageOptions) {
    this.#options = options;
    this.#reader = new TallyReader(options.source);
  }

  start(): void {
    this.#step = Math.floor(this.#options.now() / 1000 / STEP_SECONDS);
    this.#wait();
  }

  /** With all that was counted by now. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    const second = Math.floor(this.#options.now() / 1000);
    this.#reader.read(second);
    await this.#packing;
    await this.#emit(Math.floor(second / STEP_SECONDS), async () => this.#reader.entriesNow());
  }

  /** To be called when a second is over. */
  second(): void {
    // Timers come a little early or late.
    const second = Math.round(this.#options.now() / 1000) - 1;
    const step = Math.floor(second / STEP_SECONDS);
    // The process was held up over the end of a step.
    if (this.#step !== undefined && step > this.#step) this.#end(this.#step);
    this.#step = step;
    this.#reader.read(second);
    if (second % STEP_SECONDS !== STEP_SECONDS - 1) return;
    this.#end(step);
    this.#step = step + 1;
  }

  /** When all frames by now are handed on. */
  settled(): Promise<void> {
    return this.#packing;
  }

  #wait(): void {
    const untilNextMs = 1000 - (this.#options.now() % 1000);
    this.#timer = setTimeout(() => {
      this.second();
      if (!this.#stopped) this.#wait();
    }, untilNextMs).unref();
  }

  #end(step: number): void {
    this.#packing = this.#packing.then(() => this.#emit(step, () => this.#reader.entries()));
  }

  async #emit(step: number, entries: () => Promise<FrameEntry[]>): Promise<void> {
    const { info, deliver } = this.#options;
    const frame = { plane: this.plane, seq: ++this.#seq, step, info: info(), entries: await entries() };
    await deliver(await packFrame(frame));
  }
}
