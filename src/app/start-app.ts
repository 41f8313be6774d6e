/** The edge in one process: a data plane, and the control plane over it. */
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import type { Logger } from 'pino';
import { VERSION } from '../base/version.js';
import type { Config } from '../config/config.js';
import type { Enforcer } from '../enforce/enforcer.js';
import type { Ledger } from '../enforce/ledger.js';
import { ALL_ADMITTED } from '../enforce/panic.js';
import { buildSnapshot } from '../limits/snapshot.js';
import { Metrics } from '../telemetry/metrics.js';
import { checkFiles } from './check-files.js';
import { ControlPlane } from './control-plane.js';
import { DataPlane } from './data-plane.js';
import { countingPart } from './open-usage.js';
import { startParts } from './parts.js';
import type { Orders } from './planes.js';
import { exportProcess } from './process-metrics.js';

export interface RunningApp {
  /** Undefined: there is no upstream, and only Envoy is served. */
  readonly proxy: AddressInfo | undefined;
  /** Undefined: Envoy is not served. */
  readonly grpc: AddressInfo | undefined;
  readonly admin: AddressInfo;
  readonly enforcer: Enforcer;
  readonly ledger: Ledger;
  /** Reads overrides, tokens and certificates again, and takes the log level of these settings. */
  reload(config: Config): Promise<void>;
  /** Drains and stops. Safe to call twice. */
  stop(): Promise<void>;
}

export async function startApp(config: Config, log: Logger): Promise<RunningApp> {
  checkFiles(config);
  setHeapFlags();
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

/** What holds until the control plane has said something. */
export function beforeAnyDocument({ mode, defaults, 'log.level': logLevel }: Config): Orders {
  const snapshot = buildSnapshot({ defaults, mimir: [], edge: [] });
  return { snapshot, mode, admitted: ALL_ADMITTED, limitsLoaded: false, logLevel, reloads: 0 };
}

/**
 * Once a few collections find most objects of a kind alive, V8 makes all of that kind among the old ones, for good. Pushes
 * that wait for a slow upstream are enough for that. docs/performance.md has what it costs.
 */
export function setHeapFlags(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}
