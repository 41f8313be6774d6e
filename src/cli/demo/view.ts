/** The proxy's counts for each tenant, as a table that is redrawn in place on a terminal. */

import { lossText } from '../../base/amounts.js';
import { REASON_NAMES } from '../../enforce/reasons.js';
import { DISCARDED_REQUESTS, DISCARDED_SAMPLES, DISCARDED_SERIES, discarded } from '../../enforce/tally.js';
import type { Tenant } from '../../enforce/tenant.js';
import { type Io, table } from '../io.js';

export class View {
  readonly #tenantsInMemory: () => Iterable<Tenant>;
  readonly #io: Io;
  readonly #seen = new Map<string, number>();
  #seenAtMs = performance.now();
  #linesDrawn = 0;

  constructor(tenants: () => Iterable<Tenant>, io: Io) {
    this.#tenantsInMemory = tenants;
    this.#io = io;
  }

  draw(over: boolean): void {
    const text = this.#table();
    const back = over && this.#linesDrawn > 0 ? `\x1b[${this.#linesDrawn}A\x1b[J` : '';
    this.#io.stdout.write(back + text + (over ? '' : '\n'));
    this.#linesDrawn = text.split('\n').length - 1;
  }

  summary(arrived: number): void {
    const tallies = this.#tenants().map(({ tally }) => tally);
    const sum = (of: (tally: Tenant['tally']) => number): number =>
      tallies.reduce((total, one) => total + of(one), 0);
    this.#io.stdout.write(
      `\n${this.#table()}\n${sum((one) => one.requests)} pushes received, ${sum((one) => one.accepted)} accepted, ` +
        `${sum((one) => one.requests - one.accepted)} refused; ${arrived} arrived at the sink.\n`,
    );
  }

  #tenants(): Tenant[] {
    return [...this.#tenantsInMemory()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  #table(): string {
    const nowMs = performance.now();
    const seconds = (nowMs - this.#seenAtMs) / 1000;
    this.#seenAtMs = nowMs;
    const rows = this.#tenants().map((tenant) => {
      const { tally, limits, id, mode } = tenant;
      const rate = (tally.samples - (this.#seen.get(id) ?? 0)) / seconds;
      this.#seen.set(id, tally.samples);
      const name = mode === 'enforce' ? id : `${id} (${mode})`;
      return [
        name,
        rate.toFixed(0),
        String(limits.ingestion_rate),
        String(tally.accepted),
        String(tally.requests - tally.accepted),
        why(tenant),
      ];
    });
    return table([['tenant', 'samples/s', 'limit/s', 'accepted', 'refused', 'why'], ...rows], [5]);
  }
}

function why({ tally }: Tenant): string {
  const reasons = (counts: Float64Array | undefined, note: string): string[] =>
    REASON_NAMES.map((reason) => ({
      reason,
      pushes: discarded(counts, reason, DISCARDED_REQUESTS),
      samples: discarded(counts, reason, DISCARDED_SAMPLES),
      series: discarded(counts, reason, DISCARDED_SERIES),
    }))
      .filter(({ pushes, samples, series }) => pushes + samples + series > 0)
      .map(({ reason, ...loss }) => `${reason} ${lossText(loss)}${note}`);
  return [...reasons(tally.refused, ''), ...reasons(tally.shadowed, ' (let pass)')].join('; ');
}
