/** Which address a request goes to: names that stand for others, addresses that fail, zones. No connection is made. */
import t from 'tap';
import { type AddressEvents, Addresses } from '#src/upstream/addresses.js';
import { Admission } from '#src/upstream/admission.js';
import { Breaker } from '#src/upstream/breaker.js';
import type { Called, Outcomes } from '#src/upstream/call.js';
import type { Resolved } from '#src/upstream/resolver.js';
import type { UpstreamAddress } from '#src/upstream/upstream-address.js';
import { upstreamSource } from '#src/upstream/upstream-source.js';
import { eventually } from '../doors/http/fixtures.js';

interface Given {
  readonly addresses: Addresses;
  readonly told: string[];
  at(ms: number): void;
  /** What names stand for from now on; undefined: they can not be resolved. */
  names(hosts: readonly string[] | undefined, other?: readonly string[]): void;
  resolve(): Promise<void>;
  /** From now on nobody says what names stand for, until it is asked for an end of that. */
  hang(): () => void;
  address(host: string): UpstreamAddress;
  /** How often each is picked, of so many. */
  picked(times?: number, except?: UpstreamAddress): Record<string, number>;
}

function given(urls: readonly string[], zone = '', slowStartMs = 0, admission?: Admission): Given {
  let nowMs = 0;
  let resolved: Resolved | undefined;
  let said: Promise<void> | undefined;
  let seed = 1;
  const told: string[] = [];
  const events: AddressEvents = {
    resolved: (name, now, before, unused) =>
      told.push(`${name}: ${before} -> ${now.join(' ')}${unused === 0 ? '' : `, ${unused} unused`}`),
    notResolved: (name, error, kept) => told.push(`${name}: ${(error as Error).message}, ${kept} kept`),
    moved: ({ address, sentTo }) => told.push(`${address} ${sentTo}`),
  };
  const addresses = new Addresses({
    sources: urls.map(upstreamSource),
    resolve: async () => {
      await said;
      if (resolved === undefined) throw new Error('nobody knows');
      return resolved;
    },
    resolveMs: 30_000,
    startWaitMs: 50,
    zone,
    slowStartMs,
    random: () => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed / 2_147_483_647;
    },
    changed: () => {},
    events,
    breaker: new Breaker({ mode: 'off', allFail: () => false, now: () => nowMs, changed: () => {} }),
    admission,
    tls: undefined,
    connections: 4,
    tenantShare: 1,
    addressShare: 1,
    connectTimeoutMs: 100,
    queueTimeoutMs: 100,
    maxConnectionAgeMs: 0,
    now: () => nowMs,
  });
  t.teardown(() => addresses.stop());
  const address = (host: string): UpstreamAddress => {
    const found = addresses.all.find(({ endpoint }) => endpoint.host === host);
    if (found === undefined) throw new Error(`${host} is no address`);
    return found;
  };
  return {
    addresses,
    told,
    address,
    at(ms) {
      nowMs = ms;
      for (const one of addresses.all) heard(one).tick(ms);
    },
    names(hosts, other = []) {
      const endpoints = (of: readonly string[]) => of.map((host) => ({ host, port: 80 }));
      resolved =
        hosts === undefined
          ? undefined
          : { endpoints: endpoints(hosts), otherFamily: endpoints(other), ttlMs: undefined };
    },
    resolve: () => addresses.start(),
    hang() {
      let end = (): void => {};
      said = new Promise((resolve) => {
        end = resolve;
      });
      return end;
    },
    picked(times = 100, except) {
      const counts: Record<string, number> = {};
      for (let i = 0; i < times; i++) {
        const host = addresses.pick(nowMs, true, except)?.endpoint.host ?? 'none';
        counts[host] = (counts[host] ?? 0) + 1;
      }
      return counts;
    },
  };
}

/** A push, of one who sends alone unless somebody is named. */
function call(place = 'a', isProbe = false): Called {
  return { request: { place }, attempt: { isProbe, trial: 0 } };
}

/** What the connections for pushes tell their address. */
const heard = (address: UpstreamAddress): Outcomes => address.pushes.options.outcomes;

function answer(address: UpstreamAddress, status: number, to = call()): void {
  heard(address).answered(status, to);
}

function fail(address: UpstreamAddress, times: number, place?: string): void {
  for (let i = 0; i < times; i++) answer(address, 503, call(place));
}

function refuse(address: UpstreamAddress): void {
  heard(address).failed('unreachable', new Error('refused'), call());
}

t.test(
  'a name that is not resolved yet is connected to as it is, and SRV records have to be known',
  async (t) => {
    t.strictSame(given(['http://mimir']).picked(), { mimir: 100 });
    t.strictSame(given(['srv:http://_http._tcp.mimir']).picked(), { none: 100 });
  },
);

t.test('all addresses of a name get their share', async (t) => {
  const { names, resolve, picked, told } = given(['http://mimir']);
  names(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
  await resolve();
  const counts = picked(3000);
  t.strictSame(Object.keys(counts).sort(), ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
  t.ok(
    Object.values(counts).every((count) => count > 800 && count < 1200),
    JSON.stringify(counts),
  );
  t.strictSame(told, ['http://mimir: 1 -> http://10.0.0.1:80 http://10.0.0.2:80 http://10.0.0.3:80']);
});

t.test('addresses that are known stay as they are, others come and go', async (t) => {
  const { names, resolve, address, addresses, told } = given(['http://mimir']);
  names(['10.0.0.1', '10.0.0.2']);
  await resolve();
  const [first] = [address('10.0.0.1')];
  names(['10.0.0.1', '10.0.0.3']);
  await resolve();
  t.equal(address('10.0.0.1'), first);
  t.strictSame(
    addresses.all.map(({ endpoint }) => endpoint.host),
    ['10.0.0.1', '10.0.0.3'],
  );
  await resolve();
  t.equal(told.length, 2, 'nothing is told where nothing changed');
});

t.test('what was known holds while nobody can say, and that is told once', async (t) => {
  const { names, resolve, picked, told, addresses } = given(['dns:http://mimir']);
  names(['10.0.0.1']);
  await resolve();
  names(undefined);
  await resolve();
  await resolve();
  t.strictSame(picked(), { '10.0.0.1': 100 });
  t.strictSame(told.slice(1), ['dns:http://mimir: nobody knows, 1 kept']);
  t.strictSame([...addresses.names()], [['dns:http://mimir', 2, 1]]);
  names([]);
  await resolve();
  t.strictSame(picked(), { '10.0.0.1': 100 }, 'no address at all is no answer either');
});

t.test('who does not say what a name stands for holds the start only for a time, and no stop', async (t) => {
  const { names, resolve, hang, told, addresses, picked } = given(['srv:http://mimir', 'http://10.0.0.9']);
  names(['10.0.0.1']);
  const answer = hang();
  await resolve();
  t.strictSame(told, ['srv:http://mimir: nobody said within 50 ms, 0 kept']);
  t.strictSame(addresses.unresolved(), ['srv:http://mimir']);
  t.strictSame(picked(), { '10.0.0.9': 100 }, 'what is known is sent to meanwhile');
  answer();
  await eventually(() => addresses.unresolved().length === 0);
  t.strictSame(
    told.slice(1),
    ['srv:http://mimir: 0 -> http://10.0.0.1:80'],
    'its answer is taken when it comes',
  );
  hang();
  const asked = addresses.start();
  addresses.stop();
  await asked;
});

t.test('an address that fails five times in a row while the other does not is left out', async (t) => {
  const { picked, address, told } = given(['http://10.0.0.1', 'http://10.0.0.2']);
  answer(address('10.0.0.2'), 200);
  fail(address('10.0.0.1'), 4);
  t.equal(address('10.0.0.1').standing.state, 'in');
  fail(address('10.0.0.1'), 1);
  t.strictSame(picked(), { '10.0.0.2': 100 });
  t.strictSame(told, ['http://10.0.0.1:80 out']);
});

t.test('one that fails now and then is left out when the others fail much more seldom', async (t) => {
  for (const [failing, othersFail, isOut] of [
    [3, 0, true],
    [2, 0, false],
    [4, 1, true],
    [5, 2, false],
  ] as const) {
    const { address } = given(['http://10.0.0.1', 'http://10.0.0.2']);
    const [one, other] = [address('10.0.0.1'), address('10.0.0.2')];
    for (let i = 0; i < 40; i++) answer(other, i % 10 < othersFail ? 500 : 200);
    // Not in a row.
    for (let i = 0; i < 40; i++) answer(one, (i * 3) % 10 < failing ? 500 : 200);
    t.equal(one.standing.state === 'out', isOut, `${failing} of 10 beside ${othersFail} of 10`);
  }
});

t.test('when all fail alike nobody is left out: it is not the address', async (t) => {
  const { address, told } = given(['http://10.0.0.1', 'http://10.0.0.2']);
  for (let i = 0; i < 50; i++) {
    fail(address('10.0.0.1'), 1);
    fail(address('10.0.0.2'), 1);
  }
  t.strictSame(told, []);
});

t.test('never more than half of those that take connections are left out', async (t) => {
  const hosts = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5'];
  const { address, picked } = given(hosts.map((host) => `http://${host}`));
  for (const host of hosts.slice(3)) for (let i = 0; i < 100; i++) answer(address(host), 200);
  for (const host of hosts.slice(0, 3)) fail(address(host), 20);
  t.equal(Object.keys(picked(1000)).length, 3);
});

t.test('an address that refuses connections is passed over, and the last one is not', async (t) => {
  const { address, picked } = given(['http://10.0.0.1', 'http://10.0.0.2', 'http://10.0.0.3']);
  refuse(address('10.0.0.1'));
  t.notOk('10.0.0.1' in picked());
  refuse(address('10.0.0.2'));
  t.strictSame(picked(), { '10.0.0.3': 100 });
  refuse(address('10.0.0.3'));
  t.strictSame(picked(), { '10.0.0.3': 100 });
});

t.test('a single address is sent to, whatever it answers', async (t) => {
  const { address, picked } = given(['http://10.0.0.1']);
  fail(address('10.0.0.1'), 100);
  refuse(address('10.0.0.1'));
  t.strictSame(picked(), { '10.0.0.1': 100 });
});

t.test('one that is left out is tried by one request at a time, and comes back by three', async (t) => {
  const { address, picked, at, told } = given(['http://10.0.0.1', 'http://10.0.0.2']);
  answer(address('10.0.0.2'), 200);
  fail(address('10.0.0.1'), 5);
  at(10_000);
  t.strictSame(picked(), { '10.0.0.1': 1, '10.0.0.2': 99 });
  answer(address('10.0.0.1'), 200, call('a', true));
  t.strictSame(picked(), { '10.0.0.1': 1, '10.0.0.2': 99 });
  heard(address('10.0.0.1')).aborted(call('a', true));
  t.strictSame(picked(), { '10.0.0.1': 1, '10.0.0.2': 99 }, 'a request that ended early told nothing');
  answer(address('10.0.0.1'), 200, call('a', true));
  picked();
  answer(address('10.0.0.1'), 200, call('a', true));
  t.ok((picked()['10.0.0.1'] ?? 0) > 30);
  t.strictSame(told, ['http://10.0.0.1:80 out', 'http://10.0.0.1:80 in']);
});

t.test('what was on its way before is heard, and says nothing of one that is tried', async (t) => {
  const { address, picked, at, told } = given(['http://10.0.0.1', 'http://10.0.0.2']);
  answer(address('10.0.0.2'), 200);
  fail(address('10.0.0.1'), 5);
  at(10_000);
  t.strictSame(picked(), { '10.0.0.1': 1, '10.0.0.2': 99 });
  for (let i = 0; i < 5; i++) answer(address('10.0.0.1'), 200);
  t.notOk('10.0.0.1' in picked(), 'late answers do not bring it back');
  fail(address('10.0.0.1'), 5);
  t.equal(address('10.0.0.1').standing.state, 'probing', 'nor do late failures put it out again');
  for (let i = 0; i < 3; i++) {
    answer(address('10.0.0.1'), 200, call('a', true));
    if (i < 2) t.equal(picked()['10.0.0.1'], 1);
  }
  t.strictSame(told, ['http://10.0.0.1:80 out', 'http://10.0.0.1:80 in']);
});

t.test('what one sender alone may be the cause of puts nobody out', async (t) => {
  const hosts = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'];
  const { address, told, at } = given(hosts.map((host) => `http://${host}`));
  for (let i = 0; i < 400; i++) {
    if (i % 20 === 0) at(i * 100);
    // By chance it is one address that gets most of them.
    fail(address(i % 10 < 9 ? '10.0.0.1' : '10.0.0.2'), 4, 'hostile');
    if (i % 4 === 0) for (const host of hosts) answer(address(host), 200, call(`good ${i % 3}`));
  }
  t.strictSame(told, []);
});

t.test('nor does it keep one in that fails for others', async (t) => {
  const hosts = ['10.0.0.1', '10.0.0.2'];
  const { address } = given(hosts.map((host) => `http://${host}`));
  for (let i = 0; i < 8; i++) {
    for (const host of hosts) fail(address(host), 4, 'hostile');
    for (let tenant = 0; tenant < 3; tenant++) {
      answer(address('10.0.0.2'), 200, call(`good ${tenant}`));
      fail(address('10.0.0.1'), 1, `good ${tenant}`);
    }
  }
  t.strictSame(
    hosts.map((host) => address(host).standing.state),
    ['out', 'in'],
  );
});

t.test('what is passed through says whether an address takes connections, and nothing else', async (t) => {
  const { address, addresses, at } = given(['http://10.0.0.1', 'http://10.0.0.2']);
  const one = address('10.0.0.1');
  const { outcomes } = one.passes.options;
  for (let i = 0; i < 100; i++) {
    outcomes.answered(503, call(`${i}`));
    outcomes.failed('broken', new Error('broken'), call(`${i}`));
    outcomes.failed('timeout', new Error('late'), call(`${i}`));
  }
  t.equal(one.standing.state, 'in');
  answer(address('10.0.0.2'), 200);
  fail(one, 4);
  outcomes.answered(200, call());
  fail(one, 1);
  t.equal(one.standing.state, 'out', 'nor do answers to it end a row of failures');
  at(10_000);
  t.equal(
    addresses.pick(10_000, false),
    address('10.0.0.2'),
    'it does not find out whether pushes go well again',
  );
  outcomes.failed('unreachable', new Error('refused'), call());
  const other = given(['http://10.0.0.1', 'http://10.0.0.2']);
  const gone = other.address('10.0.0.1');
  gone.passes.options.outcomes.failed('unreachable', new Error('refused'), call());
  t.equal(gone.standing.state, 'out');
  other.at(1000);
  t.equal(other.addresses.pick(1000, false), gone, 'whether connections are taken it does');
});

t.test('one that waits too long for a connection says nothing of its address', async (t) => {
  const { address, told } = given(['http://10.0.0.1', 'http://10.0.0.2']);
  for (let i = 0; i < 20; i++) heard(address('10.0.0.1')).failed('busy', new Error('busy'), call());
  t.strictSame(told, []);
});

t.test(
  'a new address may have as much as the others have, or had, until it is known what it takes',
  async (t) => {
    const options = { maxBytes: 1, maxWaitMs: 1, now: () => 0, capacity: { floor: 1, learningMs: 1e9 } };
    const admission = new Admission(
      { ...options, mode: 'act' },
      () => 1,
      () => 0,
    );
    const { names, resolve, addresses } = given(['http://mimir'], '', 0, admission);
    names(['10.0.0.1', '10.0.0.2']);
    await resolve();
    t.equal(addresses.capacity(), Number.POSITIVE_INFINITY);
    const limit = (index: number, items: number): void => {
      const { capacity } = addresses.all[index]!;
      if (capacity !== undefined) capacity.limit = items;
    };
    limit(0, 1000);
    limit(1, 3000);
    t.equal(addresses.capacity(), 4000);
    names(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    await resolve();
    t.equal(addresses.capacity(), 6000);
    names(['10.0.0.4', '10.0.0.5']);
    await resolve();
    t.equal(addresses.capacity(), 4000, 'also where all of them are new');
  },
);

t.test('one that has all that it may have under way is passed over while there is another', async (t) => {
  for (const [mode, isPassedOver] of [
    ['act', true],
    ['observe', false],
  ] as const) {
    const admission = new Admission(
      { mode, maxBytes: 1, maxWaitMs: 1, now: () => 0, capacity: { floor: 1, learningMs: 0 } },
      () => 1,
      () => 0,
    );
    const { addresses, picked } = given(
      ['http://10.0.0.1', 'http://10.0.0.2', 'http://10.0.0.3'],
      '',
      0,
      admission,
    );
    const [slow, ...others] = addresses.all.map(({ capacity }) => capacity!);
    slow!.limit = 100;
    for (const other of others) other.limit = 1000;
    t.ok(picked(300)['10.0.0.1']! > 50, 'while there is room it is like the others');
    slow!.begin({ items: 100, room: 100, place: 'a' });
    t.equal(picked(300)['10.0.0.1'] === undefined, isPassedOver, mode);
    for (const other of others) other.begin({ items: 2000, room: 2000, place: 'a' });
    t.ok(picked(300)['10.0.0.1']! > 50, 'of those that have too much the one goes first that is least above');
  }
});

t.test('the same request does not go to the same address twice', async (t) => {
  const { address, picked } = given(['http://10.0.0.1', 'http://10.0.0.2']);
  t.strictSame(picked(100, address('10.0.0.1')), { '10.0.0.2': 100 });
  const one = given(['http://10.0.0.1']);
  t.strictSame(one.picked(1, one.address('10.0.0.1')), { none: 1 });
});

t.test('one that is new beside others begins with a small share', async (t) => {
  const { names, resolve, address, at } = given(['http://mimir'], '', 10_000);
  names(['10.0.0.1']);
  await resolve();
  t.equal(address('10.0.0.1').standing.weight(0), 1);
  answer(address('10.0.0.1'), 200);
  names(['10.0.0.1', '10.0.0.2']);
  await resolve();
  t.equal(address('10.0.0.2').standing.weight(0), 0.1);
  at(10_000);
  t.equal(address('10.0.0.2').standing.weight(10_000), 1);
});

t.test("the edge's own zone is preferred, until most of it is gone", async (t) => {
  const urls = ['a', 'a', 'b', 'b'].map((zone, index) => `http://10.0.0.${index}#${zone}`);
  const { address, picked } = given(urls, 'a');
  t.strictSame(Object.keys(picked(1000)).sort(), ['10.0.0.0', '10.0.0.1']);
  refuse(address('10.0.0.0'));
  t.strictSame(Object.keys(picked(1000)), ['10.0.0.1'], 'half of it is left');
  refuse(address('10.0.0.1'));
  t.strictSame(Object.keys(picked(1000)).sort(), ['10.0.0.2', '10.0.0.3']);
  t.strictSame(Object.keys(given(urls, 'c').picked(1000)).length, 4, 'a zone without addresses is none');
});

t.test('where no address of one family takes a connection the other one is tried', async (t) => {
  const { names, resolve, address, picked } = given(['http://localhost']);
  names(['127.0.0.1'], ['::1']);
  await resolve();
  t.strictSame(picked(), { '127.0.0.1': 100 });
  refuse(address('127.0.0.1'));
  t.strictSame(picked(), { '::1': 100 });
  answer(address('::1'), 200);
  await resolve();
  t.strictSame(picked(), { '::1': 100 }, 'and kept when it is resolved again');
  refuse(address('::1'));
  t.strictSame(picked(), { '::1': 100 }, 'one that has answered is only away');
});

t.test('a refused connection has the name looked up again', async (t) => {
  const { names, resolve, address, at, addresses } = given(['http://mimir']);
  names(['10.0.0.1']);
  await resolve();
  names(['10.0.0.9']);
  at(500);
  refuse(address('10.0.0.1'));
  await Promise.resolve();
  t.equal(addresses.all[0]?.endpoint.host, '10.0.0.1', 'not more often than once a second');
  at(1500);
  refuse(address('10.0.0.1'));
  t.ok(await eventually(() => addresses.all[0]?.endpoint.host === '10.0.0.9'));
});

t.test(
  'an address that says three times that it is not ready is left out, and comes back when it is',
  async (t) => {
    const { address, addresses, at, picked } = given(['http://10.0.0.1', 'http://10.0.0.2']);
    const one = address('10.0.0.1');
    addresses.checked(one, false, 1);
    addresses.checked(one, false, 2);
    t.equal(one.standing.state, 'in');
    addresses.checked(one, false, 3);
    t.equal(one.standing.state, 'out');
    addresses.checked(address('10.0.0.2'), false, 3);
    t.strictSame(picked(), { '10.0.0.2': 100 }, 'half stay');
    at(10_000);
    addresses.checked(one, false, 4);
    t.equal(one.standing.untilMs, 30_000);
    at(30_000);
    for (let i = 0; i < 3; i++) addresses.checked(one, true, 0);
    t.equal(one.standing.state, 'in');
  },
);

t.test('of a name with addresses without end five hundred are used, and these stay', async (t) => {
  const { addresses, told, names, resolve } = given(['dns:http://mimir.test']);
  const hosts = Array.from({ length: 10_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
  names(hosts);
  await resolve();
  const used = addresses.all.map(({ endpoint }) => endpoint.host);
  t.strictSame(used, hosts.slice(0, 500));
  t.match(told.at(-1), /, 9500 unused$/);
  const before = told.length;
  names([...hosts].reverse());
  await resolve();
  t.same(new Set(addresses.all.map(({ endpoint }) => endpoint.host)), new Set(used), 'in whatever order');
  t.equal(told.length, before, 'nor is it told again');
});
