/**
 * All addresses of Mimir, and which one the next request goes to: of two that are picked at random, the one with less to do. An
 * address that fails while others do not is left out for a time, as long as half of them stay; one that refuses connections is
 * left out as long as any other is left.
 */
import { Poller } from '../base/poller.js';
import { type AddressChange, AddressHealth, type AddressStatus } from './address-health.js';
import { usualMsOf } from './admission.js';
import type { Endpoint, Resolve, Resolved } from './resolver.js';
import {
  type AddressOptions,
  type AddressWatcher,
  addressName,
  UpstreamAddress,
} from './upstream-address.js';
import type { UpstreamSource } from './upstream-source.js';

export interface AddressesOptions extends AddressOptions {
  readonly sources: readonly UpstreamSource[];
  readonly resolve: Resolve;
  /** How long what was resolved holds where nobody says, and the longest that it does. */
  readonly resolveMs: number;
  /** The start waits so long for names at most. */
  readonly startWaitMs: number;
  /** The zone that the edge is in; its addresses are preferred. Empty: none. */
  readonly zone: string;
  readonly random: () => number;
  readonly changed: (change: AddressChange) => void;
  readonly events: AddressEvents;
}

/** What operators are told of. */
export interface AddressEvents {
  /** `before`: how many addresses the name had. `unused`: how many more it has than are used. */
  resolved(name: string, addresses: readonly string[], before: number, unused: number): void;
  /** `kept`: how many addresses are used on. Told once until it resolves again. */
  notResolved(name: string, error: unknown, kept: number): void;
  /** An address is left out, or sent to again. */
  moved(status: AddressStatus): void;
}

/** Failures in a row for which an address is left out. */
const FAILURES_IN_A_ROW = 5;
/** Of the last ten seconds: an address is left out that fails in such a part, and so many times as often as the others. */
const FAILING_PART = 0.3;
const TIMES_THE_OTHERS = 3;
const ENOUGH_REQUESTS = 20;
/** When others fail, too, five in a row may be chance. */
const OTHERS_FAIL_PART = 0.1;
/** What fails may be asked for again so often, and what has a TTL of 0. */
const SOONEST_RESOLVE_MS = 1000;
/** More than any Mimir has distributors: each costs memory, and lines in metrics. */
const MOST_OF_NAME = 500;

/** A name and what it stands for now. */
interface Name {
  readonly source: UpstreamSource;
  readonly poller: Poller;
  addresses: UpstreamAddress[];
  /** Of the family that is not used. */
  other: readonly Endpoint[];
  ttlMs: number | undefined;
  /** When it was asked for last. */
  askedMs: number;
  /** Connections refused in a row by its addresses. */
  refusals: number;
  failures: number;
  isFailing: boolean;
}

export class Addresses implements AddressWatcher {
  readonly #options: AddressesOptions;
  readonly #names: Name[];
  #all: UpstreamAddress[] = [];
  /** Those that are sent to. */
  #usable: UpstreamAddress[] = [];
  /** Not in: the next of them that time moves on. */
  #recheckMs = Number.POSITIVE_INFINITY;
  #anyProbing = false;
  /** What an address may have under way, as it was last known. */
  #usualLimit = Number.POSITIVE_INFINITY;
  #destroyed = false;

  constructor(options: AddressesOptions) {
    this.#options = options;
    this.#names = options.sources.map((source) => this.#name(source));
    // Until a name is resolved its connections look it up for themselves.
    for (const name of this.#names) {
      if (name.source.via !== 'srv') this.#use(name, [{ host: name.source.host, port: name.source.port }]);
    }
  }

  /** Resolves when each name has been asked for once, or nobody has said within the time that the start has. */
  async start(): Promise<void> {
    await Promise.all(this.#names.map((name) => name.source.via !== 'fixed' && this.#askFirst(name)));
  }

  /** Who is asked now is not waited for: nobody will use what it says. */
  stop(): void {
    this.#destroyed = true;
    for (const address of this.#all) address.destroy();
    for (const { poller } of this.#names) void poller.stop();
  }

  get all(): readonly UpstreamAddress[] {
    return this.#all;
  }

  /**
   * Where the next request goes, but not to `except`. Undefined: there is no other. One that is not in is to be tried by it. What
   * all may have under way together may be more than one of them takes: that goes to the others.
   */
  pick(nowMs: number, isPush: boolean, except?: UpstreamAddress): UpstreamAddress | undefined {
    if (nowMs >= this.#recheckMs) this.#recheck(nowMs);
    if (this.#anyProbing) {
      const probed = this.#all.find((address) => address !== except && address.standing.takeProbe(isPush));
      if (probed !== undefined) return probed;
    }
    const usable = except === undefined ? this.#usable : this.#usable.filter((one) => one !== except);
    if (usable.length < 2) return usable[0];
    const { random } = this.#options;
    const i = Math.floor(random() * usable.length);
    const j = (i + 1 + Math.floor(random() * (usable.length - 1))) % usable.length;
    const [one, two] = [usable[i], usable[j]];
    if (one === undefined || two === undefined) return one ?? two;
    if (this.#options.admission?.holds === true && (fullness(one) >= 1 || fullness(two) >= 1)) {
      return fullness(one) <= fullness(two) ? one : two;
    }
    return costOf(one, nowMs) <= costOf(two, nowMs) ? one : two;
  }

  /**
   * What those that are sent to may have under way, all together. One that is only watched so far counts as the others do,
   * or did: an address that is new must not open the door to all that waits.
   */
  capacity(): number {
    let sum = 0;
    let unknown = 0;
    for (const { capacity } of this.#usable) {
      if (capacity === undefined || capacity.limit === Number.POSITIVE_INFINITY) unknown++;
      else sum += capacity.limit;
    }
    const known = this.#usable.length - unknown;
    if (known > 0) this.#usualLimit = sum / known;
    return unknown === 0 ? sum : sum + unknown * this.#usualLimit;
  }

  /** In what time those that are sent to answer, when all is well, as much as they may have under way; 0: not known. */
  usualMs(): number {
    return usualMsOf(this.#usable);
  }

  /** Of those that were sent pushes lately none answers more than half of them well. */
  allFail(): boolean {
    return this.#all.every(({ blame }) => {
      const { requests, failed } = blame.withoutCause();
      return failed * 2 >= requests;
    });
  }

  failed(address: UpstreamAddress, refused: boolean, nowMs: number): void {
    if (refused) this.#refused(address);
    if (address.standing.state !== 'in' || !this.#mayLeave(address, refused)) return;
    address.standing.leave(refused, nowMs);
    this.moved(address);
  }

  moved(address: UpstreamAddress): void {
    this.#sort();
    if (this.#all.includes(address)) this.#options.events.moved(address.status());
  }

  aged({ source }: UpstreamAddress): void {
    this.#askAgain(this.#names.find((name) => name.source === source));
  }

  /** Names that could not be resolved when they were last asked for. */
  unresolved(): string[] {
    return this.#names.filter(({ isFailing }) => isFailing).map(({ source }) => source.text);
  }

  /** How often each name could not be resolved, and how many addresses it has. */
  *names(): Generator<readonly [name: string, failures: number, addresses: number]> {
    for (const { source, failures, addresses } of this.#names) {
      yield [source.text, failures, addresses.length];
    }
  }

  /** An answer of an address to the question whether it is ready, which is no push. */
  checked(address: UpstreamAddress, isReady: boolean, failuresInARow: number): void {
    const nowMs = this.#options.now();
    const { standing } = address;
    standing.tick(nowMs);
    if (isReady && standing.state === 'probing') {
      if (standing.succeeded(this.#options.now)) this.moved(address);
    } else if (!isReady && standing.state === 'probing') {
      standing.failed(nowMs);
      this.moved(address);
    } else if (!isReady && standing.state === 'in' && failuresInARow >= 3 && this.#leavesEnough()) {
      standing.leave(false, nowMs);
      this.moved(address);
    }
  }

  #mayLeave(address: UpstreamAddress, refused: boolean): boolean {
    if (refused) return this.#all.some((other) => other !== address && other.standing.state === 'in');
    return this.#leavesEnough() && this.#isWorseThanOthers(address);
  }

  /** Of those that take connections half stay, whatever they answer. */
  #leavesEnough(): boolean {
    const out = this.#all.filter(({ standing }) => standing.state !== 'in').length;
    return (out + 1) * 2 <= this.#all.length;
  }

  #isWorseThanOthers(address: UpstreamAddress): boolean {
    const own = address.blame.withoutCause();
    // Who sends alone here may fail everywhere.
    const isOneSender = address.blame.hasOneSender();
    let requests = 0;
    let failed = 0;
    for (const { blame } of this.#all) {
      if (blame === address.blame) continue;
      const its = isOneSender ? blame.all() : blame.withoutCause();
      requests += its.requests;
      failed += its.failed;
    }
    // Before anybody knows how others fare it takes more to judge this one.
    if (requests === 0 && own.requests < ENOUGH_REQUESTS) return false;
    const others = requests === 0 ? 0 : failed / requests;
    if (others < OTHERS_FAIL_PART && address.blame.inARow(FAILURES_IN_A_ROW)) return true;
    const part = own.requests === 0 ? 0 : own.failed / own.requests;
    return own.requests >= ENOUGH_REQUESTS && part >= Math.max(FAILING_PART, TIMES_THE_OTHERS * others);
  }

  /** Time has passed: some that were out may show that they are well. */
  #recheck(nowMs: number): void {
    for (const { standing } of this.#all) standing.tick(nowMs);
    this.#sort();
  }

  #sort(): void {
    const usable = this.#all.filter(({ standing }) => standing.state === 'in');
    const { zone } = this.#options;
    const own = zone === '' ? [] : usable.filter(({ source }) => source.zone === zone);
    const ofZone = this.#all.filter(({ source }) => source.zone === zone).length;
    // When most of a zone is gone what is left of it would get all.
    this.#usable = own.length > 0 && own.length * 2 >= ofZone ? own : usable;
    this.#anyProbing = this.#all.some(({ standing }) => standing.state === 'probing');
    this.#recheckMs = Math.min(
      ...this.#all.map(({ standing }) =>
        standing.state === 'out' ? standing.untilMs : Number.POSITIVE_INFINITY,
      ),
    );
  }

  /** None of a name's addresses takes a connection: where it has some of the other family these are tried. */
  #refused({ source }: UpstreamAddress): void {
    const name = this.#names.find((one) => one.source === source);
    if (name === undefined) return;
    name.refusals++;
    if (name.other.length > 0 && name.refusals >= name.addresses.length && !this.#anyReached(name)) {
      const other = name.other;
      name.other = name.addresses.map(({ endpoint }) => endpoint);
      this.#use(name, other);
    }
    this.#askAgain(name);
  }

  #anyReached({ addresses }: Name): boolean {
    return addresses.some(({ health }) => health.everAnswered);
  }

  #askAgain(name: Name | undefined): void {
    if (name === undefined || name.source.via === 'fixed' || this.#destroyed) return;
    if (this.#options.now() - name.askedMs >= SOONEST_RESOLVE_MS) void name.poller.refresh();
  }

  #name(source: UpstreamSource): Name {
    const { resolveMs, now } = this.#options;
    const name: Name = {
      source,
      poller: new Poller({
        run: () => this.#resolve(name),
        failed: (error) => this.#notResolved(name, error),
        waitMs: () => Math.max(SOONEST_RESOLVE_MS, Math.min(name.ttlMs ?? resolveMs, resolveMs)),
      }),
      addresses: [],
      other: [],
      ttlMs: undefined,
      askedMs: now(),
      refusals: 0,
      failures: 0,
      isFailing: false,
    };
    return name;
  }

  #askFirst(name: Name): Promise<void> {
    const { startWaitMs } = this.#options;
    return new Promise((resolve) => {
      const late = setTimeout(() => {
        this.#notResolved(name, new Error(`nobody said within ${startWaitMs} ms`));
        resolve();
      }, startWaitMs);
      void name.poller.refresh().then(() => {
        clearTimeout(late);
        resolve();
      });
    });
  }

  async #resolve(name: Name): Promise<void> {
    name.askedMs = this.#options.now();
    const resolved = await this.#options.resolve(name.source);
    if (this.#destroyed) return;
    if (resolved.endpoints.length === 0) throw new Error('it has no address');
    name.ttlMs = resolved.ttlMs;
    this.#take(name, resolved);
    name.isFailing = false;
  }

  /** The family that is in use stays, as long as there is one of it. */
  #take(name: Name, { endpoints, otherFamily }: Resolved): void {
    const inUse = new Set(name.addresses.map(({ endpoint }) => endpoint.host));
    const isOther = otherFamily.some(({ host }) => inUse.has(host));
    name.other = isOther ? endpoints : otherFamily;
    this.#use(name, isOther ? otherFamily : endpoints);
  }

  #notResolved(name: Name, error: unknown): void {
    name.failures++;
    if (name.isFailing) return;
    name.isFailing = true;
    this.#options.events.notResolved(name.source.text, error, name.addresses.length);
  }

  #use(name: Name, all: readonly Endpoint[]): void {
    const known = new Map(name.addresses.map((address) => [keyOf(address.endpoint), address]));
    const endpoints = all.length > MOST_OF_NAME ? someOf(all, known) : all;
    const before = name.addresses;
    name.refusals = 0;
    name.addresses = endpoints.map((endpoint) => {
      const address = known.get(keyOf(endpoint)) ?? this.#open(name.source, endpoint);
      known.delete(keyOf(endpoint));
      return address;
    });
    this.#all = this.#names.flatMap(({ addresses }) => addresses);
    this.#sort();
    const isSame = before.length === name.addresses.length && known.size === 0;
    // After the others can be picked: what waits for it goes to one of them.
    for (const address of known.values()) address.retire();
    if (name.isFailing || (!isSame && before.length > 0)) {
      const names = endpoints.map((endpoint) => addressName(name.source, endpoint));
      this.#options.events.resolved(name.source.text, names, before.length, all.length - names.length);
    }
  }

  #open(source: UpstreamSource, endpoint: Endpoint): UpstreamAddress {
    const { now, changed } = this.#options;
    const health = new AddressHealth(addressName(source, endpoint), now, changed);
    // At the start there is nobody who could take the load meanwhile.
    const isNew = this.#all.some(({ health: other }) => other.everAnswered);
    return new UpstreamAddress(source, endpoint, this.#options, health, isNew, this);
  }
}

/** Those that are known stay, in whatever order they are answered. */
function someOf(endpoints: readonly Endpoint[], known: ReadonlyMap<string, unknown>): Endpoint[] {
  const isKnown = (endpoint: Endpoint): boolean => known.has(keyOf(endpoint));
  const some = [...endpoints.filter(isKnown), ...endpoints.filter((endpoint) => !isKnown(endpoint))];
  return some.slice(0, MOST_OF_NAME);
}

function costOf(address: UpstreamAddress, nowMs: number): number {
  return (address.load + 1) / address.standing.weight(nowMs);
}

/** 1: it has as much as it may have under way. */
function fullness({ capacity }: UpstreamAddress): number {
  return capacity === undefined ? 0 : capacity.inFlight / capacity.limit;
}

function keyOf({ host, port }: Endpoint): string {
  return `${host} ${port}`;
}
