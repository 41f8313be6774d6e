/**
 * The one place where a push is judged. A door calls `admit` with the tenant id before it reads a body, `judge`
 * with what the body holds, and `giveBack` when an accepted push did not reach Mimir. The order is Mimir's own.
 *
 * Both answer at once unless they have to wait for the shared ledger (an empty lease, an HA pair that is not known yet);
 * then they answer a promise. A push that is looked at again after such a wait is copied before it.
 */
import type { Mode, Snapshot, TenantLimits } from '../limits/limits.js';
import { resolveTenantId, type TenantIdFault } from '../limits/tenant-id.js';
import { type HaLabels, ownedPush, type Push } from '../payload/push.js';
import { everySeriesIsValid, findInvalidSeries, itemsOfPush, itemsWithout } from './label-rules.js';
import type { Answer, ElectionAnswer, ElectionRules, Ledger } from './ledger.js';
import { LeftOut, type SeriesReason } from './left-out.js';
import type { LimitedBucket } from './limited-bucket.js';
import type { Reason } from './reasons.js';
import { type Refusal, type RefusalDetails, refuse } from './refusal.js';
import type { ActiveSeries, OverLimit } from './series.js';
import { Tally } from './tally.js';
import { Tenant } from './tenant.js';
import { Tenants } from './tenants.js';
import type { Accepted, Admission, Admitted, Charge, Verdict } from './verdict.js';

export interface EnforcerOptions {
  readonly snapshot: Snapshot;
  readonly ledger: Ledger;
  /** The mode of tenants that name none; `off` switches enforcement off for everybody. */
  readonly mode: Mode;
  /** What becomes of tenants that no overrides document names. */
  readonly unknownTenants: 'defaults' | 'refuse' | 'pass';
  /** Tenants held in memory at most. */
  readonly maxTenants: number;
  /** Mimir's distributors: each has a whole burst of its own. */
  readonly distributors: number;
  /** Undefined: series are not tracked. */
  readonly series: ActiveSeries | undefined;
  /** A push of which some series may not pass: let the others through, or refuse all of it. A tenant may say otherwise. */
  readonly overLimit: 'filter' | 'refuse';
  /** Answer pushes of replicas that are not elected, or forward them for Mimir to drop. */
  readonly dropDuplicates: boolean;
  /** 0 to 1, for the jitter of Retry-After. */
  readonly random: () => number;
  /** Milliseconds of a clock that never steps back. */
  readonly now: () => number;
}

/** Reads the labels of some series for a message: only called for a push that is refused, or loses series. */
export type SeriesNamer = (push: Push, rows: readonly number[]) => string[];

const ACCEPT_UNCHARGED: Accepted = { kind: 'accept', items: 0, bytes: 0, shadowed: undefined };

export class Enforcer {
  readonly tenants: Tenants;
  /** Pushes that named no tenant, or none that may send. */
  readonly unattributed = new Tally();
  readonly #options: EnforcerOptions;
  readonly #nameSeries: SeriesNamer;
  #snapshot: Snapshot;
  #mode: Mode;

  constructor(options: EnforcerOptions, nameSeries: SeriesNamer) {
    this.#options = options;
    this.#nameSeries = nameSeries;
    this.#snapshot = options.snapshot;
    this.#mode = options.mode;
    this.tenants = new Tenants(options.maxTenants);
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  get mode(): Mode {
    return this.#mode;
  }

  /** All limits change here, at once, for tenants in memory and for those to come. */
  apply(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#relimitTenants();
  }

  setMode(mode: Mode): void {
    this.#mode = mode;
    this.#relimitTenants();
  }

  /** A tenant's limits and mode, in memory or not. */
  effective(id: string): { readonly limits: TenantLimits; readonly mode: Mode } {
    const limits = this.#limitsOf(id);
    return { limits, mode: this.#modeOf(id, limits) };
  }

  /** Before the body: is there a tenant, is it known, may it send another request? */
  admit(id: string | undefined): Admission | Promise<Admission> {
    const nowMs = this.#options.now();
    const tenant = id === undefined ? undefined : this.tenants.use(id, nowMs);
    return tenant === undefined ? this.#admitNew(id, nowMs) : this.#admitTenant(tenant, nowMs);
  }

  /**
   * After the body: may what it holds pass? Takes everything that the push costs, or nothing. `allOrNothing`: where some
   * series may not pass none does; a door asks for it that can not leave any out.
   */
  judge(
    tenant: Tenant,
    push: Push,
    allOrNothing = (tenant.limits.edge.over_limit ?? this.#options.overLimit) === 'refuse',
  ): Verdict | Promise<Verdict> {
    const nowMs = this.#options.now();
    tenant.tally.received(push);
    if (tenant.mode === 'off') {
      tenant.tally.accepted++;
      return ACCEPT_UNCHARGED;
    }
    const { ha } = push;
    if (ha === undefined || !sendsFromPair(ha, tenant.limits))
      return this.#judgeSeries(tenant, push, allOrNothing, nowMs);
    const answer = tenant.elections.hear(ha, electionRules(tenant.limits), nowMs);
    if (!(answer instanceof Promise))
      return this.#judgeReplica(tenant, push, ha, answer, allOrNothing, nowMs);
    const owned = ownedPush(push);
    return answer.then((late) => this.#judgeReplica(tenant, owned, ha, late, allOrNothing, nowMs));
  }

  /** The push did not reach Mimir: the sender will come again, and pays then. */
  giveBack(admitted: Admitted, charge: Charge | undefined): void {
    const nowMs = this.#options.now();
    const { tenant, requests } = admitted;
    if (requests > 0) tenant.requests?.bucket.giveBack(requests, nowMs);
    if (charge !== undefined) this.#giveBackCharge(tenant, charge, nowMs);
  }

  /** Mimir took the push for a duplicate: it costs nothing, and Mimir's election is the one that counts. */
  deduplicated(tenant: Tenant, ha: HaLabels, charge: Charge): void {
    const nowMs = this.#options.now();
    this.#giveBackCharge(tenant, charge, nowMs);
    tenant.elections.resign(ha, nowMs);
  }

  /** A door refuses for a reason of its own (a body that does not decode): counted here like any other. */
  refuse(tenant: Tenant, reason: Reason, sentence: string): Refusal {
    const refusal = refuse(reason, `${sentence}; tenant ${tenant.id}`, this.#details(tenant, 1));
    if (tenant.mode === 'shadow') tenant.tally.shadow(reason, undefined);
    else tenant.tally.refuse(reason, undefined);
    return refusal;
  }

  /** The tenant of a charge without a push, by the name that a header gives it; or why none of it may send. */
  tenant(name: string): Tenant | Refusal {
    const nowMs = this.#options.now();
    const tenant = this.tenants.use(name, nowMs) ?? this.#findTenant(name, nowMs);
    return tenant instanceof Tenant ? tenant : this.#refuseUnattributed(...tenant);
  }

  /**
   * Takes n tokens from a bucket of the tenant, or from one that stands in for it. A refusal is not counted: the door
   * may give back what else it has drawn, and says with `refused` what became of it.
   */
  draw(
    tenant: Tenant,
    limited: LimitedBucket,
    n: number,
  ): Refusal | undefined | Promise<Refusal | undefined> {
    const nowMs = this.#options.now();
    if (limited.kind === 'items' && n > limited.maxPerPush) return this.#refuseBurst(tenant, limited, n);
    if (limited.bucket.take(n, nowMs)) return undefined;
    return whenAnswered(limited.bucket.ask(n, nowMs), (answer) =>
      answer.granted ? undefined : this.#refuseDraw(tenant, limited, n, answer),
    );
  }

  /** Counts a refusal by `draw`. True: the tenant is in shadow mode, and it is only to be seen. */
  refused(tenant: Tenant, refusal: Refusal): boolean {
    return this.#outcome(tenant, undefined, undefined, refusal).kind === 'accept';
  }

  #admitNew(name: string | undefined, nowMs: number): Admission | Promise<Admission> {
    const tenant = this.#findTenant(name ?? '', nowMs);
    return tenant instanceof Tenant ? this.#admitTenant(tenant, nowMs) : this.#refuseUnattributed(...tenant);
  }

  /** By a name that is no id of a tenant in memory; or why no tenant of this name may send. */
  #findTenant(name: string, nowMs: number): Tenant | readonly [Reason, string] {
    const resolved = resolveTenantId(name);
    if ('fault' in resolved) {
      const sentence = TENANT_ID_SENTENCES[resolved.fault];
      return [resolved.fault === 'empty' ? 'edge_missing_tenant' : 'edge_invalid_tenant', sentence];
    }
    const { id } = resolved;
    if (this.#options.unknownTenants === 'refuse' && !this.#snapshot.tenants.has(id)) {
      return ['edge_unknown_tenant', `tenant ${id} is in no overrides document`];
    }
    return this.tenants.use(id, nowMs) ?? this.#addTenant(id, nowMs);
  }

  #addTenant(id: string, nowMs: number): Tenant {
    const limits = this.#limitsOf(id);
    const tenant = new Tenant(
      id,
      limits,
      this.#modeOf(id, limits),
      this.#options.ledger,
      this.#options.distributors,
      this.#options.series?.tenant(id),
      nowMs,
    );
    this.tenants.add(tenant, nowMs);
    return tenant;
  }

  #admitTenant(tenant: Tenant, nowMs: number): Admission | Promise<Admission> {
    tenant.tally.requests++;
    const limited = tenant.requests;
    if (limited === undefined || tenant.mode === 'off') return admitted(tenant, 0);
    if (limited.bucket.take(1, nowMs)) return admitted(tenant, 1);
    return whenAnswered(limited.bucket.ask(1, nowMs), (answer) => {
      if (answer.granted) return admitted(tenant, 1);
      const refusal = answer.lost
        ? this.#refuseLost(tenant, answer.waitSeconds)
        : this.#refuseRequest(tenant, limited, answer);
      const outcome = this.#outcome(tenant, undefined, undefined, refusal);
      return outcome.kind === 'refuse' ? outcome : admitted(tenant, 0, refusal);
    });
  }

  #judgeReplica(
    tenant: Tenant,
    push: Push,
    ha: HaLabels,
    answer: ElectionAnswer,
    allOrNothing: boolean,
    nowMs: number,
  ): Verdict | Promise<Verdict> {
    if (answer === 'too_many_clusters') {
      return this.#outcome(
        tenant,
        push,
        undefined,
        refuse('too_many_ha_clusters', pairsSentence(tenant, ha)),
      );
    }
    if (answer !== 'other') return this.#judgeSeries(tenant, push, allOrNothing, nowMs);
    tenant.tally.deduplicated += push.samples + push.histograms;
    if (tenant.mode === 'enforce' && this.#options.dropDuplicates) {
      return { kind: 'duplicate', message: duplicateSentence(tenant, ha) };
    }
    tenant.tally.accepted++;
    return ACCEPT_UNCHARGED;
  }

  #judgeSeries(tenant: Tenant, push: Push, allOrNothing: boolean, nowMs: number): Verdict | Promise<Verdict> {
    const { limits } = tenant;
    const maxSeries = limits.edge.max_series_per_request;
    if (maxSeries > 0 && push.series > maxSeries) {
      const refusal = refuse('edge_series_per_request', seriesSentence(tenant, push, maxSeries), {
        observed: push.series,
        allowed: maxSeries,
      });
      return this.#outcome(tenant, push, undefined, refusal);
    }
    const leftOut = everySeriesIsValid(push, limits) ? undefined : findInvalidSeries(push, limits);
    return this.#judgeItems(tenant, push, leftOut, allOrNothing, nowMs);
  }

  #judgeItems(
    tenant: Tenant,
    push: Push,
    leftOut: LeftOut | undefined,
    allOrNothing: boolean,
    nowMs: number,
  ): Verdict | Promise<Verdict> {
    const { limits, items: limited } = tenant;
    if (leftOut !== undefined && (allOrNothing || nothingIsLeft(push, leftOut))) {
      return this.#outcome(tenant, push, leftOut, this.#refuseSeries(tenant, push, leftOut, 'refused'));
    }
    const items = leftOut === undefined ? itemsOfPush(push, limits) : itemsWithout(push, limits, leftOut);
    if (limited === undefined || items === 0)
      return this.#judgeBytes(tenant, push, leftOut, allOrNothing, 0, nowMs);
    if (items > limited.maxPerPush)
      return this.#outcome(tenant, push, leftOut, this.#refuseBurst(tenant, limited, items));
    if (limited.bucket.take(items, nowMs))
      return this.#judgeBytes(tenant, push, leftOut, allOrNothing, items, nowMs);
    const asked = limited.bucket.ask(items, nowMs);
    const kept = keptFor(asked, push);
    return whenAnswered(asked, (answer) =>
      answer.granted
        ? this.#judgeBytes(tenant, kept, leftOut, allOrNothing, items, nowMs)
        : this.#outcome(tenant, kept, leftOut, this.#refuseItems(tenant, limited, items, answer)),
    );
  }

  #judgeBytes(
    tenant: Tenant,
    push: Push,
    leftOut: LeftOut | undefined,
    allOrNothing: boolean,
    items: number,
    nowMs: number,
  ): Verdict | Promise<Verdict> {
    const limited = tenant.bytes;
    const bytes = push.compressedBytes;
    if (limited === undefined) return this.#judgeActive(tenant, push, leftOut, allOrNothing, items, 0, nowMs);
    if (limited.bucket.take(bytes, nowMs))
      return this.#judgeActive(tenant, push, leftOut, allOrNothing, items, bytes, nowMs);
    const asked = limited.bucket.ask(bytes, nowMs);
    const kept = keptFor(asked, push);
    return whenAnswered(asked, (answer) => {
      if (answer.granted) return this.#judgeActive(tenant, kept, leftOut, allOrNothing, items, bytes, nowMs);
      this.#giveBackCharge(tenant, { items, bytes: 0 }, nowMs);
      return this.#outcome(tenant, kept, leftOut, this.#refuseBytes(tenant, limited, bytes, answer));
    });
  }

  /**
   * Last, because series that are admitted here have to be on their way to Mimir: a push that is refused for its rate
   * leaves none behind. What the push was charged for those that are left out comes back.
   */
  #judgeActive(
    tenant: Tenant,
    push: Push,
    leftOut: LeftOut | undefined,
    allOrNothing: boolean,
    items: number,
    bytes: number,
    nowMs: number,
  ): Verdict | Promise<Verdict> {
    const { series, limits, tally } = tenant;
    if (series === undefined) return this.#accept(tenant, push, leftOut, items, bytes);
    const checking = series.check(
      push,
      leftOut?.rows,
      limits,
      allOrNothing && tenant.mode === 'enforce',
      nowMs,
    );
    const kept = keptFor(checking, push);
    return whenAnswered(checking, ({ newAdmitted, newLater, overLimit, lost }) => {
      tally.newSeries += newAdmitted;
      void newLater?.then((more) => {
        tally.newSeries += more;
      });
      if (lost) {
        this.#giveBackCharge(tenant, { items, bytes }, nowMs);
        return this.#outcome(tenant, kept, leftOut, this.#refuseLost(tenant, UNKNOWN_WAIT_SECONDS));
      }
      if (overLimit === undefined) return this.#accept(tenant, kept, leftOut, items, bytes);
      tally.seriesOverLimit += overLimit.rows.length;
      return this.#acceptWithout(
        tenant,
        kept,
        withOverLimit(kept, leftOut, overLimit),
        allOrNothing,
        items,
        bytes,
        nowMs,
      );
    });
  }

  #acceptWithout(
    tenant: Tenant,
    push: Push,
    leftOut: LeftOut,
    allOrNothing: boolean,
    items: number,
    bytes: number,
    nowMs: number,
  ): Verdict {
    if (allOrNothing || nothingIsLeft(push, leftOut)) {
      this.#giveBackCharge(tenant, { items, bytes }, nowMs);
      return this.#outcome(tenant, push, leftOut, this.#refuseSeries(tenant, push, leftOut, 'refused'));
    }
    const rest = Math.min(items, itemsWithout(push, tenant.limits, leftOut));
    this.#giveBackCharge(tenant, { items: items - rest, bytes: 0 }, nowMs);
    return this.#accept(tenant, push, leftOut, rest, bytes);
  }

  /** In shadow mode nothing is left out, only counted. */
  #accept(tenant: Tenant, push: Push, leftOut: LeftOut | undefined, items: number, bytes: number): Verdict {
    tenant.tally.accepted++;
    if (leftOut === undefined) return { kind: 'accept', items, bytes, shadowed: undefined };
    const refusal = this.#refuseSeries(tenant, push, leftOut, 'left out');
    if (tenant.mode !== 'enforce') {
      tenant.tally.shadowLeaveOut(leftOut);
      return { kind: 'accept', items, bytes, shadowed: refusal };
    }
    tenant.tally.leaveOut(leftOut);
    return { kind: 'filter', items, bytes, push, leftOut, refusal };
  }

  /** In shadow mode a refusal is counted apart, and the push goes on, charged nothing. */
  #outcome(
    tenant: Tenant,
    push: Push | undefined,
    leftOut: LeftOut | undefined,
    refusal: Refusal,
  ): Accepted | Refusal {
    if (tenant.mode === 'enforce') {
      tenant.tally.refuse(refusal.reason, push, leftOut);
      return refusal;
    }
    tenant.tally.shadow(refusal.reason, push, leftOut);
    if (push !== undefined) tenant.tally.accepted++;
    return { kind: 'accept', items: 0, bytes: 0, shadowed: refusal };
  }

  #giveBackCharge(tenant: Tenant, { items, bytes }: Charge, nowMs: number): void {
    if (items > 0) tenant.items?.bucket.giveBack(items, nowMs);
    if (bytes > 0) tenant.bytes?.bucket.giveBack(bytes, nowMs);
  }

  #refuseUnattributed(reason: Reason, sentence: string): Refusal {
    this.unattributed.requests++;
    this.unattributed.refuse(reason, undefined);
    return refuse(reason, sentence);
  }

  /** Names the first reason, and a few of the series that it is about. */
  #refuseSeries(tenant: Tenant, push: Push, leftOut: LeftOut, fate: 'refused' | 'left out'): Refusal {
    const { lead } = leftOut;
    if (lead === undefined)
      throw new Error('a push without a series that is left out is not refused for one');
    const some =
      leftOut.series === push.series
        ? `none of the ${push.series} series in this push of tenant ${tenant.id} may pass`
        : `${leftOut.series} of the ${push.series} series in this push of tenant ${tenant.id} may not pass; ` +
          (fate === 'refused' ? 'all of it was refused (series.over_limit)' : 'the rest was taken');
    const examples = this.#nameSeries(push, lead.examples).join(', ');
    return refuse(
      lead.reason,
      `${some}; the first: ${SERIES_SENTENCES[lead.reason](tenant.limits)}: ${examples}`,
    );
  }

  #refuseBurst(tenant: Tenant, limited: LimitedBucket, items: number): Refusal {
    return refuse(
      'burst_exceeded',
      `the push was refused because it holds ${items} items and the burst size of tenant ${tenant.id} is ` +
        `${limited.maxPerPush}: it can not pass at any rate; limit: ${burstSettings(tenant.limits)}`,
      {
        ...this.#details(tenant, Number.POSITIVE_INFINITY),
        observed: items,
        allowed: limited.maxPerPush,
      },
    );
  }

  #refuseItems(tenant: Tenant, limited: LimitedBucket, items: number, answer: Answer): Refusal {
    if (answer.lost) return this.#refuseLost(tenant, answer.waitSeconds);
    return refuse(
      'rate_limited',
      `the push was refused because tenant ${tenant.id} is over its ingestion rate of ${limited.rate} ` +
        `items/s with a burst of ${limited.maxPerPush}: the push holds ${items} items (samples, ` +
        `histograms, exemplars, metadata) and ${Math.floor(answer.available)} are left; ` +
        `limit: ingestion_rate, ${burstSettings(tenant.limits)}`,
      {
        ...this.#details(tenant, answer.waitSeconds),
        observed: items,
        allowed: Math.floor(answer.available),
      },
    );
  }

  #refuseBytes(tenant: Tenant, limited: LimitedBucket, bytes: number, answer: Answer): Refusal {
    if (answer.lost) return this.#refuseLost(tenant, answer.waitSeconds);
    return refuse(
      'edge_bytes_rate_limited',
      `the push was refused because tenant ${tenant.id} is over its byte rate of ${limited.rate} bytes/s ` +
        `with a burst of ${limited.capacity}: the body has ${bytes} bytes and ` +
        `${Math.floor(answer.available)} are left; limit: bytes_per_second, bytes_burst_size`,
      {
        ...this.#details(tenant, answer.waitSeconds),
        observed: bytes,
        allowed: Math.floor(answer.available),
      },
    );
  }

  #refuseRequest(tenant: Tenant, limited: LimitedBucket, answer: Answer): Refusal {
    return refuse(
      'request_rate_limited',
      `the push was refused because tenant ${tenant.id} is over its request rate of ${limited.rate} requests/s with a ` +
        `burst of ${limited.maxPerPush}; limit: request_rate, request_burst_size`,
      this.#details(tenant, answer.waitSeconds),
    );
  }

  #refuseDraw(tenant: Tenant, limited: LimitedBucket, n: number, answer: Answer): Refusal {
    const { kind } = limited;
    if (kind === 'bytes') return this.#refuseBytes(tenant, limited, n, answer);
    if (kind === 'items') return this.#refuseItems(tenant, limited, n, answer);
    return answer.lost
      ? this.#refuseLost(tenant, answer.waitSeconds)
      : this.#refuseRequest(tenant, limited, answer);
  }

  /** Says nothing of the tenant's limit, so the sender must keep its data: 503, not 429. */
  #refuseLost(tenant: Tenant, waitSeconds: number): Refusal {
    return refuse(
      'edge_state_lost',
      `the shared state is out of reach, and no push of tenant ${tenant.id} is let through without it`,
      this.#details(tenant, waitSeconds),
    );
  }

  #details(tenant: Tenant, waitSeconds: number): RefusalDetails {
    return {
      waitSeconds,
      random: this.#options.random(),
      overloadStatus: tenant.limits.service_overload_status_code_on_rate_limit_enabled,
    };
  }

  #limitsOf(id: string): TenantLimits {
    return this.#snapshot.tenants.get(id) ?? this.#snapshot.defaults;
  }

  /** The global `off` beats everything: it is the kill switch. Otherwise a tenant's own mode wins. */
  #modeOf(id: string, limits: TenantLimits): Mode {
    if (this.#mode === 'off') return 'off';
    if (this.#options.unknownTenants === 'pass' && !this.#snapshot.tenants.has(id)) return 'off';
    return limits.edge.mode ?? this.#mode;
  }

  #relimitTenants(): void {
    const nowMs = this.#options.now();
    const refuseUnknown = this.#options.unknownTenants === 'refuse';
    for (const tenant of this.tenants.values()) {
      if (refuseUnknown && !this.#snapshot.tenants.has(tenant.id)) {
        this.tenants.remove(tenant, nowMs);
        continue;
      }
      const limits = this.#limitsOf(tenant.id);
      tenant.relimit(limits, this.#modeOf(tenant.id, limits), nowMs);
    }
  }
}

function admitted(tenant: Tenant, requests: number, shadowed?: Refusal): Admitted {
  return { kind: 'admitted', tenant, requests, shadowed };
}

/** Keeps an answer that is there already out of the promise machinery. */
function whenAnswered<A, T>(answer: A | Promise<A>, next: (answer: A) => T | Promise<T>): T | Promise<T> {
  return answer instanceof Promise ? answer.then(next) : next(answer);
}

/** The push for when an answer is there: its views hold only until something is awaited. */
function keptFor(answer: unknown, push: Push): Push {
  return answer instanceof Promise ? ownedPush(push) : push;
}

/** A refusal without the store's knowledge: come back soon. */
const UNKNOWN_WAIT_SECONDS = 1;

/** Mimir passes over a replica label that no series may have; then the push is taken as it is. */
function sendsFromPair({ cluster, replica }: HaLabels, limits: TenantLimits): boolean {
  const longest = limits.max_label_value_length;
  return (
    limits.accept_ha_samples && Buffer.byteLength(cluster) <= longest && Buffer.byteLength(replica) <= longest
  );
}

/** Where the tenant may have any number of pairs, this many are remembered. */
const MAX_CLUSTERS = 10_000;

function electionRules(limits: TenantLimits): ElectionRules {
  return {
    updateMs: limits.ha_tracker_update_timeout,
    updateJitterMs: limits.ha_tracker_update_timeout_jitter_max,
    failoverMs: limits.ha_tracker_failover_timeout,
    mostClusters: limits.ha_max_clusters || MAX_CLUSTERS,
  };
}

/** In version 2 metadata goes with its series. */
function nothingIsLeft(push: Push, leftOut: LeftOut): boolean {
  return leftOut.series === push.series && (push.metadata === 0 || push.version === 2);
}

/** Series over a limit join those that break a rule, and are what the answer is about. */
function withOverLimit(push: Push, leftOut: LeftOut | undefined, { rows, reasons }: OverLimit): LeftOut {
  const all = leftOut ?? new LeftOut(push.series);
  all.nextStage();
  for (const [index, row] of rows.entries()) all.add(push, row, reasons[index] ?? 'per_user_series_limit');
  return all;
}

function pairsSentence(tenant: Tenant, { cluster }: HaLabels): string {
  return (
    `the push was refused because tenant ${tenant.id} has as many HA clusters as it may, ` +
    `${tenant.limits.ha_max_clusters || MAX_CLUSTERS}, and ${cluster} is another one; limit: ha_max_clusters`
  );
}

function duplicateSentence(tenant: Tenant, { cluster, replica }: HaLabels): string {
  return `another replica of cluster ${cluster} than ${replica} is elected; tenant ${tenant.id}`;
}

function seriesSentence(tenant: Tenant, push: Push, most: number): string {
  return (
    `the push was refused because it holds ${push.series} series and tenant ${tenant.id} may send ${most} in one ` +
    'request; limit: max_series_per_request'
  );
}

function burstSettings(limits: TenantLimits): string {
  return limits.ingestion_burst_factor > 0 ? 'ingestion_burst_factor' : 'ingestion_burst_size';
}

const SERIES_SENTENCES: Record<SeriesReason, (limits: TenantLimits) => string> = {
  missing_metric_name: () => 'it has no metric name',
  max_label_names_per_series: (limits) =>
    `it has more than ${limits.max_label_names_per_series} labels (limit: max_label_names_per_series)`,
  max_label_names_per_info_series: (limits) =>
    `it has more than ${limits.max_label_names_per_info_series} labels (limit: max_label_names_per_info_series)`,
  label_name_too_long: (limits) =>
    `a label name is longer than ${limits.max_label_name_length} bytes (limit: max_label_name_length)`,
  label_value_too_long: (limits) =>
    `a label value is longer than ${limits.max_label_value_length} bytes (limit: max_label_value_length)`,
  per_user_series_limit: (limits) =>
    `it is new, and the tenant has its ${limits.max_global_series_per_user} active series ` +
    '(limit: max_global_series_per_user)',
  per_metric_series_limit: (limits) =>
    `it is new, and its metric has its ${limits.max_global_series_per_metric} active series ` +
    '(limit: max_global_series_per_metric)',
};

const TENANT_ID_SENTENCES: Record<TenantIdFault, string> = {
  empty: 'the push names no tenant',
  too_long: 'the tenant id is longer than 150 bytes',
  unsupported_character: "the tenant id has a character other than a-z A-Z 0-9 ! - _ . * ' ( )",
  reserved: 'the tenant id is one that Mimir keeps for itself',
  several: 'the push names more than one tenant',
};
