/** Who pushes, as the API tells it: of the whole fleet, from what each replica has seen. */
import {
  MOST_OF_ONE,
  mergedSenders,
  SENDER_PROTOCOLS,
  type SenderCounts,
  type SenderList,
  SIZES,
} from '../doors/senders.js';
import type { Edge } from './edge.js';
import type { Query } from './query.js';
import { gather, readReplica, THIS, type Told } from './scope.js';
import { listOf, numberOr, textIn, timeIn } from './told.js';

/** Of an id with metadata. */
const MAX_TENANT = 214;
/** That each replica tells of. */
const MAX_SENDERS = 1000;
const DAY_MS = 24 * 3600 * 1000;
/** Who was there when the process began has not appeared: it was not known before. */
const WARM_UP_MS = 10 * 60 * 1000;
const MAX_TEXT = 64;

interface Seen extends SenderList {
  readonly sinceMs: number;
}

interface Sender {
  readonly counts: SenderCounts;
  /** Replicas that have seen it. */
  readonly replicas: number;
  /** It may have sent as many more through replicas that had no place for it. */
  readonly atMostMore: number;
  readonly isNew: boolean;
}

export async function sendersView(edge: Edge, query: Query): Promise<object> {
  const tenant = query.text('tenant', MAX_TENANT);
  const limit = query.count('limit', 200, 1, MAX_SENDERS);
  const replica = readReplica(query);
  query.done();
  const params = new URLSearchParams({ replica: THIS, limit: String(MAX_SENDERS) });
  if (tenant !== undefined) params.set('tenant', tenant);
  const { scope, each } = await gather<Seen>(edge, replica, {
    path: `/senders?${params}`,
    own: async () => ({ sinceMs: edge.usage.startedMs, ...(await edge.senders(tenant)) }),
    read: readSeen,
  });
  const { senders, more } = mergedOf(each);
  return {
    scope,
    since: new Date(Math.min(...each.map(({ body }) => body.sinceMs))).toISOString(),
    known: senders.length,
    more,
    ofVersion1: senders.filter(({ counts }) => counts.protocol === 'rw1').length,
    ignoringRetryAfter: senders.filter(({ counts }) => counts.early > 0).length,
    newToday: senders.filter(({ isNew }) => isNew).length,
    sizes: SIZES,
    senders: senders.slice(0, limit).map(senderView),
  };
}

function senderView({ counts, replicas, atMostMore, isNew }: Sender): object {
  const { firstMs, lastMs, over, sizes, ...one } = counts;
  return {
    ...one,
    replicas,
    atMostOver: over,
    atMostMore,
    meanBytes: one.bodies === 0 ? null : Math.round(one.bytes / one.bodies),
    bySize: sizes,
    isNew,
    first: new Date(firstMs).toISOString(),
    last: new Date(lastMs).toISOString(),
  };
}

function mergedOf(each: readonly Told<Seen>[]): {
  readonly senders: readonly Sender[];
  readonly more: number;
} {
  const seen = each.map(({ body, isCut }) => new Sketch(body, isCut));
  const merged = mergedSenders(
    each.map(({ body }) => body),
    MAX_SENDERS,
  );
  const senders = merged.senders.map((counts) => {
    const having = seen.filter((one) => one.has(counts));
    return {
      counts,
      replicas: having.length,
      atMostMore: seen.reduce((most, one) => most + (one.has(counts) ? 0 : one.leastOf(counts.tenant)), 0),
      isNew: having.every((one) => one.isNew(counts)),
    };
  });
  return { senders, more: merged.more };
}

/** What one replica has seen, and what it may have missed. */
class Sketch {
  readonly #sinceMs: number;
  readonly #byKey = new Map<string, SenderCounts>();
  readonly #tenants = new Map<string, { count: number; least: number }>();
  /** Of those that it did not tell of for want of room. */
  #leastOfAll = 0;

  constructor({ sinceMs, senders }: Seen, isCut: boolean) {
    this.#sinceMs = sinceMs;
    for (const one of senders) {
      this.#byKey.set(keyOf(one), one);
      const { count, least } = this.#tenants.get(one.tenant) ?? { count: 0, least: one.pushes };
      this.#tenants.set(one.tenant, { count: count + 1, least: Math.min(least, one.pushes) });
    }
    if (isCut || senders.length >= MAX_SENDERS) this.#leastOfAll = senders.at(-1)?.pushes ?? 0;
  }

  has(sender: SenderCounts): boolean {
    return this.#byKey.has(keyOf(sender));
  }

  /** What a sender of the tenant that it does not tell of may have sent at most. */
  leastOf(tenant: string): number {
    const its = this.#tenants.get(tenant);
    const isFull = its !== undefined && its.count >= MOST_OF_ONE;
    return Math.max(this.#leastOfAll, isFull ? its.least : 0);
  }

  isNew(sender: SenderCounts): boolean {
    const firstMs = this.#byKey.get(keyOf(sender))?.firstMs ?? 0;
    return firstMs > Date.now() - DAY_MS && firstMs > this.#sinceMs + WARM_UP_MS;
  }
}

function keyOf({ tenant, program, version, network, protocol, compression }: SenderCounts): string {
  return [tenant, program, version, network, protocol, compression].join('\n');
}

function readSeen({ since, senders, more }: Readonly<Record<string, unknown>>): Seen | undefined {
  const list = listOf(senders, MAX_SENDERS, readSender);
  const at = timeIn(since);
  if (list === undefined || at === undefined) return undefined;
  return { sinceMs: Date.parse(at), senders: list, more: Math.max(0, numberOr(more, 0)) };
}

function readSender(one: Readonly<Record<string, unknown>>): SenderCounts | undefined {
  const { bySize } = one;
  const first = timeIn(one['first']);
  const last = timeIn(one['last']);
  const protocol = SENDER_PROTOCOLS.find((name) => name === one['protocol']);
  if (first === undefined || last === undefined || protocol === undefined) return undefined;
  const number = (name: string): number => Math.max(0, numberOr(one[name], 0));
  return {
    tenant: textIn(one['tenant'], MAX_TENANT),
    program: textIn(one['program'], MAX_TEXT),
    version: textIn(one['version'], MAX_TEXT),
    network: textIn(one['network'], MAX_TEXT),
    protocol,
    compression: textIn(one['compression'], MAX_TEXT),
    pushes: number('pushes'),
    over: number('atMostOver'),
    bytes: number('bytes'),
    bodies: number('bodies'),
    largest: number('largest'),
    sizes: Array.from({ length: SIZES.length + 1 }, (_, i) =>
      Math.max(0, numberOr(Array.isArray(bySize) ? bySize[i] : 0, 0)),
    ),
    refused: number('refused'),
    retries: number('retries'),
    early: number('early'),
    firstMs: Date.parse(first),
    lastMs: Date.parse(last),
  };
}
