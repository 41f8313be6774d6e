/**
 * Who pushes, learnt from the pushes alone: for each tenant the programs that send, their networks, protocols, push sizes
 * and retries. A sketch of bounded size (space-saving): each tenant has a few entries, and a new sender replaces the one
 * with the lowest count, which becomes the new one's margin of error. The number of senders without an entry is reported.
 * Tenants that no document names get a quarter of all entries when others need the rest, as names are easily made up.
 *
 * A known sender costs an increment, because its entry is stored with the head of its requests, which repeats. Envoy sends
 * the head anew with each push, which costs building a key and a map lookup.
 */

/** From the head of a request, which may repeat on its connection. */
export interface SenderHead {
  header(name: string): string | undefined;
  readonly remoteAddress: string;
  sender: KnownSender | undefined;
}

/** Called if the sender is not known from its head, as it takes parsing. */
interface ReadPush {
  senderProtocol(): SenderProtocol;
}

export const SENDER_PROTOCOLS = ['rw1', 'rw2', 'otlp', 'otlp-json', 'influx', 'unreadable'] as const;
export type SenderProtocol = (typeof SENDER_PROTOCOLS)[number];

/** Plain values, which can be sent to another process. Times are from Date.now(). */
export interface SenderCounts {
  readonly tenant: string;
  /** From the User-Agent; empty: there is none. */
  readonly program: string;
  readonly version: string;
  /** `10.1.2.0/24`, `2001:db8:1::/48`. */
  readonly network: string;
  readonly protocol: SenderProtocol;
  readonly compression: string;
  readonly pushes: number;
  /** Inherited from replaced entries: the true count may be lower by this much. */
  readonly over: number;
  /** Compressed bytes of bodies that were read. */
  readonly bytes: number;
  readonly bodies: number;
  readonly largest: number;
  /** Bodies by size: one count up to each of SIZES, and one above. */
  readonly sizes: readonly number[];
  readonly refused: number;
  /** Pushes marked as retries. */
  readonly retries: number;
  /** Those that came before any of the waits that the sender was told had passed. */
  readonly early: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

export const SIZES = [1 << 10, 16 << 10, 256 << 10, 1 << 20] as const;

/** Plain values, which can be sent to another process. */
export interface SenderList {
  /** Those who sent most come first. */
  readonly senders: readonly SenderCounts[];
  /** An upper bound on the senders without an entry: one that came twice is counted twice. */
  readonly more: number;
}

export const NO_SENDERS: SenderList = { senders: [], more: 0 };

/** Entries for one tenant. */
export const MOST_OF_ONE = 16;
const MOST = 20_000;
const MOST_OF_UNNAMED = MOST / 4;
const MOST_PROGRAM = 48;
const MOST_VERSION = 24;
const MOST_USER_AGENT = 200;
/** Clocks and networks may shorten a wait slightly. */
const NEARLY = 0.9;

/** A sender's entry, and what is known of a push from its head. */
export interface KnownSender {
  readonly place: Place;
  readonly isRetry: boolean;
}

class Place {
  pushes = 0;
  bytes = 0;
  bodies = 0;
  largest = 0;
  refused = 0;
  retries = 0;
  early = 0;
  lastMs: number;
  /** It was replaced. */
  taken = false;
  /** The earliest time at which a sender that obeys retries; NaN: it was not told to wait. */
  waitUntilMs = Number.NaN;
  readonly sizes = new Array<number>(SIZES.length + 1).fill(0);
  readonly tenant: string;
  readonly key: string;
  readonly over: number;
  readonly firstMs: number;

  constructor(tenant: string, key: string, over: number, nowMs: number) {
    this.tenant = tenant;
    this.key = key;
    this.over = over;
    this.pushes = over;
    this.firstMs = nowMs;
    this.lastMs = nowMs;
  }

  /** A body was read. */
  read(bytes: number): void {
    this.bodies++;
    this.bytes += bytes;
    if (bytes > this.largest) this.largest = bytes;
    let size = 0;
    while (size < SIZES.length && bytes > (SIZES[size] ?? 0)) size++;
    this.sizes[size] = (this.sizes[size] ?? 0) + 1;
  }

  refuse(retryAfterSeconds: number | undefined): void {
    this.refused++;
    if (retryAfterSeconds === undefined) return;
    const untilMs = this.lastMs + retryAfterSeconds * 1000 * NEARLY;
    // The first of its many connections that obeys may retry at the earliest of these times.
    if (!(this.waitUntilMs <= untilMs)) this.waitUntilMs = untilMs;
  }
}

export type { Place as SenderPlace };

/** For one tenant. */
interface Places {
  readonly byKey: Map<string, Place>;
  /** Senders whose entries were replaced. */
  pushedOut: number;
}

/** Tenants, ordered by when they last had a new sender or connection. */
class Group {
  readonly tenants = new Map<string, Places>();
  size = 0;

  /** Removes and returns a tenant; undefined: it is not here. */
  take(tenant: string): Places | undefined {
    const places = this.tenants.get(tenant);
    if (places === undefined) return undefined;
    this.tenants.delete(tenant);
    this.size -= places.byKey.size;
    return places;
  }

  put(tenant: string, places: Places): void {
    this.tenants.set(tenant, places);
    this.size += places.byKey.size;
  }
}

export class Senders {
  readonly #now: () => number;
  readonly #named = new Group();
  readonly #unnamed = new Group();
  /** Senders that were dropped together with their tenant, for lack of room. */
  forgotten = 0;
  #forgottenSenders = 0;

  /** `now` is monotonic. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#named.size + this.#unnamed.size;
  }

  /** Counts a push. `isNamed`: a document names the tenant, or documents name nobody. */
  push(head: SenderHead, tenant: string, isNamed: boolean, read: ReadPush): Place {
    let known = head.sender;
    if (known === undefined || known.place.taken) {
      known = {
        place: this.#find(tenant, isNamed, keyOf(head, read.senderProtocol())),
        isRetry: Number(head.header('retry-attempt') ?? 0) > 0,
      };
      head.sender = known;
    }
    const { place, isRetry } = known;
    const nowMs = this.#now();
    place.pushes++;
    place.lastMs = nowMs;
    if (isRetry) {
      place.retries++;
      if (nowMs < place.waitUntilMs) place.early++;
    }
    if (nowMs >= place.waitUntilMs) place.waitUntilMs = Number.NaN;
    return place;
  }

  /** Of one tenant, or of all. */
  list(tenant: string | undefined, most: number): SenderList {
    const clockMs = Date.now() - this.#now();
    const its = tenant === undefined ? this.#all() : [...this.#of(tenant)];
    const places = its.flatMap(({ byKey }) => [...byKey.values()]).sort((a, b) => b.pushes - a.pushes);
    const pushedOut = its.reduce((sum, places) => sum + places.pushedOut, 0);
    const forgotten = tenant === undefined ? this.#forgottenSenders : 0;
    return {
      senders: places.slice(0, most).map((place) => countsOf(place, clockMs)),
      more: Math.max(0, places.length - most) + pushedOut + forgotten,
    };
  }

  #all(): Places[] {
    return [this.#named, this.#unnamed].flatMap(({ tenants }) => [...tenants.values()]);
  }

  *#of(tenant: string): Generator<Places> {
    const places = this.#named.tenants.get(tenant) ?? this.#unnamed.tenants.get(tenant);
    if (places !== undefined) yield places;
  }

  #find(tenant: string, isNamed: boolean, key: string): Place {
    const places = this.#named.take(tenant) ?? this.#unnamed.take(tenant) ?? this.#newTenant();
    const place = places.byKey.get(key) ?? this.#newPlace(places, tenant, key);
    (isNamed ? this.#named : this.#unnamed).put(tenant, places);
    return place;
  }

  #newTenant(): Places {
    while (this.size >= MOST) this.#forgetOne();
    return { byKey: new Map(), pushedOut: 0 };
  }

  #newPlace(places: Places, tenant: string, key: string): Place {
    const over = places.byKey.size < MOST_OF_ONE ? 0 : takeLeast(places);
    const place = new Place(tenant, key, over, this.#now());
    places.byKey.set(key, place);
    return place;
  }

  #forgetOne(): void {
    const isUnnamed = this.#unnamed.size >= MOST_OF_UNNAMED;
    const group = isUnnamed ? this.#unnamed : this.#named;
    const [tenant] = group.tenants.keys();
    const places = tenant === undefined ? undefined : group.take(tenant);
    if (places === undefined) return;
    for (const place of places.byKey.values()) place.taken = true;
    this.forgotten++;
    this.#forgottenSenders += places.byKey.size + places.pushedOut;
  }
}

function takeLeast(places: Places): number {
  let least: Place | undefined;
  for (const place of places.byKey.values())
    if (least === undefined || place.pushes < least.pushes) least = place;
  if (least === undefined) return 0;
  least.taken = true;
  places.byKey.delete(least.key);
  places.pushedOut++;
  return least.pushes;
}

function countsOf(place: Place, clockMs: number): SenderCounts {
  const [program = '', version = '', network = '', protocol = '', compression = ''] = place.key.split('\n');
  const { tenant, pushes, over, bytes, bodies, largest, sizes, refused, retries, early } = place;
  return {
    tenant,
    program,
    version,
    network,
    protocol: protocol as SenderProtocol,
    compression,
    pushes,
    over,
    bytes,
    bodies,
    largest,
    sizes: [...sizes],
    refused,
    retries,
    early,
    firstMs: Math.round(place.firstMs + clockMs),
    lastMs: Math.round(place.lastMs + clockMs),
  };
}

function keyOf(head: SenderHead, protocol: SenderProtocol): string {
  const [program, version] = programOf(head.header('user-agent') ?? '');
  // The address that the nearest proxy saw, if there is one.
  const forwarded = head.header('x-forwarded-for') ?? '';
  const nearest = forwarded.slice(forwarded.lastIndexOf(',') + 1).trim();
  const network = networkOf(nearest) ?? networkOf(head.remoteAddress) ?? 'unknown';
  const compression = cleaned((head.header('content-encoding') ?? '').slice(0, 12));
  return [program, version, network, protocol, compression].join('\n');
}

/** `Prometheus/2.53.1`, `OpenTelemetry Collector Contrib/0.100.0 (linux/amd64)`. Odd characters become question marks. */
export function programOf(userAgent: string): [program: string, version: string] {
  const text = userAgent.slice(0, MOST_USER_AGENT);
  const [, program = '', version = ''] = /^([^/(]*)(?:\/([^\s(;,]*))?/.exec(text) ?? [];
  return [cleaned(program.trim()).slice(0, MOST_PROGRAM), cleaned(version).slice(0, MOST_VERSION)];
}

function cleaned(text: string): string {
  return text.replace(/[^A-Za-z0-9 ._+:@~-]/g, '?');
}

/** The first three bytes of an IPv4 address, the first 48 bits of an IPv6 one; undefined: not an address. */
export function networkOf(address: string): string | undefined {
  const [, four] = /^(?:::ffff:)?(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}$/.exec(address) ?? [];
  if (four !== undefined) return `${four}.0/24`;
  if (!/^[0-9a-f:]{2,39}$/i.test(address) || !address.includes(':')) return undefined;
  const [before = ''] = address.split('::');
  const parts = [...before.split(':').filter((part) => part !== ''), '0', '0', '0'].slice(0, 3);
  return `${parts.join(':').toLowerCase()}::/48`;
}

/** Merges the lists of several processes of a machine. A tenant gets no more entries than in one of them. */
export function mergedSenders(lists: readonly SenderList[], most: number): SenderList {
  const all = new Map<string, SenderCounts>();
  for (const one of lists.flatMap(({ senders }) => senders)) {
    const { tenant, program, version, network, protocol, compression } = one;
    const key = [tenant, program, version, network, protocol, compression].join('\n');
    const before = all.get(key);
    all.set(key, before === undefined ? one : added(before, one));
  }
  const ofTenant = new Map<string, number>();
  const senders = [...all.values()]
    .sort((a, b) => b.pushes - a.pushes)
    .filter(({ tenant }) => {
      const before = ofTenant.get(tenant) ?? 0;
      ofTenant.set(tenant, before + 1);
      return before < MOST_OF_ONE;
    })
    .slice(0, most);
  const more = lists.reduce((sum, list) => sum + list.more, 0);
  return { senders, more: more + all.size - senders.length };
}

function added(a: SenderCounts, b: SenderCounts): SenderCounts {
  return {
    ...a,
    pushes: a.pushes + b.pushes,
    over: a.over + b.over,
    bytes: a.bytes + b.bytes,
    bodies: a.bodies + b.bodies,
    largest: Math.max(a.largest, b.largest),
    sizes: a.sizes.map((count, size) => count + (b.sizes[size] ?? 0)),
    refused: a.refused + b.refused,
    retries: a.retries + b.retries,
    early: a.early + b.early,
    firstMs: Math.min(a.firstMs, b.firstMs),
    lastMs: Math.max(a.lastMs, b.lastMs),
  };
}
