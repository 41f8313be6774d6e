/** The edge in one process: a data plane and its control plane. */
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { setEngineFlags } from '../base/engine-flags.js';
import { VERSION } from '../base/version.js';
import type { Config } from '../config/config.js';
import type { Enforcer } from '../enforce/enforcer.js';
import type { Ledger } from '../enforce/ledger.js';
import { Metrics } from '../telemetry/metrics.js';
import { checkFiles } from './check-files.js';
import { ControlPlane } from './control-plane.js';
import { countingPart } from './counting-part.js';
import { DataPlane } from './data-plane.js';
import { beforeAnyDocument } from './first-orders.js';
import { startParts } from './parts.js';
import { exportProcess } from './process-metrics.js';

export interface RunningApp {
  /** Undefined: there is no upstream, and only Envoy is served. */
  readonly proxy: AddressInfo | undefined;
  /** Undefined: Envoy is not served. */
  readonly grpc: AddressInfo | undefined;
  readonly admin: AddressInfo;
  readonly enforcer: Enforcer;
  readonly ledger: Ledger;
  /** Reads overrides, tokens and certificates again, and applies the log level of these settings. */
  reload(config: Config): Promise<void>;
  /** Drains and stops. May be called repeatedly. */
  stop(): Promise<void>;
}

export async function startApp(config: Config, log: Logger): Promise<RunningApp> {
  checkFiles(config);
  setEngineFlags();
  const metrics = new Metrics();
  exportProcess(metrics);
  const data = new DataPlane({ config, log, metrics, orders: beforeAnyDocument(config), primary: undefined });
  const control = new ControlPlane({
    config,
    log,
    metrics,
    planes: data,
    scrape: (registry) => registry.metrics(),
  });
  const { usage } = control;
  const counting = countingPart(data, usage, undefined, (frame) => usage.heard(frame));
  const stop = await startParts([...control.parts, counting, ...data.parts]);
  const { proxyAddress: proxy, grpcAddress: grpc } = data;
  const admin = control.listensOn();
  log.info({ proxy, grpc, admin, mode: control.orders.mode, version: VERSION }, 'serving');
  let stopping: Promise<void> | undefined;
  return {
    proxy,
    grpc,
    admin,
    enforcer: data.enforcer,
    ledger: data.ledger,
    reload: (settings) => control.reload(settings),
    stop() {
      stopping ??= stop().then(() => log.info('stopped'));
      return stopping;
    },
  };
}
