/** One process's metrics. Each module declares its own; callbacks are read at each scrape. */
import { Counter, Gauge, Registry } from 'prom-client';
import type { LargeFamily, ReadFamilies } from './exposition.js';
import { LatencyHistogram } from './latency-histogram.js';

interface NumberSource {
  readonly name: string;
  readonly help: string;
  readonly read: () => number;
}

interface LabelledSource {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** All current values: label sets that it leaves out are no longer exported. */
  readonly read: () => Iterable<readonly [Readonly<Record<string, string>>, number]>;
}

export class Metrics {
  readonly registry = new Registry();
  readonly #large: ReadFamilies[] = [];

  gauge(source: NumberSource): void {
    this.gauges(unlabelled(source));
  }

  counter(source: NumberSource): void {
    this.counters(unlabelled(source));
  }

  gauges(source: LabelledSource): void {
    new Gauge(this.#collected(source));
  }

  counters(source: LabelledSource): void {
    new Counter(this.#collected(source));
  }

  /** Families with a line for each tenant: not part of the registry, and never sent to another process. */
  large(read: ReadFamilies): void {
    this.#large.push(read);
  }

  *largeFamilies(): Generator<LargeFamily> {
    for (const read of this.#large) yield* read();
  }

  /** In seconds, to be observed on the hot path. */
  histogram(name: string, help: string): LatencyHistogram {
    return new LatencyHistogram(name, help, this.registry);
  }

  #collected({ name, help, labelNames, read }: LabelledSource) {
    return {
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect(this: Gauge | Counter) {
        this.reset();
        for (const [labels, value] of read()) this.inc(labels, value);
      },
    };
  }
}

function unlabelled({ name, help, read }: NumberSource): LabelledSource {
  return { name, help, labelNames: [], read: () => [[{}, read()]] };
}
