/** Counts the outcomes of pushes as answers arrive, and makes the report at the end. */
import { Histogram } from './histogram.js';
import type { Latencies, LoadReport, Slot } from './report.js';
import type { Answer } from './sender.js';

export interface Sent {
  readonly tenant: number;
  readonly samples: number;
  readonly bytes: number;
  /** When it was due; retries keep the time of the first attempt. */
  readonly dueMs: number;
}

/** The maximal number of points in the report's curves; in longer runs each covers more time. */
const MOST_SLOTS = 600;
/** Answers that are counted separately. Further ones are `other`. */
const MOST_KINDS = 64;

interface TenantCounts {
  accepted: number;
  refused: number;
  failed: number;
  samples: number;
  readonly latency: Histogram;
}

export class Recorder {
  readonly #startedMs: number;
  readonly #slotMs: number;
  readonly #tenants: TenantCounts[];
  readonly #answers = new Map<string, number>();
  /** From when a push was due to its acceptance. */
  readonly #latency = new Histogram();
  /** From when a request was sent to its answer, whatever that was. */
  readonly #service = new Histogram();
  /** The same for requests that were not accepted. */
  readonly #refusal = new Histogram();
  /** How late the generator itself was. */
  readonly #lateness = new Histogram();
  readonly #slotLatency = new Histogram();
  readonly #slots: Slot[] = [];
  #slot: Slot;
  readonly totals = {
    due: 0,
    sent: 0,
    notSent: 0,
    accepted: 0,
    refused: 0,
    failed: 0,
    retries: 0,
    givenUp: 0,
    cutOff: 0,
    samplesSent: 0,
    samplesAccepted: 0,
    bytesSent: 0,
  };
  inFlight = 0;

  constructor(tenants: number, startedMs: number, durationMs: number) {
    this.#startedMs = startedMs;
    this.#slotMs = 1000 * Math.max(1, Math.ceil(durationMs / 1000 / MOST_SLOTS));
    this.#slot = emptySlot(0);
    this.#tenants = Array.from({ length: tenants }, () => ({
      accepted: 0,
      refused: 0,
      failed: 0,
      samples: 0,
      latency: new Histogram(),
    }));
  }

  /** A request was sent. Retries are not late, as they were not planned. */
  sent({ samples, bytes, dueMs }: Sent, nowMs: number, retry: boolean): void {
    this.#advance(nowMs);
    if (retry) this.totals.retries++;
    else this.#lateness.record(nowMs - dueMs);
    this.totals.sent++;
    this.totals.samplesSent += samples;
    this.totals.bytesSent += bytes;
    this.#slot.sent++;
  }

  notSent(nowMs: number): void {
    this.#advance(nowMs);
    this.totals.notSent++;
    this.#slot.notSent++;
  }

  answered(sent: Sent, answer: Answer): void {
    this.#advance(answer.endedMs);
    const tenant = this.#tenants[sent.tenant];
    const kind = answer.failure ?? String(answer.status);
    this.#count(kind);
    this.#service.record(answer.endedMs - answer.sentMs);
    if (answer.status >= 200 && answer.status < 300) {
      const latencyMs = answer.endedMs - sent.dueMs;
      this.#latency.record(latencyMs);
      this.#slotLatency.record(latencyMs);
      this.totals.accepted++;
      this.totals.samplesAccepted += sent.samples;
      this.#slot.accepted++;
      this.#slot.samples += sent.samples;
      if (tenant !== undefined) {
        tenant.accepted++;
        tenant.samples += sent.samples;
        tenant.latency.record(latencyMs);
      }
    } else if (answer.status > 0) {
      this.#refusal.record(answer.endedMs - answer.sentMs);
      this.totals.refused++;
      this.#slot.refused++;
      if (tenant !== undefined) tenant.refused++;
    } else {
      this.totals.failed++;
      this.#slot.failed++;
      if (tenant !== undefined) tenant.failed++;
    }
  }

  /** The quantiles so far, for display. */
  get latency(): Histogram {
    return this.#latency;
  }

  report(nowMs: number, ids: readonly string[]): Omit<LoadReport, 'options' | 'startedAt' | 'generator'> {
    this.#endSlot();
    return {
      seconds: (nowMs - this.#startedMs) / 1000,
      totals: { ...this.totals },
      answers: Object.fromEntries([...this.#answers].sort(([a], [b]) => (a < b ? -1 : 1))),
      latency: latencies(this.#latency),
      service: latencies(this.#service),
      refusal: latencies(this.#refusal),
      lateness: latencies(this.#lateness),
      slotSeconds: this.#slotMs / 1000,
      slots: [...this.#slots],
      tenants: this.#tenants.map(({ latency, ...counts }, index) => ({
        id: ids[index] ?? String(index),
        ...counts,
        p50: latency.quantileMs(0.5),
        p99: latency.quantileMs(0.99),
      })),
    };
  }

  #count(kind: string): void {
    const known = this.#answers.has(kind) || this.#answers.size < MOST_KINDS;
    const name = known ? kind : 'other';
    this.#answers.set(name, (this.#answers.get(name) ?? 0) + 1);
  }

  #advance(nowMs: number): void {
    const index = Math.floor((nowMs - this.#startedMs) / this.#slotMs);
    while (this.#slots.length < index) this.#endSlot();
  }

  #endSlot(): void {
    this.#slots.push({
      ...this.#slot,
      inFlight: this.inFlight,
      p50: this.#slotLatency.quantileMs(0.5),
      p99: this.#slotLatency.quantileMs(0.99),
    });
    this.#slotLatency.reset();
    this.#slot = emptySlot((this.#slots.length * this.#slotMs) / 1000);
  }
}

function emptySlot(second: number): Slot {
  return {
    second,
    sent: 0,
    notSent: 0,
    accepted: 0,
    refused: 0,
    failed: 0,
    samples: 0,
    inFlight: 0,
    p50: 0,
    p99: 0,
  };
}

function latencies(histogram: Histogram): Latencies {
  return {
    count: histogram.count,
    mean: histogram.meanMs(),
    p50: histogram.quantileMs(0.5),
    p90: histogram.quantileMs(0.9),
    p99: histogram.quantileMs(0.99),
    p999: histogram.quantileMs(0.999),
    max: histogram.maxMs,
    buckets: histogram.buckets(),
  };
}
