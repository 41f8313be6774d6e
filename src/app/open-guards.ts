/** The guards as configured: their loads, their standing, and who is told of their steps. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { Audit } from '../admin/audit.js';
import { PrometheusClient } from '../base/prometheus.js';
import type { Config } from '../config/config.js';
import type { Controls } from '../controls/controls.js';
import { GUARD, ownGuard, type Standing, standingText } from '../controls/guard-control.js';
import { EdgeLoads, type EdgeSample } from '../guard/edge-loads.js';
import { Guard } from '../guard/guard.js';
import { EDGE_INTERVAL_MS, type FleetGuardParts, type GuardName, Guards } from '../guard/guards.js';
import { KeptStanding } from '../guard/kept-standing.js';
import type { LadderSettings, Step } from '../guard/ladder.js';
import { highestNow } from '../guard/prometheus.js';
import { PrometheusLoads } from '../guard/prometheus-loads.js';
import { BOUNDS } from '../telemetry/latency-histogram.js';
import type { DataPlanes } from './planes.js';

interface GuardsParts {
  readonly config: Config;
  readonly log: Logger;
  readonly planes: DataPlanes;
  readonly controls: Controls;
  readonly audit: Audit;
  /** What the guards admit has changed. */
  readonly changed: () => void;
}

/** An expression has few series: a larger answer is a mistake. */
const MAX_ANSWER_BYTES = 1024 * 1024;
/** How many checks may be missed. */
const GAP_INTERVALS = 15;

export function openGuards(parts: GuardsParts): Guards {
  const { config, log, planes, controls } = parts;
  const mode = () => controls.guardMode() ?? config['guard.mode'];
  const settings = ladderSettings(config);
  const stepped = (name: GuardName) => (step: Step, before: Standing) => {
    tell(parts, name, acts(), step, before);
    if (acts()) parts.changed();
  };
  const acts = () => mode() === 'act';
  const own = new KeptStanding({
    controls,
    name: ownGuard(machineOf(config)),
    settings,
    acts,
    now: Date.now,
  });
  return new Guards({
    mode,
    edge: {
      guard: new Guard({
        settings,
        standings: own,
        longestGapMs: EDGE_INTERVAL_MS * GAP_INTERVALS,
        now: Date.now,
        stepped: stepped('edge'),
      }),
      loads: new EdgeLoads(
        {
          bytesInFlight: config['guard.bytes_in_flight'],
          failures: config['guard.upstream_failures'],
          latency: config['guard.upstream_latency'],
        },
        BOUNDS,
      ),
      standing: own,
      sample: () => sampleOf(planes),
    },
    fleet: fleetGuard(config, controls, settings, acts, stepped('prometheus')),
    random: Math.random,
    trouble: (rule, error) => {
      if (error === undefined) log.info({ rule }, `guard: ${rule} is known again`);
      else log.warn({ rule, error }, `guard: ${rule} is not known, and raises nothing: Prometheus ${error}`);
    },
    failed: (error) => log.error({ err: error }, 'a guard fails for a reason that is a bug'),
  });
}

/** A restarted container has the same host name and ports. */
function machineOf(config: Config): string {
  return `${hostname()}:${config['listen.admin'].port}`;
}

function ladderSettings(config: Config): LadderSettings {
  return {
    alarms: {
      warn: {
        at: config['guard.warn.at'],
        holdMs: config['guard.warn.hold'],
        admit: config['guard.warn.admit'],
        admitCritical: 100,
      },
      emergency: {
        at: config['guard.emergency.at'],
        holdMs: config['guard.emergency.hold'],
        admit: config['guard.emergency.admit'],
        admitCritical: 100,
      },
      panic: {
        at: config['guard.panic.at'],
        holdMs: config['guard.panic.hold'],
        admit: config['guard.panic.admit'],
        admitCritical: config['guard.panic.admit_critical'],
      },
    },
    recovery: {
      below: config['guard.recovery.below'],
      afterMs: config['guard.recovery.after'],
      step: config['guard.recovery.step'],
      everyMs: config['guard.recovery.every'],
    },
  };
}

async function sampleOf(planes: DataPlanes): Promise<EdgeSample> {
  await planes.look();
  const { bytesInFlight, measured, upstream } = planes.status();
  const { breaker } = upstream;
  return { bytesInFlight, ...measured, broken: breaker !== undefined && breaker.state !== 'closed' };
}

function fleetGuard(
  config: Config,
  controls: Controls,
  settings: LadderSettings,
  acts: () => boolean,
  stepped: (step: Step, before: Standing) => void,
): FleetGuardParts | undefined {
  if (config['guard.prometheus.url'] === '') return undefined;
  const intervalMs = config['guard.prometheus.interval'];
  const prometheus = new PrometheusClient({
    url: config['guard.prometheus.url'],
    timeoutMs: config['guard.prometheus.timeout'],
    tenant: config['guard.prometheus.tenant'],
    bearerTokenFile: config['guard.prometheus.bearer_token_file'],
    usernameFile: config['guard.prometheus.username_file'],
    passwordFile: config['guard.prometheus.password_file'],
    caFile: config['guard.prometheus.tls.ca_file'],
    settings: 'guard.prometheus.',
    maxBytes: MAX_ANSWER_BYTES,
  });
  const keepMs = config['guard.prometheus.keep'];
  const rules = [
    { rule: 'cpu', expression: config['guard.prometheus.cpu'] },
    { rule: 'memory', expression: config['guard.prometheus.memory'] },
    { rule: 'series', expression: config['guard.prometheus.series'] },
    { rule: 'other', expression: config['guard.prometheus.other'] },
  ].filter(({ expression }) => expression !== '');
  const standing = new KeptStanding({ controls, name: GUARD, settings, acts, now: Date.now });
  return {
    guard: new Guard({
      settings,
      standings: standing,
      longestGapMs: intervalMs * GAP_INTERVALS,
      now: Date.now,
      stepped,
    }),
    loads: new PrometheusLoads({
      rules,
      ask: (expression) => highestNow(prometheus, expression),
      keepMs,
      now: Date.now,
    }),
    standing,
    intervalMs,
    keepMs,
    close: () => prometheus.close(),
  };
}

/** Logs the step and, if it takes effect, adds it to the audit. A full disk does not stop what keeps Mimir alive. */
function tell(
  { log, audit }: GuardsParts,
  name: GuardName,
  acts: boolean,
  step: Step,
  before: Standing,
): void {
  const { kind, standing } = step;
  const facts = { guard: name, ...standing, acts };
  const does = acts ? '' : ' (observes: nothing is done)';
  const message = `guard: ${standingText(standing)}${does}, because ${standing.cause}`;
  if (kind === 'raised') log.warn(facts, message);
  else log.info(facts, message);
  if (!acts) return;
  audit.addIfPossible([
    {
      at: new Date().toISOString(),
      who: 'guard',
      from: 'here',
      action: kind === 'ended' ? 'take back' : 'set',
      tenant: null,
      name: `${GUARD}.${name}`,
      before: standingText(before),
      after: kind === 'ended' ? null : standingText(standing),
      reason: standing.cause,
      until: null,
      id: randomUUID(),
    },
  ]);
}
