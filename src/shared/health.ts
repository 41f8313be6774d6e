/**
 * The store's health, shard by shard: which may be asked, what went wrong, and since when. Each change between healthy and
 * degraded is logged once, however many pushes, buckets and shards are affected.
 */
import { messageOf } from '../base/message-of.js';
import type { OnLoss } from '../enforce/ledger.js';
import { Circuit } from './circuit.js';
import { STORE_ERROR_KINDS, StoreError, type StoreErrorKind } from './store.js';

interface HealthOptions {
  readonly onLoss: OnLoss;
  /** The number of replicas that a local share is computed for. */
  readonly replicas: () => number;
  readonly now: () => number;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  readonly log: HealthLog;
}

export interface HealthLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

export interface LastError {
  readonly kind: StoreErrorKind;
  readonly message: string;
  readonly secondsAgo: number;
}

export class Health {
  readonly errors: Record<StoreErrorKind, number>;
  readonly #options: HealthOptions;
  readonly #circuits: readonly Circuit[];
  #lastError: { kind: StoreErrorKind; message: string; atMs: number } | undefined;
  #isDegraded = false;
  /** When it last became degraded or healthy. */
  #sinceMs: number;

  constructor(shards: number, options: HealthOptions) {
    this.#options = options;
    this.#circuits = Array.from({ length: shards }, () => new Circuit(options.random));
    this.#sinceMs = options.now();
    const none = STORE_ERROR_KINDS.map((kind) => [kind, 0]);
    this.errors = Object.fromEntries(none) as Record<StoreErrorKind, number>;
  }

  get shards(): number {
    return this.#circuits.length;
  }

  /** Some shard is down. */
  get isDegraded(): boolean {
    return this.#isDegraded;
  }

  get sinceSeconds(): number {
    return (this.#options.now() - this.#sinceMs) / 1000;
  }

  get shardsDown(): number {
    let down = 0;
    for (const { isClosed } of this.#circuits) if (!isClosed) down++;
    return down;
  }

  get lastError(): LastError | undefined {
    if (this.#lastError === undefined) return undefined;
    const { kind, message, atMs } = this.#lastError;
    return { kind, message, secondsAgo: (this.#options.now() - atMs) / 1000 };
  }

  isUp(shard: number): boolean {
    return this.#circuit(shard).isClosed;
  }

  succeeded(shard: number): void {
    this.#circuit(shard).succeeded();
  }

  failed(shard: number, error: unknown, sentMs?: number): void {
    this.noteError(error);
    if (error instanceof StoreError && error.kind === 'moving') return;
    this.#circuit(shard).failed(this.#options.now(), sentMs);
    this.#noteState();
  }

  /** At the start, when nothing is known of the store, one failure is enough. */
  allFailed(): void {
    for (const circuit of this.#circuits) circuit.open(this.#options.now());
    this.#noteState();
  }

  /** True: the shard is down, and the caller sends a probe. */
  mayProbe(shard: number): boolean {
    return this.#circuit(shard).mayProbe(this.#options.now());
  }

  probeSucceeded(shard: number): void {
    this.#circuit(shard).probeSucceeded();
    this.#noteState();
  }

  probeFailed(shard: number, error: unknown): void {
    this.noteError(error);
    this.#circuit(shard).probeFailed(this.#options.now());
    this.#noteState();
  }

  /** An error that is not about a particular shard. */
  noteError(error: unknown): void {
    const kind = error instanceof StoreError ? error.kind : 'other';
    this.errors[kind]++;
    this.#lastError = { kind, message: messageOf(error), atMs: this.#options.now() };
  }

  #circuit(shard: number): Circuit {
    const circuit = this.#circuits[shard];
    if (circuit === undefined) throw new RangeError(`the store has no shard ${shard}`);
    return circuit;
  }

  #noteState(): void {
    const { shardsDown } = this;
    if (shardsDown > 0 === this.#isDegraded) return;
    const { log, now, onLoss } = this.#options;
    const replicas = this.#options.replicas();
    const seconds = Math.round(this.sinceSeconds);
    this.#isDegraded = shardsDown > 0;
    this.#sinceMs = now();
    if (this.#isDegraded) {
      const { kind, message } = this.#lastError ?? NOT_CONNECTED;
      log.warn(
        { error: kind, message, partsDown: shardsDown, parts: this.shards, replicas },
        `the shared state does not answer: ${LOSS_SENTENCES[onLoss]}`,
      );
    } else {
      log.info({ seconds, replicas }, 'the shared state answers again');
    }
  }
}

const NOT_CONNECTED = { kind: 'connection', message: 'not connected yet' } as const;

const LOSS_SENTENCES: Record<OnLoss, string> = {
  'local-share': 'each replica serves its share of the limits',
  allow: 'pushes that no lease covers pass',
  refuse: 'pushes that no lease covers are refused',
};
