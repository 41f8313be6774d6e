/**
 * What people and Kubernetes touch, once for all data planes of this machine: the sources of limits, controls, the audit,
 * usage, and the admin listener that shows and changes them.
 */
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { AdminServer } from '../admin/admin-server.js';
import { Api } from '../admin/api.js';
import { countWrites, exportApi } from '../admin/api-metrics.js';
import type { Audit } from '../admin/audit.js';
import { startEntry } from '../admin/audit-view.js';
import type { Edge, TenantState } from '../admin/edge.js';
import { overridesChange } from '../admin/overrides-audit.js';
import type { Tokens } from '../admin/tokens.js';
import { exportAdvice } from '../advice/advice-metrics.js';
import type { Advisor } from '../advice/advisor.js';
import { messageOf } from '../base/message-of.js';
import { VERSION } from '../base/version.js';
import { type Config, changedSettings } from '../config/config.js';
import { type Control, RELOAD } from '../controls/control.js';
import type { Controls } from '../controls/controls.js';
import { exportControls } from '../controls/controls-metrics.js';
import {
  GUARD,
  guardTitle,
  isGuard,
  isOwnGuard,
  readStanding,
  standingText,
} from '../controls/guard-control.js';
import { leastOf } from '../enforce/panic.js';
import { ShownTenants } from '../enforce/shown-tenants.js';
import { exportLimits, exportTenants } from '../enforce/tenant-metrics.js';
import { exportGuards } from '../guard/guard-metrics.js';
import type { Guards } from '../guard/guards.js';
import { effectiveLimits, effectiveMode } from '../limits/effective.js';
import type { Mode, Snapshot, TenantLimits } from '../limits/limits.js';
import type { DocumentsChange, Overrides } from '../overrides/overrides.js';
import { exportOverrides } from '../overrides/overrides-metrics.js';
import { exposition, type TextFormat } from '../telemetry/exposition.js';
import type { Metrics } from '../telemetry/metrics.js';
import { History, SAMPLE_MS } from '../usage/history.js';
import { exportHistory } from '../usage/history-metrics.js';
import { LimitHistory } from '../usage/limit-history.js';
import { BudgetActs } from './budget-acts.js';
import { edgeOf } from './edge-of.js';
import { openAdvisor } from './open-advisor.js';
import { openAudit, openTokens } from './open-audit.js';
import { openControls } from './open-controls.js';
import { openGuards } from './open-guards.js';
import { openOverrides } from './open-overrides.js';
import { Usage } from './open-usage.js';
import { PairsWarning } from './pairs-warning.js';
import type { Part } from './parts.js';
import type { DataPlanes, Orders } from './planes.js';
import { readinessOf } from './readiness.js';
import { reloaded } from './reloaded.js';

/** For a change of documents; the audit has all of them. */
const LOGGED_CHANGES = 20;
/** How often to check whether advice is due. */
const ADVISE_MS = 60_000;

interface ControlPlaneOptions {
  readonly config: Config;
  readonly log: Logger;
  /** Of this process. */
  readonly metrics: Metrics;
  readonly planes: DataPlanes;
  /** The content of /metrics: this process's metrics, and those of data planes in other processes. */
  readonly scrape: (own: Registry) => Promise<string>;
}

export class ControlPlane {
  readonly parts: readonly Part[];
  readonly usage: Usage;
  readonly #config: Config;
  readonly #log: Logger;
  readonly #planes: DataPlanes;
  readonly #now = (): number => performance.now();
  readonly #audit: Audit;
  readonly #advisor: Advisor;
  readonly #budgets: BudgetActs;
  readonly #tokens: Tokens;
  readonly #overrides: Overrides;
  readonly #controls: Controls;
  readonly #guards: Guards;
  readonly #history: History;
  readonly #edge: Edge;
  readonly #admin: AdminServer;
  readonly #limitHistory = new LimitHistory();
  readonly #pairs: PairsWarning;
  /** By the documents, without controls. */
  #documented: Snapshot;
  #adminAddress: AddressInfo | undefined;
  #sampling: NodeJS.Timeout | undefined;
  #advising: NodeJS.Timeout | undefined;
  #orders: Orders;
  #logLevel: string;
  #reloads = 0;
  #obeyed: Promise<readonly number[]> = Promise.resolve([]);

  constructor({ config, log, metrics, planes, scrape }: ControlPlaneOptions) {
    this.#config = config;
    this.#log = log;
    this.#planes = planes;
    this.#logLevel = config['log.level'];
    this.#pairs = new PairsWarning(log, config['ha.tracker_enabled']);
    this.#audit = openAudit(config, log);
    this.#tokens = openTokens(config, log);
    this.usage = new Usage(
      config,
      log,
      () => this.#overrides.snapshot.tenants,
      (id) => this.#inForce(id),
    );
    this.#history = new History(config['admin.history_max_bytes'], this.#now());
    this.#overrides = this.#openOverrides();
    this.#documented = this.#overrides.snapshot;
    this.#controls = this.#openControls();
    this.#guards = openGuards({
      config,
      log,
      planes,
      controls: this.#controls,
      audit: this.#audit,
      changed: () => this.#order(),
    });
    this.#orders = this.#ordersNow();
    this.#advisor = openAdvisor(config, this.usage.kept, () => this.#overrides.snapshot);
    this.#budgets = new BudgetActs({
      advisor: this.#advisor,
      controls: this.#controls,
      audit: this.#audit,
      log,
      isKeeper: () => this.usage.bookkeeper.status().keeping,
      mayAddTenants: config['tenants.unknown'] !== 'refuse',
      nowMs: Date.now,
    });
    this.#edge = edgeOf({
      config,
      planes,
      overrides: this.#overrides,
      controls: this.#controls,
      guards: this.#guards,
      audit: this.#audit,
      advisor: this.#advisor,
      history: this.#history,
      usage: this.usage,
      limitHistory: this.#limitHistory,
      orders: () => this.#orders,
      obeyed: () => this.#obeyed,
      now: this.#now,
    });
    const api = new Api(this.#edge, {
      tokens: this.#tokens,
      reads: config['admin.reads'],
      wrote: countWrites(metrics),
    });
    this.usage.replicas?.answerWith((path) => api.answer(path));
    this.#admin = this.#openAdmin(api, metrics, scrape);
    this.parts = this.#inOrder();
    this.#export(metrics, api);
  }

  /** The orders in force, with which data planes start. */
  get orders(): Orders {
    return this.#orders;
  }

  /** Throws before it is listening. */
  listensOn(): AddressInfo {
    if (this.#adminAddress === undefined) throw new Error('the admin listener is started first');
    return this.#adminAddress;
  }

  /** Only the log level of the settings is applied; other changes are named and wait for a restart. */
  async reload(settings: Config): Promise<void> {
    this.#logLevel = settings['log.level'];
    this.#reloads++;
    this.#log.level = this.#logLevel;
    const tokensFault = this.#tokens.reload();
    this.#order();
    await this.#overrides.reload();
    const waiting = changedSettings(this.#config, settings);
    if (waiting.length > 0) {
      this.#log.warn({ settings: waiting }, 'these settings need a restart: they stay as they were');
    }
    const { sources, lastError } = this.#overrides.status();
    const { read, failed } = reloaded(this.#config, {
      ...(sources.length > 0 && { overrides: lastError }),
      ...(this.#tokens.configured && { tokens: tokensFault }),
    });
    const message = `were read again: ${read.join(', ')}`;
    if (failed.length === 0) this.#log.info({ read }, message);
    else this.#log.error({ read, failed }, `${message}; the rest can not be used and stays as it was`);
  }

  /** The listener starts first, so that probes are answered (not ready) while limits are read. */
  #inOrder(): readonly Part[] {
    return [
      { name: 'audit', start: () => this.#noteStart(), stop: () => this.#audit.close() },
      { name: 'admin listener', start: () => this.#startAdmin(), stop: () => this.#admin.stop() },
      { name: 'overrides', start: () => this.#startOverrides(), stop: () => this.#overrides.stop() },
      {
        name: 'controls',
        start: () => this.#controls.start(this.#config['state.redis.connect_timeout']),
        stop: () => this.#controls.stop(),
      },
      { name: 'guards', start: () => this.#guards.start(), stop: () => this.#guards.stop() },
      this.usage.part,
      { name: 'history', start: () => this.#startSampling(), stop: () => clearInterval(this.#sampling) },
      { name: 'advice', start: () => this.#startAdvising(), stop: () => clearInterval(this.#advising) },
    ];
  }

  #noteStart(): void {
    const { machine: id, name, startedMs: atMs } = this.usage;
    this.#audit.addIfPossible([startEntry({ id, name, version: VERSION, atMs })]);
  }

  async #startAdmin(): Promise<void> {
    this.#adminAddress = await this.#admin.start();
  }

  async #startOverrides(): Promise<void> {
    await this.#overrides.start();
    this.#pairs.look(this.#overrides.snapshot);
    this.#order();
  }

  #startSampling(): void {
    this.#sampling = setInterval(() => void this.#sample(), SAMPLE_MS).unref();
  }

  /** For the metrics. Histories that can not be read are retried. */
  #startAdvising(): void {
    const keepUp = async (): Promise<void> => {
      await this.#advisor.keepUp();
      await this.#budgets.act();
    };
    const warn = (error: unknown): void =>
      this.#log.warn(
        { error: messageOf(error) },
        'advice could not be worked out: histories can not be read',
      );
    this.#advising = setInterval(() => void keepUp().catch(warn), ADVISE_MS).unref();
  }

  async #sample(): Promise<void> {
    try {
      await this.#planes.refresh();
      await this.#history.sample(this.#counted(), this.#now());
    } catch (error) {
      this.#log.error({ err: error }, 'history fails for a reason that is a bug');
    }
  }

  *#counted(): Generator<TenantState> {
    yield* this.#planes.tenants();
    yield this.#planes.unattributed();
  }

  /** The requested limits and mode with all controls applied. */
  #ordersNow(): Orders {
    const mayAdd = this.#config['tenants.unknown'] !== 'refuse';
    return {
      snapshot: this.#controls.overlay(this.#overrides.snapshot, mayAdd),
      mode: this.#controls.mode() ?? this.#config.mode,
      admitted: leastOf(this.#controls.admitted(), this.#guards.admitted()),
      limitsLoaded: this.#overrides.status().loaded,
      logLevel: this.#logLevel,
      reloads: this.#reloads,
    };
  }

  #inForce(id: string): { limits: TenantLimits; mode: Mode } {
    const unknownTenants = this.#config['tenants.unknown'];
    const mode = effectiveMode({ ...this.#orders, unknownTenants }, id);
    return { limits: effectiveLimits(this.#orders.snapshot, id), mode };
  }

  #order(): void {
    const before = this.#orders;
    this.#orders = this.#ordersNow();
    if (before.limitsLoaded) this.#limitHistory.note(before.snapshot, this.#orders.snapshot, Date.now());
    this.#obeyed = this.#planes.apply(this.#orders);
  }

  /** Without a change, documents were read for the first time. */
  #limitsChanged(snapshot: Snapshot, change: DocumentsChange | undefined): void {
    const before = this.#documented;
    this.#documented = snapshot;
    if (change !== undefined) this.#pairs.look(snapshot);
    this.#order();
    const facts = { tenants: snapshot.tenants.size, hash: snapshot.hash };
    if (change === undefined) {
      this.#log.info(facts, 'limits changed');
      return;
    }
    const { tenants: changed, entries } = overridesChange(before, snapshot, change, Date.now());
    this.#audit.addIfPossible(entries);
    const changes = entries.slice(0, LOGGED_CHANGES).map(({ tenant, name, before, after }) => ({
      tenant,
      name,
      before,
      after,
    }));
    this.#log.info({ ...facts, ...change, changed, changes }, 'limits changed');
  }

  #openOverrides(): Overrides {
    const log = this.#log;
    return openOverrides(this.#config, {
      changed: (snapshot, change) => this.#limitsChanged(snapshot, change),
      loaded: () => this.#order(),
      failed: (message) =>
        log.error({ error: message }, 'overrides can not be used: the last good ones stay'),
      warned: (document, { path, message, line, column }) =>
        log.warn({ document, line, column, path }, message),
      noticed: (message) => log.warn(message),
    });
  }

  #openControls(): Controls {
    return openControls(this.#config, {
      changed: () => this.#order(),
      received: (control, before) => {
        this.#noteReceived(control, before);
        if (control.name === RELOAD && control.value !== null) void this.#overrides.reload();
      },
      ended: (control) => {
        if (control.name !== RELOAD && !isOwnGuard(control.name))
          this.#audit.note('time', shown(control), undefined);
      },
      trouble: (message) => {
        if (message === undefined) this.#log.info('temporary modes and limits are shared and kept again');
        else this.#log.warn({ error: message }, 'temporary modes and limits are not shared or kept');
      },
      obeyed: () => this.#allObey(),
    });
  }

  /** If guards take the same step or renew their standing at the same time, only the first is reported. */
  #noteReceived(control: Control, before: Control | undefined): void {
    // A machine's own guard concerns only that machine, which has reported it.
    if (isOwnGuard(control.name)) return;
    const now = shown(control);
    const isTold = control.name === GUARD && this.#audit.lastOf(now.name)?.after === now.value;
    if (!isTold) this.#audit.note('fleet', now, before && shown(before));
  }

  /** A worker that hung may have recovered, so it is told again. */
  async #allObey(): Promise<boolean> {
    if ((await this.#obeyed).length > 0) this.#obeyed = this.#planes.apply(this.#orders);
    return (await this.#obeyed).length === 0;
  }

  #openAdmin(api: Api, metrics: Metrics, scrape: ControlPlaneOptions['scrape']): AdminServer {
    return new AdminServer(
      {
        ...this.#config['listen.admin'],
        names: this.#config['admin.hosts'].map((name) => name.toLowerCase()),
        onBug: (error) =>
          this.#log.error({ err: error }, 'an admin request failed for a reason that is a bug'),
      },
      {
        metrics: (format) => this.#metricsText(metrics, scrape, format),
        readiness: () => readinessOf(this.#planes, this.#overrides, this.#orders),
        healthy: () => this.#planes.healthy(),
        api,
      },
    );
  }

  async *#metricsText(
    metrics: Metrics,
    scrape: ControlPlaneOptions['scrape'],
    format: TextFormat,
  ): AsyncGenerator<string> {
    await this.#planes.refresh();
    yield* exposition(await scrape(metrics.registry), metrics.largeFamilies(), format);
  }

  #export(metrics: Metrics, api: Api): void {
    const shown = new ShownTenants(this.#config['metrics.tenants']);
    exportTenants(metrics, this.#planes, shown, this.#now);
    exportAdvice(metrics, this.#advisor, (tenant) => shown.has(tenant));
    exportLimits(metrics, () => this.#orders.snapshot);
    exportOverrides(metrics, () => ({ ...this.#overrides.status(), hash: this.#orders.snapshot.hash }));
    exportHistory(metrics, this.#history);
    this.usage.export(metrics);
    exportControls(metrics, this.#controls);
    exportGuards(metrics, this.#guards);
    exportApi(metrics, api);
    metrics.gauges({
      name: 'mimir_edge_panic_admitted',
      help: 'The part of their rates and bursts that tenants of a priority may use: 1 but in a panic.',
      labelNames: ['priority'],
      read: () => Object.entries(this.#orders.admitted).map(([priority, part]) => [{ priority }, part]),
    });
    metrics.gauge({
      name: 'mimir_edge_ready',
      help: '1 while the process is ready.',
      read: () => (this.#planes.status().ready ? 1 : 0),
    });
  }
}

/** For people. */
function shown(control: Control): Control {
  if (!isGuard(control.name)) return control;
  const standing = readStanding(control.value);
  return {
    ...control,
    name: guardTitle(control.name),
    value: standing === undefined ? null : standingText(standing),
  };
}
