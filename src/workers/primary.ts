/**
 * The edge in several processes: the primary has the only control plane, and each worker a data plane. The primary never
 * sees a push.
 */
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { checkFiles } from '../app/check-files.js';
import { ControlPlane } from '../app/control-plane.js';
import { startParts } from '../app/parts.js';
import { exportProcess } from '../app/process-metrics.js';
import { VERSION } from '../base/version.js';
import type { Config } from '../config/config.js';
import { Metrics } from '../telemetry/metrics.js';
import { WorkerPool } from './worker-pool.js';

export interface RunningPrimary {
  readonly admin: AddressInfo;
  /** Reads overrides, tokens and certificates again, and applies the log level of these settings. */
  reload(config: Config): Promise<void>;
  /** Drains and stops every worker. May be called repeatedly. */
  stop(): Promise<void>;
}

/** Resolves when all workers serve. */
export async function startPrimary(config: Config, log: Logger): Promise<RunningPrimary> {
  checkFiles(config);
  const metrics = new Metrics();
  exportProcess(metrics);
  const pool: WorkerPool = new WorkerPool(config, log, metrics, () => control);
  const control: ControlPlane = new ControlPlane({
    config,
    log,
    metrics,
    planes: pool.planes,
    scrape: (own) => pool.scrape(own),
  });
  const stop = await startParts([...control.parts, ...pool.parts]);
  log.info({ workers: config.workers, version: VERSION }, 'all workers serve');
  let stopping: Promise<void> | undefined;
  return {
    admin: control.listensOn(),
    reload: (settings) => control.reload(settings),
    stop() {
      stopping ??= stop().then(() => log.info('stopped'));
      return stopping;
    },
  };
}
