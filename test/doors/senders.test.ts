import fc from 'fast-check';
import t from 'tap';
import {
  type KnownSender,
  mergedSenders,
  NO_SENDERS,
  networkOf,
  programOf,
  type SenderHead,
  Senders,
} from '#src/doors/senders.js';
import { anyText } from '../any-text.js';

function head(headers: Record<string, string> = {}, remoteAddress = '10.1.2.3'): SenderHead {
  return { header: (name) => headers[name], remoteAddress, sender: undefined as KnownSender | undefined };
}

const rw1 = { senderProtocol: () => 'rw1' as const };

t.test('a program and its version, whatever a User-Agent holds', async (t) => {
  const cases: readonly [string, [string, string]][] = [
    ['Prometheus/2.53.1', ['Prometheus', '2.53.1']],
    ['OpenTelemetry Collector Contrib/0.100.0 (linux/amd64)', ['OpenTelemetry Collector Contrib', '0.100.0']],
    ['GrafanaAgent/v0.40 (flow; linux)', ['GrafanaAgent', 'v0.40']],
    ['curl', ['curl', '']],
    ['', ['', '']],
    ['<script>alert(1)</script>/1', ['?script?alert', '']],
    ['a\u0000\u001b[31m/1\n2', ['a???31m', '1']],
    [`${'x'.repeat(5000)}/1`, ['x'.repeat(48), '']],
    ['a/=cmd|calc', ['a', '?cmd?calc']],
  ];
  for (const [text, expected] of cases)
    t.strictSame(programOf(text), expected, JSON.stringify(text.slice(0, 40)));
  fc.assert(
    fc.property(anyText({ maxLength: 400 }), (text) => {
      const [program, version] = programOf(text);
      return /^[A-Za-z0-9 ._+:@~?-]{0,48}$/.test(program) && /^[A-Za-z0-9 ._+:@~?-]{0,24}$/.test(version);
    }),
  );
});

t.test('an address is told as its range, and what is none is not', async (t) => {
  const cases: readonly [string, string | undefined][] = [
    ['10.1.2.3', '10.1.2.0/24'],
    ['::ffff:10.1.2.3', '10.1.2.0/24'],
    ['2001:DB8:1:2:3:4:5:6', '2001:db8:1::/48'],
    ['2001:db8::5', '2001:db8:0::/48'],
    ['::1', '0:0:0::/48'],
    ['unknown', undefined],
    ['10.1.2', undefined],
    ['<b>', undefined],
    ['', undefined],
  ];
  for (const [address, range] of cases) t.equal(networkOf(address), range, address);
});

t.test('a sender that is known by its head is not looked for again', async (t) => {
  const senders = new Senders(() => 5);
  const again = head({ 'user-agent': 'Prometheus/2.53.1', 'content-encoding': 'snappy' });
  let asked = 0;
  const protocol = {
    senderProtocol() {
      asked++;
      return 'rw2' as const;
    },
  };
  const first = senders.push(again, 'a', true, protocol);
  for (let i = 0; i < 9; i++) t.equal(senders.push(again, 'a', true, protocol), first);
  first.read(100);
  first.read(2 << 20);
  t.equal(asked, 1);
  t.match(senders.list('a', 10).senders, [
    {
      program: 'Prometheus',
      version: '2.53.1',
      network: '10.1.2.0/24',
      protocol: 'rw2',
      compression: 'snappy',
      pushes: 10,
      bodies: 2,
      bytes: 100 + (2 << 20),
      largest: 2 << 20,
      sizes: [1, 0, 0, 0, 1],
    },
  ]);
  // The same program on another connection, and another program.
  senders.push(
    head({ 'user-agent': 'Prometheus/2.53.1', 'content-encoding': 'snappy' }),
    'a',
    true,
    protocol,
  );
  senders.push(head({ 'user-agent': 'other' }), 'a', true, protocol);
  t.strictSame(
    senders.list('a', 10).senders.map(({ pushes }) => pushes),
    [11, 1],
  );
});

t.test('who comes again before any wait is over is too early; who waits is not', async (t) => {
  let nowMs = 0;
  const senders = new Senders(() => nowMs);
  const one = head({ 'user-agent': 'one' });
  const retry = head({ 'user-agent': 'one', 'retry-attempt': '1' });
  senders.push(one, 'a', true, rw1).refuse(10);
  nowMs = 200;
  senders.push(one, 'a', true, rw1).refuse(20);
  nowMs = 5000;
  senders.push(retry, 'a', true, rw1);
  t.match(senders.list('a', 1).senders, [{ pushes: 3, refused: 2, retries: 1, early: 1 }]);
  nowMs = 10_000;
  senders.push(retry, 'a', true, rw1);
  t.match(senders.list('a', 1).senders, [{ retries: 2, early: 1 }], 'the first was told to wait until now');
  nowMs = 11_000;
  senders.push(one, 'a', true, rw1);
  t.match(senders.list('a', 1).senders, [{ retries: 2, early: 1 }], 'a new push is no retry');
});

t.test(
  'whatever is sent, a tenant has sixteen places, and counts are off by no more than is said',
  async () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { minLength: 1, maxLength: 600 }), (programs) => {
        const senders = new Senders(() => 0);
        const counts = new Map<string, number>();
        for (const program of programs) {
          const name = `program-${program}`;
          senders.push(head({ 'user-agent': name }), 'a', true, rw1);
          counts.set(name, (counts.get(name) ?? 0) + 1);
        }
        const { senders: told, more } = senders.list('a', 100);
        const most = programs.length / 16;
        return (
          told.length <= 16 &&
          senders.size === told.length &&
          told.length + more >= counts.size &&
          told.every(({ program, pushes, over }) => {
            const real = counts.get(program) ?? 0;
            return pushes >= real && pushes - over <= real && over <= most;
          }) &&
          // Whoever sends more than a sixteenth of all is never missed.
          [...counts].every(([name, count]) => count <= most || told.some(({ program }) => program === name))
        );
      }),
    );
  },
);

t.test(
  'however many tenants there are, memory is bounded, and a head whose place is gone gets another',
  async (t) => {
    const senders = new Senders(() => 0);
    const first = head({ 'user-agent': 'first' });
    senders.push(first, 'tenant', true, rw1);
    for (let tenant = 0; tenant < 30_000; tenant++) senders.push(head(), `tenant-${tenant}`, true, rw1);
    t.equal(senders.size, 20_000);
    t.equal(senders.forgotten, 10_001);
    t.equal(senders.list(undefined, 1000).more, 19_000 + 10_001);
    t.strictSame(senders.list('tenant', 1), NO_SENDERS);
    senders.push(first, 'tenant', true, rw1);
    t.match(senders.list('tenant', 1).senders, [{ program: 'first', pushes: 1 }]);
  },
);

t.test('several processes are told of as one', async (t) => {
  const lists = [1, 2].map((times) => {
    const senders = new Senders(() => 0);
    for (let i = 0; i < times; i++)
      senders.push(head({ 'user-agent': 'same/1' }), 'a', true, rw1).read(10 * times);
    if (times === 2) senders.push(head({ 'user-agent': 'other' }), 'b', true, rw1);
    return senders.list(undefined, 10);
  });
  t.match(mergedSenders(lists, 10).senders, [
    { tenant: 'a', program: 'same', pushes: 3, bytes: 50, largest: 20 },
    { tenant: 'b', program: 'other', pushes: 1 },
  ]);
});

t.test('names that no document has take no place from those that one has, once these need it', async (t) => {
  const senders = new Senders(() => 0);
  const named = (from: number, to: number) => {
    for (let i = from; i < to; i++)
      senders.push(head({ 'user-agent': 'Prometheus/3' }), `team-${i}`, true, rw1);
  };
  named(0, 1000);
  for (let i = 0; i < 100_000; i++) senders.push(head(), `made-up-${i}`, false, rw1);
  named(1000, 15_000);
  for (let i = 0; i < 100_000; i++) senders.push(head(), `made-up-again-${i}`, false, rw1);
  t.equal(senders.size, 20_000);
  for (const team of [0, 999, 14_999])
    t.match(senders.list(`team-${team}`, 1).senders, [{ program: 'Prometheus' }]);
});

t.test('a tenant that a document names from now on keeps its senders', async (t) => {
  const senders = new Senders(() => 0);
  senders.push(head({ 'user-agent': 'one' }), 'a', false, rw1);
  senders.push(head({ 'user-agent': 'two' }), 'a', true, rw1);
  t.same(
    senders.list('a', 10).senders.map(({ program }) => program),
    ['one', 'two'],
  );
  t.equal(senders.size, 2);
});

t.test(
  'many programs of one tenant take nobody else a place, and it is told how many had none',
  async (t) => {
    const lists = [0, 1].map((worker) => {
      const senders = new Senders(() => 0);
      senders.push(head({ 'user-agent': 'quiet' }), 'b', true, rw1);
      for (let i = 0; i < 1000; i++)
        senders.push(head({ 'user-agent': `made-up-${worker}-${i}` }), 'a', true, rw1);
      t.equal(senders.list('a', 100).more, 1000 - 16);
      t.equal(senders.list('b', 100).more, 0);
      return senders.list(undefined, 100);
    });
    const { senders, more } = mergedSenders(lists, 100);
    t.equal(senders.filter(({ tenant }) => tenant === 'a').length, 16);
    t.match(senders.at(-1), { tenant: 'b', pushes: 2 });
    t.equal(more, 2000 - 16);
  },
);
