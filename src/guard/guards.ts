/**
 * The guards of a control plane. One uses what this machine's edge measures, and its standing applies to this machine only:
 * another machine may have another path to Mimir. The other uses what a Prometheus says about Mimir, which is the same for
 * everybody: all replicas share its standing.
 */
import { Poller } from '../base/poller.js';
import { admittedBy, type GuardMode, type Standing } from '../controls/guard-control.js';
import { type AdmittedParts, ALL_ADMITTED, leastOf } from '../enforce/panic.js';
import type { EdgeLoads, EdgeSample } from './edge-loads.js';
import type { Guard, RuleStatus } from './guard.js';
import type { KeptStanding } from './kept-standing.js';
import type { Load } from './load.js';
import type { PrometheusLoads } from './prometheus-loads.js';

export type GuardName = 'edge' | 'prometheus';

interface EdgeGuardParts {
  readonly guard: Guard;
  readonly loads: EdgeLoads;
  readonly standing: KeptStanding;
  readonly sample: () => Promise<EdgeSample>;
}

export interface FleetGuardParts {
  readonly guard: Guard;
  readonly loads: PrometheusLoads;
  readonly standing: KeptStanding;
  readonly intervalMs: number;
  readonly keepMs: number;
  readonly close: () => Promise<void>;
}

interface GuardsOptions {
  readonly mode: () => GuardMode;
  readonly edge: EdgeGuardParts;
  /** Undefined: no Prometheus is configured. */
  readonly fleet: FleetGuardParts | undefined;
  readonly random: () => number;
  /** Called once for each new reason why a load is unknown; undefined: it is known again. */
  readonly trouble: (rule: string, error: string | undefined) => void;
  readonly failed: (error: unknown) => void;
}

export interface GuardStatus {
  readonly guard: GuardName;
  readonly standing: Standing;
  readonly rules: readonly RuleStatus[];
  readonly counts: Guard['counts'];
}

export const EDGE_INTERVAL_MS = 2000;

export class Guards {
  readonly #options: GuardsOptions;
  readonly #errors = new Map<string, string>();
  readonly #edgePoller: Poller;
  readonly #fleetPoller: Poller | undefined;

  constructor(options: GuardsOptions) {
    this.#options = options;
    const { fleet, failed, random } = options;
    this.#edgePoller = new Poller({
      run: () => this.lookAtEdge(),
      failed,
      waitMs: () => EDGE_INTERVAL_MS,
    });
    this.#fleetPoller =
      fleet &&
      new Poller({
        run: () => this.lookAtPrometheus(),
        failed,
        // Replicas that were started together drift apart.
        waitMs: () => fleet.intervalMs * (0.9 + random() / 5),
      });
  }

  get mode(): GuardMode {
    return this.#options.mode();
  }

  start(): void {
    this.#edgePoller.startLater();
    // The start does not wait for Prometheus.
    void this.#fleetPoller?.refresh();
  }

  async stop(): Promise<void> {
    const { fleet } = this.#options;
    const stopped = [this.#edgePoller.stop(), this.#fleetPoller?.stop()];
    await fleet?.close();
    await Promise.all(stopped);
  }

  /** Everything, unless guards act. */
  admitted(): AdmittedParts {
    if (this.mode !== 'act') return ALL_ADMITTED;
    return this.status()
      .map(({ standing }) => admittedBy(standing))
      .reduce(leastOf, ALL_ADMITTED);
  }

  status(): GuardStatus[] {
    const { edge, fleet } = this.#options;
    return [
      statusOf('edge', edge.guard),
      ...(fleet === undefined ? [] : [statusOf('prometheus', fleet.guard)]),
    ];
  }

  get failures(): number {
    return this.#options.fleet?.loads.failures ?? 0;
  }

  async lookAtEdge(): Promise<void> {
    const { guard, loads, standing, sample } = this.#options.edge;
    guard.look(loads.take(await sample()));
    standing.renew();
  }

  async lookAtPrometheus(): Promise<void> {
    if (this.#options.fleet === undefined) return;
    const { guard, loads, standing, keepMs } = this.#options.fleet;
    const found = await loads.poll();
    for (const { rule, error } of found) this.#tell(rule, error);
    await standing.refresh();
    const isKnown = found.every(({ percent }) => percent !== undefined);
    // If other replicas see the load, this one must not ease only because it does not.
    const isSeen = !isKnown && standing.isSeen(keepMs);
    guard.look(isSeen ? found.map(blinded) : found);
    if (isKnown) standing.renew();
  }

  #tell(rule: string, error: string | undefined): void {
    if (this.#errors.get(rule) === error) return;
    if (error === undefined) this.#errors.delete(rule);
    else this.#errors.set(rule, error);
    this.#options.trouble(rule, error);
  }
}

function statusOf(name: GuardName, { standing, rules, counts }: Guard): GuardStatus {
  return { guard: name, standing, rules, counts };
}

function blinded(load: Load): Load {
  return load.percent === undefined ? { ...load, blind: true } : load;
}
