/**
 * Who pushes, found out from the pushes alone: for each tenant the programs that send, from which range of addresses, in
 * which protocol, how large, how often again. A sketch of bounded size: a tenant has a few places, and a sender that is new
 * takes the place of the one that was seen least, with its count as the most that it may be over (space-saving). How many have
 * no place is told. Tenants that no document names have a quarter of all places once others need them: names are made up easily.
 *
 * A sender that is known costs an increment where its place is kept with the head of its requests, which repeats. Envoy tells
 * the head of each push anew: there it costs a key and a look into a map.
 */

/** Of the head of a request. It may repeat on its connection. */
export interface SenderHead {
  header(name: string): string | undefined;
  readonly remoteAddress: string;
  sender: KnownSender | undefined;
}

/** Asked where the sender is not known by its head: it takes reading. */
interface ReadPush {
  senderProtocol(): SenderProtocol;
}

export const SENDER_PROTOCOLS = ['rw1', 'rw2', 'otlp', 'otlp-json', 'influx', 'unreadable'] as const;
export type SenderProtocol = (typeof SENDER_PROTOCOLS)[number];

/** Plain values, that can be sent to another process. Times are of Date.now(). */
export interface SenderCounts {
  readonly tenant: string;
  /** Of the User-Agent; empty: it names none. */
  readonly program: string;
  readonly version: string;
  /** `10.1.2.0/24`, `2001:db8:1::/48`. */
  readonly network: string;
  readonly protocol: SenderProtocol;
  readonly compression: string;
  readonly pushes: number;
  /** Counted for others before it had their place: it has sent as many fewer at most. */
  readonly over: number;
  /** Of bodies that were read, on the wire. */
  readonly bytes: number;
  readonly bodies: number;
  readonly largest: number;
  /** Bodies by size: up to each of SIZES, and above. */
  readonly sizes: readonly number[];
  readonly refused: number;
  /** Pushes that say that they come again. */
  readonly retries: number;
  /** Of them, those that came before any of the times that it was told to wait for was over. */
  readonly early: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

export const SIZES = [1 << 10, 16 << 10, 256 << 10, 1 << 20] as const;

/** Plain values, that can be sent to another process. */
export interface SenderList {
  /** Who has sent most comes first. */
  readonly senders: readonly SenderCounts[];
  /** Those that there is no place for here, at most: who came twice is counted twice. */
  readonly more: number;
}

export const NO_SENDERS: SenderList = { senders: [], more: 0 };

/** Senders of one tenant. */
export const MOST_OF_ONE = 16;
const MOST = 20_000;
const MOST_OF_UNNAMED = MOST / 4;
const MOST_PROGRAM = 48;
const MOST_VERSION = 24;
const MOST_USER_AGENT = 200;
/** Clocks and networks may shorten a wait a little. */
const NEARLY = 0.9;

/** The place of a sender, and what of a push is known by its head. */
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
  /** Another has taken it. */
  taken = false;
  /** Nobody who obeys comes again before; NaN: nobody was told to wait. */
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
    // Whoever of its many connections obeys first may come at the earliest of these times.
    if (!(this.waitUntilMs <= untilMs)) this.waitUntilMs = untilMs;
  }
}

export type { Place as SenderPlace };

/** Of one tenant. */
interface Places {
  readonly byKey: Map<string, Place>;
  /** Senders whose place another has taken. */
  pushedOut: number;
}

/** Tenants, in the order in which they had a new sender or connection last. */
class Group {
  readonly tenants = new Map<string, Places>();
  size = 0;

  /** Takes the tenant out; undefined: it is not here. */
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
  /** Tenants whose senders were forgotten for want of room, and those senders. */
  forgotten = 0;
  #forgottenSenders = 0;

  /** `now` never steps back. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#named.size + this.#unnamed.size;
  }

  /** A push has come. `isNamed`: a document names the tenant, or documents name nobody. */
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

  /** Those of a tenant, or of all. */
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
  // What the nearest proxy saw, where there is one.
  const forwarded = head.header('x-forwarded-for') ?? '';
  const nearest = forwarded.slice(forwarded.lastIndexOf(',') + 1).trim();
  const network = networkOf(nearest) ?? networkOf(head.remoteAddress) ?? 'unknown';
  const compression = cleaned((head.header('content-encoding') ?? '').slice(0, 12));
  return [program, version, network, protocol, compression].join('\n');
}

/** `Prometheus/2.53.1`, `OpenTelemetry Collector Contrib/0.100.0 (linux/amd64)`. What is odd in it is a question mark. */
export function programOf(userAgent: string): [program: string, version: string] {
  const text = userAgent.slice(0, MOST_USER_AGENT);
  const [, program = '', version = ''] = /^([^/(]*)(?:\/([^\s(;,]*))?/.exec(text) ?? [];
  return [cleaned(program.trim()).slice(0, MOST_PROGRAM), cleaned(version).slice(0, MOST_VERSION)];
}

function cleaned(text: string): string {
  return text.replace(/[^A-Za-z0-9 ._+:@~-]/g, '?');
}

/** Of a version 4 address its first three numbers, of a version 6 one its first 48 bits; undefined: it is none. */
export function networkOf(address: string): string | undefined {
  const [, four] = /^(?:::ffff:)?(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}$/.exec(address) ?? [];
  if (four !== undefined) return `${four}.0/24`;
  if (!/^[0-9a-f:]{2,39}$/i.test(address) || !address.includes(':')) return undefined;
  const [before = ''] = address.split('::');
  const parts = [...before.split(':').filter((part) => part !== ''), '0', '0', '0'].slice(0, 3);
  return `${parts.join(':').toLowerCase()}::/48`;
}

/** Of several processes of one machine. A tenant has no more places in it than in one. */
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
