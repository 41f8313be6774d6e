/**
 * A worker's process: a data plane that takes orders from the primary's control plane, reports to it on request and,
 * without Redis, uses the store in it. It ends when the primary says so or has ended; pushes under way complete.
 */
import cluster from 'node:cluster';
import type { Logger } from 'pino';
import { countingPart } from '../app/counting-part.js';
import { DataPlane } from '../app/data-plane.js';
import { startParts } from '../app/parts.js';
import type { Orders } from '../app/planes.js';
import { exportProcess } from '../app/process-metrics.js';
import { Reporter } from '../app/reporter.js';
import { setEngineFlags } from '../base/engine-flags.js';
import { StartError } from '../base/listen.js';
import { VERSION } from '../base/version.js';
import { SnapshotFollower } from '../limits/snapshot-change.js';
import { IpcStore } from '../shared/ipc/ipc-store.js';
import { openLog } from '../telemetry/log.js';
import { Metrics } from '../telemetry/metrics.js';
import type { Answer, Question, SentOrders, ToPrimary, ToWorker } from './messages.js';
import { workerConfig } from './worker-config.js';

type Start = Extract<ToWorker, { kind: 'start' }>;

class Worker {
  readonly #log: Logger;
  readonly #store: IpcStore;
  readonly #metrics = new Metrics();
  readonly #data: DataPlane;
  readonly #reporter: Reporter;
  readonly #follower: SnapshotFollower;
  readonly #stopParts: Promise<() => Promise<void>>;
  #stopping: Promise<void> | undefined;
  #crashed = false;

  constructor({ worker, config, admin, machine, orders: sent }: Start) {
    this.#log = openLog(config['log.level'], process.stdout, { worker });
    this.#store = new IpcStore(config.workers, (requests) => tell({ kind: 'store', requests }));
    setEngineFlags();
    exportProcess(this.#metrics);
    this.#follower = new SnapshotFollower(config.defaults);
    const orders = this.#read(sent);
    this.#data = new DataPlane({
      config: workerConfig(config),
      log: this.#log,
      metrics: this.#metrics,
      orders,
      primary: this.#store,
    });
    this.#reporter = new Reporter(this.#data, Date.now);
    const counting = countingPart(this.#data, machine, worker, (frame) => tell({ kind: 'frame', frame }));
    this.#stopParts = startParts([counting, ...this.#data.parts]);
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
    else if (message.kind === 'ask') void this.#tellAnswer(message.question);
    else if (message.kind === 'orders') this.#obey(message.orders);
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
    await this.#tellLast();
    process.exit(0);
  }

  #obey(sent: SentOrders): void {
    void this.#data.apply(this.#read(sent));
    void tell({ kind: 'obeyed' });
  }

  #read({ change, ...orders }: SentOrders): Orders {
    return { ...orders, snapshot: this.#follower.follow(change) };
  }

  async #tellAnswer(question: Question): Promise<void> {
    await tell({ kind: 'answer', answer: await this.#answer(question) });
  }

  /** Sends the counts that would otherwise be missing from the sums. */
  async #tellLast(): Promise<void> {
    const answers = [await this.#answer({ about: 'metrics' }), await this.#answer({ about: 'report' })];
    await tell({ kind: 'last', answers });
  }

  async #answer(question: Question): Promise<Answer> {
    const { about } = question;
    if (about === 'metrics') return { about, metrics: await this.#metrics.registry.getMetricsAsJSON() };
    if (about === 'status') return { about, status: this.#data.status() };
    if (about === 'report') return { about, report: this.#reporter.report() };
    if (about === 'senders') {
      const { tenant } = question;
      return { about, tenant, senders: await this.#data.senders(tenant) };
    }
    const { tenant } = question;
    return { about, tenant, top: await this.#data.topMetrics(tenant) };
  }

  /** Nothing can be trusted any more, except that unspent leases can be returned. */
  async #crash(error: unknown): Promise<void> {
    if (this.#crashed) return;
    this.#crashed = true;
    this.#log.fatal({ err: error }, 'a bug ends this worker');
    setTimeout(() => process.exit(1), CRASH_TIMEOUT_MS);
    await this.#data.ledger.close();
    await this.#tellLast();
    process.exit(1);
  }

  #fail(message: string, error: unknown): void {
    if (error instanceof StartError) this.#log.fatal(error.message);
    else this.#log.fatal({ err: error }, message);
    process.exit(1);
  }
}

const CRASH_TIMEOUT_MS = 2000;

/** Resolves when it is written, or can not be, in which case nobody needs the message. */
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
    // A second signal ends it at once.
    if (asked || worker === undefined) process.exit(1);
    asked = true;
    worker.stop();
  });
}
// The primary receives it, too, and says what to read again.
process.on('SIGHUP', () => {});
process.stdout.on('error', () => process.exit(1));
void tell({ kind: 'here' });
