/**
 * A Mimir with workers, tenants that send at their rates, and the edge's admission between them, on a clock that is simulated: what
 * happens in a minute takes a moment, and is the same each time.
 */
import { Admission, type PushUnderWay, usualMsOf } from '#src/upstream/admission.js';
import type { Capacity } from '#src/upstream/capacity.js';
import type { Entry, Priority, Sender } from '#src/upstream/fair-queue.js';

export interface SimulatedTenant {
  readonly name: string;
  readonly place?: string;
  readonly pushesPerSecond: number;
  readonly items: number;
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly weight?: number;
  readonly priority?: Priority;
}

export interface SimulatedMimir {
  readonly workers: number;
  /** Of a worker, for a push of so many items. */
  serviceMs(items: number, nowMs: number, tenant: string): number;
  /** What an answer takes besides, while no worker has anything to do with it. */
  readonly baseMs: number;
  /** And what it takes besides for one tenant, by what that sends. */
  afterMs?(tenant: string, nowMs: number): number;
}

export interface Outcome {
  readonly tenant: string;
  readonly atMs: number;
  readonly items: number;
  /** Undefined: it was turned away. */
  readonly tookMs: number | undefined;
}

interface Event {
  readonly atMs: number;
  run(): void;
}

/** One of Mimir's addresses. */
interface Address {
  readonly capacity: Capacity;
  readonly mimir: SimulatedMimir;
  readonly freeAtMs: number[];
  pushes: number;
}

export interface Run {
  readonly outcomes: readonly Outcome[];
  /** Of the first address. */
  readonly capacity: Capacity;
  readonly capacities: readonly Capacity[];
}

/** Of several addresses each push goes to that of two which has fewer under way. */
export async function simulate(
  tenants: readonly SimulatedTenant[],
  mimir: SimulatedMimir | readonly SimulatedMimir[],
  endMs: number,
  options: { readonly floor: number; readonly learningMs: number; readonly fair: boolean },
): Promise<Run> {
  let nowMs = 0;
  let seed = 7;
  const random = (): number => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const events: Event[] = [];
  const at = (atMs: number, run: () => void): void => {
    let low = 0;
    let high = events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((events[middle]?.atMs ?? 0) > atMs) low = middle + 1;
      else high = middle;
    }
    events.splice(low, 0, { atMs, run });
  };
  const admission: Admission = new Admission(
    {
      mode: options.fair ? 'act' : 'observe',
      maxBytes: 64 << 20,
      maxWaitMs: 1000,
      now: () => nowMs,
      later: (run, ms) => {
        at(nowMs + ms, run);
        return undefined;
      },
      capacity: options,
    },
    () => addresses.reduce((sum, { capacity }) => sum + capacity.limit, 0),
    () => usualMsOf(addresses),
  );
  const addresses: Address[] = [mimir].flat().map((one) => ({
    capacity: admission.capacity(),
    mimir: one,
    freeAtMs: Array.from({ length: one.workers }, () => 0),
    pushes: 0,
  }));
  const outcomes: Outcome[] = [];

  const fullness = ({ capacity }: Address): number => capacity.inFlight / capacity.limit;
  const pick = (): Address => {
    const i = Math.floor(random() * addresses.length);
    const j = (i + 1 + Math.floor(random() * (addresses.length - 1))) % addresses.length;
    const [one, two] = [addresses[i]!, addresses[j]!];
    if (options.fair && (fullness(one) >= 1 || fullness(two) >= 1))
      return fullness(one) <= fullness(two) ? one : two;
    return one.pushes <= two.pushes ? one : two;
  };
  const send = (underWay: PushUnderWay, tenant: string, items: number, arrivedMs: number): void => {
    const address = pick();
    const { freeAtMs } = address;
    underWay.at(address);
    address.pushes++;
    const worker = freeAtMs.indexOf(Math.min(...freeAtMs));
    const doneMs = Math.max(nowMs, freeAtMs[worker]!) + address.mimir.serviceMs(items, nowMs, tenant);
    freeAtMs[worker] = doneMs;
    at(doneMs + address.mimir.baseMs + (address.mimir.afterMs?.(tenant, nowMs) ?? 0), () => {
      address.pushes--;
      underWay.answered(200);
      underWay.ended();
      outcomes.push({ tenant, items, atMs: nowMs, tookMs: nowMs - arrivedMs });
    });
  };
  const arrive = (tenant: SimulatedTenant): void => {
    const { name, items } = tenant;
    const sender: Sender = {
      tenant: name,
      place: tenant.place ?? name,
      weight: tenant.weight ?? 1,
      priority: tenant.priority ?? 'normal',
    };
    const arrivedMs = nowMs;
    const heard = (entry: Entry): void => {
      if (entry === 'go') send(admission.begin(items, sender.place), name, items, arrivedMs);
      else outcomes.push({ tenant: name, items, atMs: nowMs, tookMs: undefined });
    };
    const entered = admission.enter(sender, items, items * 64);
    if (typeof entered === 'object' && 'entry' in entered) void entered.entry.then(heard);
    else heard(entered);
  };
  for (const tenant of tenants) {
    const everyMs = 1000 / tenant.pushesPerSecond;
    const tick = (): void => {
      if (nowMs >= (tenant.toMs ?? endMs)) return;
      arrive(tenant);
      at(nowMs + everyMs * (0.9 + 0.2 * random()), tick);
    };
    at((tenant.fromMs ?? 0) + random() * everyMs, tick);
  }
  for (let event = events.pop(); event !== undefined && event.atMs < endMs; event = events.pop()) {
    nowMs = event.atMs;
    event.run();
    await undefined;
    await undefined;
  }
  admission.close();
  const capacities = addresses.map(({ capacity }) => capacity);
  return { outcomes, capacity: capacities[0]!, capacities };
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
