/**
 * A slot of the primary for one worker, and the process that fills it: told, asked, and replaced when it ends,
 * after a pause that grows as long as none serves for some time.
 */
import cluster, { type Worker } from 'node:cluster';
import type { AddressInfo } from 'node:net';
import type { NumberedRequest } from '../shared/ipc/ipc-store.js';
import type { MetricValues } from '../telemetry/summed-metrics.js';
import { closeWithWorker } from './handed-over.js';
import type { Answers, ToPrimary, ToWorker } from './messages.js';

const FIRST_RESTART_MS = 100;
const MAX_RESTART_MS = 10_000;
/** A worker that served for so long is replaced after the shortest pause. */
const STEADY_MS = 10_000;
const LAST_WORDS_MS = 100;

export interface WorkerEnd {
  readonly pid: number | undefined;
  readonly code: number | null;
  readonly signal: string | null;
  readonly served: boolean;
  /** Undefined: it is not replaced. */
  readonly restartInMs: number | undefined;
}

export interface SlotEvents {
  /** What a new process is told first. */
  welcome(slot: WorkerSlot): ToWorker;
  serving(slot: WorkerSlot, proxy: AddressInfo | undefined): void;
  store(slot: WorkerSlot, requests: readonly NumberedRequest[]): void;
  ended(slot: WorkerSlot, end: WorkerEnd): void;
}

interface Question {
  readonly answer: Promise<Partial<Answers>>;
  readonly answered: (answers: Partial<Answers>) => void;
}

export class WorkerSlot {
  readonly id: number;
  serving = false;
  /** What its process told last. */
  lastMetrics: readonly MetricValues[] = [];
  readonly #events: SlotEvents;
  readonly #questions = new Map<keyof Answers, Question>();
  #worker: Worker | undefined;
  #servingSinceMs: number | undefined;
  /** Processes in a row that did not serve for long. */
  #failures = 0;
  #restart: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(id: number, events: SlotEvents) {
    this.id = id;
    this.#events = events;
  }

  /** Of the process that is in it; undefined while there is none. */
  get pid(): number | undefined {
    return this.#worker?.process.pid;
  }

  start(): void {
    const worker = cluster.fork();
    this.#worker = worker;
    closeWithWorker(worker);
    worker.on('message', (message: ToPrimary) => this.#heard(message));
    worker.on('error', () => {
      // What can not be sent is for nobody. Without a process there is no other sign of its end.
      if (worker.process.pid === undefined) this.#ended(worker, null, null);
    });
    worker.once('exit', (code, signal) => {
      this.serving = false;
      // Its last messages may be read after its end is known.
      if (worker.isConnected()) setTimeout(() => this.#ended(worker, code, signal), LAST_WORDS_MS);
      else this.#ended(worker, code, signal);
    });
  }

  tell(message: ToWorker): void {
    if (this.#worker?.isConnected()) this.#worker.send(message, () => {});
  }

  /** Undefined: no answer in time. A question that waits for its answer is not sent again. */
  async ask<K extends keyof Answers>(about: K, withinMs: number): Promise<Answers[K] | undefined> {
    if (this.#worker === undefined) return undefined;
    const { answer } = this.#questions.get(about) ?? this.#question(about);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Partial<Answers>>((resolve) => {
      timer = setTimeout(resolve, withinMs, {});
    });
    const answers = await Promise.race([answer, late]);
    clearTimeout(timer);
    return answers[about];
  }

  /** A process that ends is not replaced any more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#restart);
  }

  kill(): void {
    this.#worker?.process.kill('SIGKILL');
  }

  #heard(message: ToPrimary): void {
    if (message.kind === 'here') this.tell(this.#closed ? { kind: 'stop' } : this.#events.welcome(this));
    else if (message.kind === 'store') this.#events.store(this, message.requests);
    else if (message.kind === 'serving') {
      this.serving = true;
      this.#servingSinceMs = performance.now();
      this.#events.serving(this, message.proxy);
    } else {
      const { answers } = message;
      if (answers.metrics !== undefined) this.lastMetrics = answers.metrics;
      for (const about of Object.keys(answers) as (keyof Answers)[]) this.#answered(about, answers);
    }
  }

  #question(about: keyof Answers): Question {
    let answered: Question['answered'] = () => {};
    const answer = new Promise<Partial<Answers>>((resolve) => {
      answered = resolve;
    });
    const question = { answer, answered };
    this.#questions.set(about, question);
    this.tell({ kind: 'ask', about });
    return question;
  }

  #answered(about: keyof Answers, answers: Partial<Answers>): void {
    this.#questions.get(about)?.answered(answers);
    this.#questions.delete(about);
  }

  #ended(worker: Worker, code: number | null, signal: string | null): void {
    // node:cluster does not always see by itself that it is gone, and would go on handing it connections.
    worker.disconnect();
    this.#worker = undefined;
    for (const about of [...this.#questions.keys()]) this.#answered(about, {});
    const served = this.#servingSinceMs !== undefined;
    const steady = served && performance.now() - (this.#servingSinceMs ?? 0) >= STEADY_MS;
    this.#servingSinceMs = undefined;
    this.#failures = steady ? 0 : this.#failures + 1;
    let restartInMs: number | undefined;
    if (!this.#closed) {
      restartInMs = Math.min(MAX_RESTART_MS, FIRST_RESTART_MS * 2 ** Math.max(0, this.#failures - 1));
      this.#restart = setTimeout(() => this.start(), restartInMs);
    }
    this.#events.ended(this, { pid: worker.process.pid, code, signal, served, restartInMs });
  }
}
