/** The load generator's pushes, sent from a bench over a few connections as fast as they are answered. */
import { Bodies } from '#src/loadtest/bodies.js';
import { DEFAULTS } from '#src/loadtest/options.js';
import { Schedule, seededRandom } from '#src/loadtest/schedule.js';
import { Sender } from '#src/loadtest/sender.js';
import { shareOut } from '#src/loadtest/tenants.js';

export interface LoadShape {
  readonly tenants: number;
  readonly series: number;
  readonly seriesPerPush: number;
  readonly connections: number;
}

export class Load {
  readonly #bodies: Bodies;
  readonly #schedule: Schedule;
  readonly #tenants: ReturnType<typeof shareOut>;
  readonly #connections: number;
  /** Of all tenants. */
  readonly #pushes: number;
  /** Pushes under way, by tenant and number. */
  readonly #out = new Set<string>();

  constructor({ connections, ...shape }: LoadShape) {
    this.#connections = connections;
    this.#tenants = shareOut({ ...shape, tenantPrefix: 'bench-', skew: 'even' });
    this.#pushes = this.#tenants.reduce((sum, { pushes }) => sum + pushes, 0);
    this.#bodies = new Bodies(this.#tenants, { version: 1, churnPerMinute: 0, seed: shape.seriesPerPush });
    this.#schedule = new Schedule(this.#tenants, {
      intervalMs: 1000,
      durationMs: Number.POSITIVE_INFINITY,
      rate: () => 1,
      random: seededRandom(1),
    });
  }

  async send(url: string, pushes: number): Promise<void> {
    let left = pushes;
    await this.#sendWhile(url, () => left-- > 0);
  }

  /** Answers how many pushes that were. */
  async sendFor(url: string, ms: number): Promise<number> {
    const endMs = performance.now() + ms;
    let sent = 0;
    await this.#sendWhile(url, () => performance.now() < endMs && ++sent > 0);
    return sent;
  }

  /** Any answer other than 200 and 204 ends the bench. */
  async #sendWhile(url: string, another: () => boolean): Promise<void> {
    const options = { ...DEFAULTS, target: url, connections: this.#connections };
    const sender = new Sender(options, () => performance.now());
    const one = async (): Promise<void> => {
      while (another()) await this.#push(sender, url);
    };
    await Promise.all(Array.from({ length: this.#connections }, one));
    await sender.close();
  }

  #push(sender: Sender, url: string): Promise<void> {
    // Receivers take a series' samples in order of time only: what is out is passed over while there is anything else.
    let due = this.#schedule.take();
    while (this.#out.size < this.#pushes && this.#out.has(`${due.tenant}/${due.push}`)) {
      due = this.#schedule.take();
    }
    const key = `${due.tenant}/${due.push}`;
    this.#out.add(key);
    const timestampMs = Date.now() + due.cycle;
    const body = this.#bodies.take({ ...due, timestampMs, allNew: false });
    const tenant = this.#tenants[due.tenant]?.id ?? '';
    return new Promise((resolve, reject) => {
      sender.send({ tenant, body: body.bytes, slowMs: 0 }, ({ status, failure }) => {
        this.#bodies.giveBack(body);
        this.#out.delete(key);
        if (status === 200 || status === 204) resolve();
        else reject(new Error(`${url} answers ${failure ?? status}`));
      });
    });
  }
}
