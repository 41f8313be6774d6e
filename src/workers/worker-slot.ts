/**
 * A slot of the primary for one worker, and the process in it, which is replaced when it ends, after a pause that grows
 * while none serves for some time.
 */
import cluster, { type Worker } from 'node:cluster';
import type { NumberedRequest } from '../shared/ipc/ipc-store.js';
import { closeWithWorker } from './handed-over.js';
import {
  type Answer,
  type AnswerTo,
  keyOf,
  type Question,
  type ToPrimary,
  type ToWorker,
} from './messages.js';

const FIRST_RESTART_MS = 100;
const MAX_RESTART_MS = 10_000;
/** A worker that served for this long is replaced after the shortest pause. */
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

interface SlotEvents {
  /** A new process listens: returns its first message. */
  here(slot: WorkerSlot): ToWorker;
  serving(slot: WorkerSlot): void;
  /** The worker has applied its orders. */
  obeyed(slot: WorkerSlot): void;
  store(slot: WorkerSlot, requests: readonly NumberedRequest[]): void;
  /** What it counted in ten seconds. */
  frame(frame: Buffer): void;
  /** It is about to end, and these are its last answers. */
  last(slot: WorkerSlot, answers: readonly Answer[]): void;
  ended(slot: WorkerSlot, end: WorkerEnd): void;
}

interface Asked {
  readonly answer: Promise<Answer | undefined>;
  readonly answered: (answer: Answer | undefined) => void;
}

export class WorkerSlot {
  readonly id: number;
  serving = false;
  readonly #events: SlotEvents;
  readonly #asked = new Map<string, Asked>();
  #worker: Worker | undefined;
  #servingSinceMs: number | undefined;
  /** Consecutive processes that did not serve for long. */
  #failures = 0;
  #restart: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(id: number, events: SlotEvents) {
    this.id = id;
    this.#events = events;
  }

  /** Of the current process; undefined while there is none. */
  get pid(): number | undefined {
    return this.#worker?.process.pid;
  }

  start(): void {
    const worker = cluster.fork();
    this.#worker = worker;
    closeWithWorker(worker);
    worker.on('message', (message: ToPrimary) => this.#heard(message));
    worker.on('error', () => {
      // Without a process there is no other sign that it has ended.
      if (worker.process.pid === undefined) this.#ended(worker, null, null);
    });
    worker.once('exit', (code, signal) => {
      this.serving = false;
      // Its last messages may arrive after its exit.
      if (worker.isConnected()) setTimeout(() => this.#ended(worker, code, signal), LAST_WORDS_MS);
      else this.#ended(worker, code, signal);
    });
  }

  tell(message: ToWorker): void {
    if (this.#worker?.isConnected()) this.#worker.send(message, () => {});
  }

  /** Undefined: it has ended. A question that is still waiting is not sent again. */
  async ask<Q extends Question>(question: Q): Promise<AnswerTo<Q> | undefined> {
    if (this.#worker === undefined) return undefined;
    const { answer } = this.#asked.get(keyOf(question)) ?? this.#send(question);
    return answer as Promise<AnswerTo<Q> | undefined>;
  }

  /** From now on the process is not replaced. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#restart);
  }

  kill(): void {
    this.#worker?.process.kill('SIGKILL');
  }

  #heard(message: ToPrimary): void {
    switch (message.kind) {
      case 'here':
        this.tell(this.#closed ? { kind: 'stop' } : this.#events.here(this));
        break;
      case 'serving':
        this.serving = true;
        this.#servingSinceMs = performance.now();
        this.#events.serving(this);
        break;
      case 'obeyed':
        this.#events.obeyed(this);
        break;
      case 'store':
        this.#events.store(this, message.requests);
        break;
      case 'frame': {
        const { buffer, byteOffset, byteLength } = message.frame;
        this.#events.frame(Buffer.from(buffer, byteOffset, byteLength));
        break;
      }
      case 'answer':
        this.#answered(keyOf(message.answer), message.answer);
        break;
      case 'last':
        this.#events.last(this, message.answers);
    }
  }

  #send(question: Question): Asked {
    let answered: Asked['answered'] = () => {};
    const answer = new Promise<Answer | undefined>((resolve) => {
      answered = resolve;
    });
    const asked = { answer, answered };
    this.#asked.set(keyOf(question), asked);
    this.tell({ kind: 'ask', question });
    return asked;
  }

  #answered(key: string, answer: Answer | undefined): void {
    const asked = this.#asked.get(key);
    this.#asked.delete(key);
    asked?.answered(answer);
  }

  #ended(worker: Worker, code: number | null, signal: string | null): void {
    // node:cluster does not always notice that it is gone, and would go on passing connections to it.
    worker.disconnect();
    this.#worker = undefined;
    for (const key of [...this.#asked.keys()]) this.#answered(key, undefined);
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
