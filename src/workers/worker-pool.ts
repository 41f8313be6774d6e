/**
 * The workers of a primary: one data plane each, behind one port (node:cluster). Those that die are replaced. To the
 * control plane they look like one, and without Redis they share what the primary keeps for them.
 */
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { ControlPlane } from '../app/control-plane.js';
import { beforeAnyDocument } from '../app/first-orders.js';
import type { LinkedPlane } from '../app/linked-plane.js';
import { MergedPlanes } from '../app/merged-planes.js';
import type { Part } from '../app/parts.js';
import { StartError } from '../base/listen.js';
import type { Config } from '../config/config.js';
import { wholeTenant } from '../limits/effective.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { Answer, ToWorker } from './messages.js';
import { WorkerLink } from './worker-link.js';
import { WorkerMetrics } from './worker-metrics.js';
import { type WorkerEnd, WorkerSlot } from './worker-slot.js';
import { WorkerStore } from './worker-store.js';

/** Less than the second that Kubernetes gives probes by default. */
const DEADLINE_MS = 800;
/** In addition to the time that the settings give a worker to stop. */
const STOP_MARGIN_MS = 5000;

/** The process of a slot, as the control plane reaches it. */
interface Linked {
  readonly link: WorkerLink;
  readonly plane: LinkedPlane;
}

/** What the workers and their pool use of the control plane. */
type ControlSide = Pick<ControlPlane, 'listensOn' | 'usage'>;

export class WorkerPool {
  readonly planes: MergedPlanes;
  readonly parts: readonly Part[];
  readonly #config: Config;
  readonly #log: Logger;
  readonly #slots: readonly WorkerSlot[];
  readonly #linked = new Map<WorkerSlot, Linked>();
  readonly #metrics = new WorkerMetrics();
  readonly #store: WorkerStore;
  readonly #control: () => ControlSide;
  /** Settles the start of the first workers. */
  #started: (() => void) | undefined;
  #notStarted: ((error: Error) => void) | undefined;
  /** Settles the stop. */
  #allEnded: (() => void) | undefined;

  /** `control` is called when its parts have been started. */
  constructor(config: Config, log: Logger, metrics: Metrics, control: () => ControlSide) {
    this.#config = config;
    this.#log = log;
    this.#control = control;
    this.#store = new WorkerStore(config, (tenant) =>
      this.planes.orders.snapshot.tenants.has(wholeTenant(tenant)),
    );
    this.planes = new MergedPlanes({
      workers: config.workers,
      maxTenants: config['tenants.max'],
      unknownTenants: config['tenants.unknown'],
      beyondMachine: config['state.redis.url'].length > 0,
      orders: beforeAnyDocument(config),
      deadlineMs: DEADLINE_MS,
    });
    this.#slots = Array.from({ length: config.workers }, (_, index) => this.#slot(index + 1));
    this.parts = [
      { name: 'shared state', start: () => this.#store.start(), stop: () => this.#store.stop() },
      { name: 'workers', start: () => this.#start(), stop: () => this.#stop() },
    ];
    this.#export(metrics);
  }

  /** /metrics of all processes together. */
  scrape(own: Registry): Promise<string> {
    return this.#metrics.scrape(own, this.#slots);
  }

  #slot(id: number): WorkerSlot {
    return new WorkerSlot(id, {
      here: (slot) => this.#here(slot),
      serving: (slot) => this.#serving(slot),
      obeyed: (slot) => this.#linked.get(slot)?.link.obeyed(),
      store: (slot, requests) => slot.tell({ kind: 'store', replies: this.#store.answer(requests) }),
      frame: (frame) => this.#control().usage.heard(frame),
      last: (slot, answers) => this.#last(slot, answers),
      ended: (slot, end) => this.#ended(slot, end),
    });
  }

  #here(slot: WorkerSlot): ToWorker {
    const link = new WorkerLink(slot, this.planes.orders);
    this.#linked.set(slot, { link, plane: this.planes.add(link) });
    const { id: worker } = slot;
    const control = this.#control();
    const { machine, name } = control.usage;
    return {
      kind: 'start',
      worker,
      config: this.#config,
      admin: control.listensOn(),
      machine: { machine, name },
      orders: link.first,
    };
  }

  #serving(slot: WorkerSlot): void {
    const linked = this.#linked.get(slot);
    if (linked !== undefined) linked.plane.serving = true;
    if (!this.#slots.every(({ serving }) => serving)) return;
    this.#started?.();
    this.#notStarted = undefined;
  }

  #last(slot: WorkerSlot, answers: readonly Answer[]): void {
    const linked = this.#linked.get(slot);
    for (const answer of answers) {
      if (answer.about === 'metrics') this.#metrics.heard(slot, answer.metrics);
      if (answer.about === 'report' && linked) this.planes.absorb(linked.plane, answer.report);
    }
  }

  #ended(slot: WorkerSlot, end: WorkerEnd): void {
    const linked = this.#linked.get(slot);
    this.#linked.delete(slot);
    linked?.link.end();
    if (linked) this.planes.remove(linked.plane);
    this.#metrics.ended(slot);
    const details = { worker: slot.id, ...end };
    if (this.planes.draining) this.#log.info(details, 'a worker has stopped');
    else {
      this.planes.restarts++;
      this.#log.error(details, 'a worker has ended and is replaced');
    }
    if (!end.served)
      this.#notStarted?.(new StartError(`worker ${slot.id} ended before it served; the log says why`));
    this.#noteEnd();
  }

  /** Resolves when all workers serve; rejects when one ends before that. */
  async #start(): Promise<void> {
    cluster.setupPrimary({
      exec: fileURLToPath(new URL('./worker.js', import.meta.url)),
      args: [],
      serialization: 'advanced',
    });
    // If the stop is not waited for, the workers end with the primary.
    process.once('exit', () => {
      if (this.planes.draining) for (const slot of this.#slots) slot.kill();
    });
    const started = new Promise<void>((resolve, reject) => {
      this.#started = resolve;
      this.#notStarted = reject;
    });
    for (const slot of this.#slots) slot.start();
    try {
      await started;
    } catch (error) {
      await this.#stop();
      throw error;
    }
  }

  /** Drains and stops every worker. */
  async #stop(): Promise<void> {
    this.planes.draining = true;
    this.#log.info('stopping: not ready any more');
    const ended = new Promise<void>((resolve) => {
      this.#allEnded = resolve;
    });
    for (const slot of this.#slots) {
      slot.close();
      slot.tell({ kind: 'stop' });
    }
    this.#noteEnd();
    const { 'shutdown.delay': delayMs, 'shutdown.timeout': timeoutMs } = this.#config;
    const patience = setTimeout(
      () => {
        this.#log.error('workers that do not stop are killed');
        for (const slot of this.#slots) slot.kill();
      },
      delayMs + timeoutMs + this.#config['state.close_timeout'] + STOP_MARGIN_MS,
    );
    await ended;
    clearTimeout(patience);
  }

  #noteEnd(): void {
    if (this.#slots.every(({ pid }) => pid === undefined)) this.#allEnded?.();
  }

  #export(metrics: Metrics): void {
    metrics.gauge({
      name: 'mimir_edge_workers',
      help: 'Workers that serve.',
      read: () => this.#slots.filter(({ serving }) => serving).length,
    });
    metrics.gauge({
      name: 'mimir_edge_worker_buckets',
      help: 'Buckets that the workers share.',
      read: () => this.#store.buckets,
    });
    metrics.counter({
      name: 'mimir_edge_worker_restarts_total',
      help: 'Workers that ended and were replaced.',
      read: () => this.planes.restarts,
    });
  }
}
