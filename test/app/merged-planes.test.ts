/** Several data planes as one, with links that a test plays: workers that hang, end, or come late. */
import t from 'tap';
import { MergedPlanes } from '#src/app/merged-planes.js';
import { changes, FakeLink, orders, refusal, report, planeStatus as status } from './fixtures.js';

/** Short, since it is waited for whenever one hangs; long beside what an answer takes here. */
const DEADLINE_MS = 60;

function given(workers: number, { serving = true } = {}) {
  const planes = new MergedPlanes({
    workers,
    maxTenants: 100,
    unknownTenants: 'defaults',
    beyondMachine: false,
    orders: orders(),
    deadlineMs: DEADLINE_MS,
  });
  const each = Array.from({ length: workers }, (_, index) => {
    const link = new FakeLink(index + 1);
    const plane = planes.add(link);
    plane.serving = serving;
    return { link, plane };
  });
  const links = each.map(({ link }) => link);
  return { planes, each, links };
}

const BREAKER = { mode: 'act', state: 'open', sinceSeconds: 1, cause: 'no answer', refused: 2 } as const;

const ADDRESS = {
  address: 'http://mimir',
  state: 'well',
  sinceSeconds: 3,
  answered: 7,
  failed: 0,
  lastFailure: undefined,
  name: 'http://mimir',
  zone: '',
  sentTo: 'in',
  backInSeconds: undefined,
  underWay: 0,
  limit: undefined,
  gradient: undefined,
} as const;

t.test('a refresh asks all that serve, and what they counted is one', async (t) => {
  const { planes, each, links } = given(3);
  each[2]!.plane.serving = false;
  const refresh = planes.refresh();
  t.strictSame(
    links.map(({ asked }) => asked),
    [1, 1, 0],
    'who does not serve yet is asked for nothing',
  );
  for (const [index, link] of links.entries()) {
    link.tell(
      report({
        tenants: changes([{ id: 'a', requests: index + 1 }]),
        refusals: [refusal()],
        status: status({
          requestsInFlight: 2,
          upstream: {
            responses: { '2xx': 3 },
            failures: 1,
            recentTimes: [0, 2],
            addresses: [ADDRESS],
            unresolved: ['srv:http://_http._tcp.mimir'],
            breaker: BREAKER,
            admission: undefined,
          },
          evictions: 1,
        }),
      }),
    );
  }
  await refresh;
  t.equal(planes.tenant('a')?.tally.requests, 3);
  t.strictSame(
    [...planes.tenants()].map(({ id }) => id),
    ['a'],
  );
  t.match(planes.refusals.newest(10), [{ count: 2 }]);
  t.match(planes.status(), {
    ready: true,
    upstream: {
      responses: { '2xx': 6 },
      failures: 2,
      recentTimes: [0, 4],
      breaker: { state: 'open', refused: 4 },
      addresses: [{ ...ADDRESS, answered: 14 }],
      unresolved: ['srv:http://_http._tcp.mimir'],
    },
    bytesInFlight: { used: 0, capacity: 200 },
    requestsInFlight: 4,
    evictions: 2,
  });
  t.match(planes.workers(), { wanted: 3, serving: 2, each: [{ worker: 1 }, { worker: 2 }] });
});

t.test('one that hangs is waited for once, is told of, and no more until it answers', async (t) => {
  const { planes, links } = given(2);
  const [well, hung] = links as [FakeLink, FakeLink];
  const refresh = async () => {
    const done = planes.refresh();
    well.tell(report({ tenants: changes([{ id: 'a', requests: 1 }]) }));
    await done;
  };
  await refresh();
  t.equal(planes.tenant('a')?.tally.requests, 1, 'what the other says is there');
  t.match(planes.workers(), {
    each: [
      { worker: 1, hangs: false },
      { worker: 2, hangs: true, ready: false },
    ],
  });
  t.notOk(planes.status().ready);
  t.equal(hung.asked, 1);
  let waited = false;
  const again = refresh().then(() => {
    waited = true;
  });
  // Well before the deadline: whatever does not wait for a timer has happened by then.
  for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate);
  t.ok(waited, 'nobody waits for it');
  await again;
  t.equal(hung.asked, 1, 'nothing is asked again of one that owes an answer');
  hung.tell(report({ tenants: changes([{ id: 'a', requests: 5 }]) }));
  await new Promise(setImmediate);
  t.equal(planes.tenant('a')?.tally.requests, 7, 'what comes late counts');
  t.match(planes.workers(), { each: [{ hangs: false }, { hangs: false }] });
  t.ok(planes.status().ready);
});

t.test('liveness is that of the worst', async (t) => {
  const { planes, links } = given(2);
  const healthy = () => {
    const answer = planes.healthy();
    for (const link of links) link.tell(report());
    return answer;
  };
  t.equal(await healthy(), true);
  const [one, other] = links as [FakeLink, FakeLink];
  const hung = planes.healthy();
  one.tell(report());
  t.equal(await hung, false);
  other.tell(report());
  await new Promise(setImmediate);
  t.equal(await healthy(), true, 'it answered');
});

t.test('one that ends while answers are merged holds up nobody, and what it had told stays', async (t) => {
  const { planes, each, links } = given(2);
  const [well, ending] = links as [FakeLink, FakeLink];
  const first = planes.refresh();
  for (const link of links) {
    link.tell(
      report({
        tenants: changes([{ id: 'a', requests: 2, active: 4 }]),
        status: status({
          upstream: {
            responses: { '2xx': 5 },
            failures: 1,
            recentTimes: [0, 2],
            addresses: [ADDRESS],
            unresolved: ['srv:http://_http._tcp.mimir'],
            breaker: BREAKER,
            admission: undefined,
          },
          evictions: 2,
          requestsInFlight: 1,
        }),
      }),
    );
  }
  await first;
  const refresh = planes.refresh();
  const top = planes.topMetrics('a');
  ending.end();
  planes.remove(each[1]!.plane);
  well.tell(report({ tenants: changes([{ id: 'a', requests: 1, active: 3 }]) }));
  well.tellTop({ active: [{ name: 'm', series: 1, newSeries: 0 }], new: [] });
  await refresh;
  t.match(await top, { active: [{ name: 'm' }] }, 'of those that are left');
  t.equal(planes.tenant('a')?.tally.requests, 5);
  t.equal(planes.tenant('a')?.series?.active, 3);
  t.match(planes.status(), {
    requestsInFlight: 0,
    upstream: { responses: { '2xx': 5 }, failures: 1 },
    evictions: 2,
  });
  t.match(planes.workers(), { wanted: 2, serving: 1, each: [{ worker: 1 }] });
});

t.test('what is heard of one that has ended counts no more', async (t) => {
  const { planes, each } = given(1);
  const [{ plane }] = each as [(typeof each)[0]];
  planes.remove(plane);
  planes.absorb(plane, report({ tenants: changes([{ id: 'a', requests: 1 }]) }));
  t.equal(planes.tenant('a'), undefined);
});

t.test(
  'orders are in force when all have obeyed; those who have not in time are named, in order',
  async (t) => {
    const { planes, links } = given(3, { serving: false });
    const next = orders({ mode: 'off' });
    const obeyed = planes.apply(next);
    t.equal(planes.orders, next, 'one that is started now begins with them');
    t.ok(
      links.every(({ applied }) => applied[0] === next),
      'those that do not serve yet, too',
    );
    for (const link of links) link.obey();
    t.strictSame(await obeyed, []);
    const behind = planes.apply(orders({ mode: 'shadow' }));
    links[1]!.obey();
    t.strictSame(await behind, [1, 3]);
  },
);

t.test('one that ends does not stand in the way of orders', async (t) => {
  const { planes, links } = given(2);
  const obeyed = planes.apply(orders({ mode: 'off' }));
  links[0]!.obey();
  links[1]!.end();
  t.strictSame(await obeyed, []);
});

t.test('one that hangs is named as behind without anybody waiting for it', async (t) => {
  const { planes, links } = given(2);
  const refresh = planes.refresh();
  links[0]!.tell(report());
  await refresh;
  const obeyed = planes.apply(orders({ mode: 'off' }));
  links[0]!.obey();
  t.strictSame(await obeyed, [2]);
});

t.test('nothing is ready before somebody is, nor while all stop', async (t) => {
  const { planes, links } = given(1);
  t.notOk(planes.status().ready, 'nobody has told anything yet');
  const refresh = planes.refresh();
  links[0]!.tell(report({ status: status({ ready: false }) }));
  await refresh;
  t.notOk(planes.status().ready);
  const again = planes.refresh();
  links[0]!.tell(report());
  await again;
  t.ok(planes.status().ready);
  planes.draining = true;
  t.match(planes.status(), { ready: false, draining: true });
});

t.test('one that drains while another serves takes nothing from the readiness of the whole', async (t) => {
  const { planes, links } = given(2);
  const refresh = planes.refresh();
  links[0]!.tell(report({ status: status({ ready: false, draining: true }) }));
  links[1]!.tell(report());
  await refresh;
  t.ok(planes.status().ready);
});

t.test('limits, mode and those without a tenant are as ordered', async (t) => {
  const { planes } = given(1);
  t.equal(planes.unattributed().mode, 'enforce');
  void planes.apply(orders({ mode: 'off', snapshot: { ...orders().snapshot, hash: 'other' } }));
  t.equal(planes.unattributed().mode, 'off');
  t.equal(planes.status().limitsHash, 'other');
});
