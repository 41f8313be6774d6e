/**
 * A worker's process: the app as in a process of its own, but for the admin listener and, without Redis, the ledger,
 * which are the primary's. It ends when the primary says so, or has ended itself; pushes under way are let through.
 */
import cluster from 'node:cluster';
import type { Logger } from 'pino';
import { ControlPlane } from '../app/control-plane.js';
import { DataPlane } from '../app/data-plane.js';
import { startParts } from '../app/parts.js';
import { exportProcess } from '../app/process-metrics.js';
import { beforeAnyDocument, setHeapFlags } from '../app/start-app.js';
import { StartError } from '../base/listen.js';
import { VERSION } from '../base/version.js';
import { IpcStore } from '../shared/ipc/ipc-store.js';
import { openLog } from '../telemetry/log.js';
import { Metrics } from '../telemetry/metrics.js';
import type { Answers, ToPrimary, ToWorker } from './messages.js';
import { workerConfig } from './worker-config.js';

type Start = Extract<ToWorker, { kind: 'start' }>;

class Worker {
  readonly #log: Logger;
  readonly #store: IpcStore;
  readonly #metrics = new Metrics();
  readonly #data: DataPlane;
  readonly #control: ControlPlane;
  readonly #stopParts: Promise<() => Promise<void>>;
  #stopping: Promise<void> | undefined;
  #crashed = false;

  constructor({ worker, config, admin }: Start) {
    this.#log = openLog(config['log.level'], process.stdout, { worker });
    this.#store = new IpcStore(config.workers, (requests) => tell({ kind: 'store', requests }));
    setHeapFlags();
    exportProcess(this.#metrics);
    const own = { ...workerConfig(config), 'admin.audit_file': '' };
    const common = { config: own, log: this.#log, metrics: this.#metrics };
    const orders = beforeAnyDocument(own);
    this.#data = new DataPlane({ ...common, orders, primary: this.#store });
    const scrape = async () => '';
    this.#control = new ControlPlane({ ...common, planes: this.#data, scrape });
    const limits = this.#control.parts.filter(({ name }) => name === 'overrides' || name === 'controls');
    this.#stopParts = startParts([...limits, ...this.#data.parts]);
    this.#stopParts.then(
      () => {
        const { proxyAddress: proxy, grpcAddress: grpc } = this.#data;
        this.#log.info({ proxy, grpc, admin, mode: orders.mode, version: VERSION }, 'serving');
        void tell({ kind: 'serving', proxy });
      },
      (error: unknown) => this.#fail('the start failed', error),
    );
    process.on('uncaughtException', (error) => void this.#crash(error));
  }

  heard(message: ToWorker): void {
    if (message.kind === 'stop') this.stop();
    else if (message.kind === 'store') this.#store.answered(message.replies);
    else if (message.kind === 'ask') void this.#answer(message.about);
  }

  /** The primary has ended. */
  orphaned(): void {
    this.#log.error('the primary process is gone: stopping');
    this.#store.lost();
    this.stop();
  }

  stop(): void {
    this.#stopping ??= this.#stop().catch((error: unknown) => this.#fail('the stop failed', error));
  }

  async #stop(): Promise<void> {
    await (await this.#stopParts)();
    this.#log.info('stopped');
    await this.#answer('metrics');
    process.exit(0);
  }

  async #answer(about: keyof Answers): Promise<void> {
    const answers =
      about === 'metrics'
        ? { metrics: await this.#metrics.registry.getMetricsAsJSON() }
        : { readiness: await this.#control.readiness() };
    await tell({ kind: 'answer', answers });
  }

  /** Nothing can be trusted any more, but what is leased and was not spent is there to be returned. */
  async #crash(error: unknown): Promise<void> {
    if (this.#crashed) return;
    this.#crashed = true;
    this.#log.fatal({ err: error }, 'a bug ends this worker');
    setTimeout(() => process.exit(1), CRASH_TIMEOUT_MS);
    await this.#data.ledger.close();
    await this.#answer('metrics');
    process.exit(1);
  }

  #fail(message: string, error: unknown): void {
    if (error instanceof StartError) this.#log.fatal(error.message);
    else this.#log.fatal({ err: error }, message);
    process.exit(1);
  }
}

const CRASH_TIMEOUT_MS = 2000;

/** Resolves when it is written, or can not be: whoever is not there needs no message. */
function tell(message: ToPrimary): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || process.send === undefined) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}

let worker: Worker | undefined;
process.on('message', (message: ToWorker) => {
  if (message.kind === 'start') worker = new Worker(message);
  else if (worker !== undefined) worker.heard(message);
  else if (message.kind === 'stop') process.exit(0);
});
cluster.worker?.once('disconnect', () => {
  // Otherwise node:cluster ends the process at once, with all pushes under way.
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
  if (worker === undefined) process.exit(1);
  worker.orphaned();
});
let asked = false;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    // Whoever asks twice does not want to wait.
    if (asked || worker === undefined) process.exit(1);
    asked = true;
    worker.stop();
  });
}
process.stdout.on('error', () => process.exit(1));
void tell({ kind: 'here' });
