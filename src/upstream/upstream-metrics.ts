/** What the upstream answered and how soon, for Prometheus and for the console. */
import type { LatencyHistogram } from '../telemetry/latency-histogram.js';
import type { Metrics } from '../telemetry/metrics.js';
import { RecentTimes } from '../telemetry/recent-times.js';
import { WordCounter } from '../telemetry/word-counter.js';
import { AnswerTimes, type SenderAnswers } from './answer-times.js';
import type { Upstream } from './upstream.js';

const STATUS_CLASSES = ['other', '1xx', '2xx', '3xx', '4xx', '5xx'];

export class UpstreamMetrics {
  readonly #duration: LatencyHistogram;
  readonly #failures: WordCounter<string>;
  readonly #times: AnswerTimes;
  readonly #recent = new RecentTimes();
  /** By the first digit of the status. */
  readonly #responses = new Float64Array(STATUS_CLASSES.length);
  #failed = 0;

  constructor(metrics: Metrics, nowMs: number) {
    this.#times = new AnswerTimes(nowMs);
    this.#duration = metrics.histogram(
      'mimir_edge_upstream_duration_seconds',
      'Time from sending a request to the first byte of the answer.',
    );
    this.#failures = new WordCounter<string>(
      metrics,
      'mimir_edge_upstream_failures_total',
      'Requests that got no answer from the upstream.',
      'failure',
      ['unreachable', 'busy', 'timeout', 'broken', 'open'],
    );
    metrics.counters({
      name: 'mimir_edge_upstream_responses_total',
      help: 'Answers of the upstream by status class.',
      labelNames: ['class'],
      read: () => Object.entries(this.responses()).map(([name, count]) => [{ class: name }, count]),
    });
  }

  /** Answers by class, since the start. */
  responses(): Record<string, number> {
    return Object.fromEntries(STATUS_CLASSES.map((name, index) => [name, this.#responses[index] ?? 0]));
  }

  /** Requests that got no answer, since the start. */
  get failures(): number {
    return this.#failed;
  }

  /** Answers to pushes of the last seconds. */
  answers(nowMs: number): SenderAnswers[] {
    return this.#times.recent(nowMs);
  }

  /** Of pushes, and of the last ten seconds (telemetry/recent-times.ts). */
  recentTimes(nowMs: number): number[] {
    return this.#recent.counts(nowMs);
  }

  /** `sender`: of a push, as whom it counts; what is passed through takes as long as what is asked does. */
  forwarded(status: number, seconds: number, sender: string | undefined, nowMs: number): void {
    this.#duration.observe(seconds);
    if (sender !== undefined) {
      this.#times.answered(sender, seconds);
      this.#recent.add(seconds, nowMs);
    }
    const known = status >= 100 && status < 600 ? Math.floor(status / 100) : 0;
    this.#responses[known] = (this.#responses[known] ?? 0) + 1;
  }

  failed(failure: string): void {
    this.#failed++;
    this.#failures.add(failure);
  }
}

export function exportUpstream(metrics: Metrics, upstream: Upstream): void {
  metrics.counters({
    name: 'mimir_edge_upstream_address_requests_total',
    help: 'Requests to each address of the upstream, by what became of them.',
    labelNames: ['address', 'outcome'],
    *read() {
      for (const [address, counts] of upstream.outcomes()) {
        for (const [outcome, count] of counts) yield [{ address, outcome }, count];
      }
    },
  });
  metrics.gauges({
    name: 'mimir_edge_upstream_address_up',
    help: 'Whether the address answered anything but 5xx within the last ten seconds; absent when nothing was asked of it.',
    labelNames: ['address'],
    *read() {
      for (const { address, state } of upstream.addresses()) {
        if (state !== 'idle') yield [{ address }, state === 'down' ? 0 : 1];
      }
    },
  });
  metrics.gauge({
    name: 'mimir_edge_upstream_waiting_requests',
    help: 'Requests that wait for a connection to the upstream.',
    read: () => upstream.waiting,
  });
  metrics.gauges({
    name: 'mimir_edge_upstream_address_sent_to',
    help: 'Whether requests go to the address: 1, 0 when it is left out, 0.5 while it is tried.',
    labelNames: ['address'],
    *read() {
      for (const { address, sentTo } of upstream.addresses()) {
        yield [{ address }, sentTo === 'in' ? 1 : sentTo === 'out' ? 0 : 0.5];
      }
    },
  });
  metrics.gauges({
    name: 'mimir_edge_upstream_addresses',
    help: 'Addresses that each name in upstream.url has.',
    labelNames: ['name'],
    *read() {
      for (const [name, , addresses] of upstream.names()) yield [{ name }, addresses];
    },
  });
  metrics.counters({
    name: 'mimir_edge_upstream_resolve_failures_total',
    help: 'How often a name in upstream.url could not be resolved; what was known of it is used on.',
    labelNames: ['name'],
    *read() {
      for (const [name, failures] of upstream.names()) yield [{ name }, failures];
    },
  });
  metrics.gauges({
    name: 'mimir_edge_upstream_breaker',
    help: 'Whether pushes are sent on: 0 they are, 1 the breaker is open, 0.5 one at a time finds out; in mode observe all are.',
    labelNames: ['mode'],
    *read() {
      const { mode, state } = upstream.breaker();
      if (mode !== 'off') yield [{ mode }, state === 'closed' ? 0 : state === 'open' ? 1 : 0.5];
    },
  });
  exportAdmission(metrics, upstream);
  metrics.counters({
    name: 'mimir_edge_upstream_retries_total',
    help: 'Requests that were to go to a second address: those that went, and those that were one too many.',
    labelNames: ['outcome'],
    *read() {
      yield [{ outcome: 'sent' }, upstream.retries.sent];
      yield [{ outcome: 'over_budget' }, upstream.retries.overBudget];
    },
  });
}

/** Nothing where all that comes is sent. */
function exportAdmission(metrics: Metrics, upstream: Upstream): void {
  const { admission } = upstream;
  if (admission === undefined) return;
  metrics.gauges({
    name: 'mimir_edge_upstream_limit_items',
    help: 'What may be under way to the address, in samples and other items of pushes of 1000; absent while it is only watched.',
    labelNames: ['address'],
    *read() {
      for (const { address, limit } of upstream.addresses())
        if (limit !== undefined) yield [{ address }, limit];
    },
  });
  metrics.gauges({
    name: 'mimir_edge_upstream_gradient',
    help: 'How soon the address answers beside what is usual for it: 1 as soon as ever, 0.5 at least three times as late.',
    labelNames: ['address'],
    *read() {
      for (const { address, gradient } of upstream.addresses())
        if (gradient !== undefined) yield [{ address }, gradient];
    },
  });
  metrics.gauge({
    name: 'mimir_edge_upstream_in_flight_items',
    help: 'What is under way to Mimir, in samples and other items of pushes of 1000.',
    read: () => admission.status().inFlight,
  });
  metrics.gauge({
    name: 'mimir_edge_upstream_fair_waiting_pushes',
    help: 'Pushes that wait until Mimir can take them.',
    read: () => admission.status().waiting,
  });
  metrics.counters({
    name: 'mimir_edge_upstream_fair_pushes_total',
    help: 'Pushes that Mimir could not take at once: that waited (or would have, in mode observe), and of them that were turned away.',
    labelNames: ['outcome'],
    *read() {
      const { waited, turnedAway } = admission.status();
      yield [{ outcome: 'waited' }, waited];
      yield [{ outcome: 'turned_away' }, turnedAway];
    },
  });
}
