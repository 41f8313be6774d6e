/**
 * The process that workers come from. It starts them behind one port (node:cluster), replaces those that die, stops
 * them together, answers metrics and probes for all of them, and keeps their buckets where there is no Redis. It
 * never sees a push.
 */
import cluster from 'node:cluster';
import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { Gauge } from 'prom-client';
import { AdminServer, type Readiness } from '../admin/admin-server.js';
import { exportProcess } from '../app/process-metrics.js';
import { StartError } from '../base/listen.js';
import { VERSION } from '../base/version.js';
import type { Config } from '../config/config.js';
import { OTHER_TENANTS } from '../enforce/tenant-metrics.js';
import type { NumberedRequest } from '../shared/ipc/ipc-store.js';
import { MemoryStore } from '../shared/memory/memory-store.js';
import { Metrics } from '../telemetry/metrics.js';
import { SummedMetrics } from '../telemetry/summed-metrics.js';
import { type WorkerEnd, WorkerSlot } from './worker-slot.js';

/** Under the second that Kubernetes gives a probe by default. */
const PROBE_MS = 800;
const SCRAPE_MS = 3000;
/** Beyond the times that the settings give a worker to stop. */
const STOP_MARGIN_MS = 5000;
const EXPIRE_MS = 60_000;
const TICK_MS = 100;

export class Primary {
  readonly #config: Config;
  readonly #log: Logger;
  readonly #slots: readonly WorkerSlot[];
  readonly #admin: AdminServer;
  readonly #metrics = new Metrics();
  readonly #sums: SummedMetrics;
  readonly #store: MemoryStore;
  #expiring: NodeJS.Timeout | undefined;
  #ticking: NodeJS.Timeout | undefined;
  #adminAddress: AddressInfo | undefined;
  #scrape: Promise<string> | undefined;
  #restarts = 0;
  #draining = false;
  #stopping: Promise<void> | undefined;
  /** While the first workers start: how that ends. */
  #started: (() => void) | undefined;
  #notStarted: ((error: Error) => void) | undefined;
  /** While they stop. */
  #allEnded: (() => void) | undefined;

  constructor(config: Config, log: Logger) {
    this.#config = config;
    this.#log = log;
    this.#sums = new SummedMetrics(config['tenants.max'], OTHER_TENANTS);
    let incarnations = 0;
    const life = randomUUID();
    this.#store = new MemoryStore(
      () => `${life}.${incarnations++}`,
      config['tenants.max'],
      config['series.max'],
    );
    this.#slots = Array.from(
      { length: config.workers },
      (_, index) =>
        new WorkerSlot(index + 1, {
          welcome: ({ id }) => ({ kind: 'start', worker: id, config, admin: this.#adminListens() }),
          serving: () => this.#serving(),
          store: (slot, requests) => this.#answer(slot, requests),
          ended: (slot, end) => this.#ended(slot, end),
        }),
    );
    const options = {
      ...config['listen.admin'],
      names: [],
      onBug: (error: unknown) =>
        log.error({ err: error }, 'an admin request failed for a reason that is a bug'),
    };
    this.#admin = new AdminServer(options, {
      registry: {
        contentType: this.#metrics.registry.contentType,
        metrics: () => this.#allMetrics(),
      },
      readiness: () => this.#readiness(),
      healthy: async () => (await this.#ask()).every(({ readiness }) => readiness !== undefined),
    });
    this.#exportGauges();
  }

  /** Resolves when all workers serve; rejects when one ends before that. */
  async start(): Promise<void> {
    cluster.setupPrimary({
      exec: fileURLToPath(new URL('./worker.js', import.meta.url)),
      args: [],
      serialization: 'advanced',
    });
    this.#adminAddress = await this.#admin.start();
    this.#expiring = setInterval(() => this.#store.expire(performance.now()), EXPIRE_MS);
    this.#ticking = setInterval(() => this.#store.tick(performance.now()), TICK_MS);
    const started = new Promise<void>((resolve, reject) => {
      this.#started = resolve;
      this.#notStarted = reject;
    });
    // Whoever does not wait for the stop takes the workers along.
    process.once('exit', () => {
      if (this.#draining) for (const slot of this.#slots) slot.kill();
    });
    for (const slot of this.#slots) slot.start();
    await started;
    this.#log.info({ workers: this.#slots.length, version: VERSION }, 'all workers serve');
  }

  /** Every worker drains and stops. Safe to call twice. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#draining = true;
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
    clearInterval(this.#expiring);
    clearInterval(this.#ticking);
    await this.#admin.stop();
    this.#log.info('stopped');
  }

  #adminListens(): AddressInfo {
    if (this.#adminAddress === undefined) throw new Error('workers start after the admin listener');
    return this.#adminAddress;
  }

  #serving(): void {
    if (this.#slots.every(({ serving }) => serving)) {
      this.#started?.();
      this.#notStarted = undefined;
    }
  }

  #ended(slot: WorkerSlot, end: WorkerEnd): void {
    this.#sums.retire(slot.lastMetrics);
    slot.lastMetrics = [];
    const details = { worker: slot.id, ...end };
    if (this.#draining) this.#log.info(details, 'a worker has stopped');
    else {
      this.#restarts++;
      this.#log.error(details, 'a worker has ended and is replaced');
    }
    if (!end.served)
      this.#notStarted?.(new StartError(`worker ${slot.id} ended before it served; the log says why`));
    this.#noteEnd();
  }

  #noteEnd(): void {
    if (this.#slots.every(({ pid }) => pid === undefined)) this.#allEnded?.();
  }

  #answer(slot: WorkerSlot, requests: readonly NumberedRequest[]): void {
    const nowMs = performance.now();
    const replies = requests.map(({ id, request }) => ({ id, reply: this.#store.answer(request, nowMs) }));
    slot.tell({ kind: 'store', replies });
  }

  /** What those that serve say of themselves. */
  async #ask(): Promise<{ slot: WorkerSlot; readiness: Readiness | undefined }[]> {
    const answers = await Promise.all(
      this.#slots.map(async (slot) => ({
        slot,
        readiness: slot.serving ? await slot.ask('readiness', PROBE_MS) : undefined,
      })),
    );
    // One may have ended in the meantime.
    return answers.filter(({ slot }) => slot.serving);
  }

  /** Ready while a worker is, and none serves that is not, but for one that is leaving. */
  async #readiness(): Promise<Readiness> {
    const answers = await this.#ask();
    const some = answers.some(({ readiness }) => readiness?.ready);
    const others = answers.every(({ readiness }) => readiness?.ready || readiness?.details['draining']);
    return {
      ready: !this.#draining && some && others,
      details: {
        draining: this.#draining,
        mode: this.#config.mode,
        workers: {
          wanted: this.#slots.length,
          serving: answers.length,
          restarts: this.#restarts,
          buckets: this.#store.buckets,
          series: this.#store.series,
        },
        each: answers.map(({ slot, readiness }) => ({
          worker: slot.id,
          pid: slot.pid,
          ...(readiness === undefined
            ? { ready: false, hangs: true }
            : { ready: readiness.ready, ...readiness.details }),
        })),
      },
    };
  }

  /** Of all processes together. Who asks while another waits gets the same. */
  #allMetrics(): Promise<string> {
    this.#scrape ??= this.#sumMetrics().finally(() => {
      this.#scrape = undefined;
    });
    return this.#scrape;
  }

  async #sumMetrics(): Promise<string> {
    await Promise.all(this.#slots.map((slot) => slot.serving && slot.ask('metrics', SCRAPE_MS)));
    const own = await this.#metrics.registry.getMetricsAsJSON();
    // Of a worker that did not answer, what it said before: a sum that falls would look like a restart.
    return this.#sums.text([own, ...this.#slots.map(({ lastMetrics }) => lastMetrics)]);
  }

  #exportGauges(): void {
    const metrics = this.#metrics;
    exportProcess(metrics);
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
      read: () => this.#restarts,
    });
    const readiness = () => this.#readiness();
    new Gauge({
      name: 'mimir_edge_ready',
      help: '1 while the process is ready.',
      registers: [metrics.registry],
      async collect() {
        this.set((await readiness()).ready ? 1 : 0);
      },
    });
  }
}
