/** What is made of the answers of several replicas, whatever they are. */
import t from 'tap';
import { changesOf, oneTimeline, startEntry } from '#src/admin/audit-view.js';
import { denialsOf } from '#src/admin/denials.js';
import type { Edge } from '#src/admin/edge.js';
import { Query } from '#src/admin/query.js';
import { limitsView } from '#src/admin/reads.js';
import { replicasOf, replicasView } from '#src/admin/replicas-view.js';
import { otherReplica, readOf, type Scope } from '#src/admin/scope.js';
import { sendersView } from '#src/admin/senders-view.js';
import { topMetricsOf } from '#src/admin/top-metrics-view.js';
import { adviceScope } from '#src/admin/usage-reads.js';
import { verdictOf } from '#src/admin/verdict.js';
import { NO_SENDERS, type SenderCounts } from '#src/doors/senders.js';
import { Tally } from '#src/enforce/tally.js';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import { TOP } from '#src/series/top-metrics.js';
import type { Answer } from '#src/shared/fleet-messages.js';
import type { Heard } from '#src/shared/replicas.js';
import { RecentTimes } from '#src/telemetry/recent-times.js';
import { emptyState } from '#src/usage/book-state.js';
import { STEP_MS } from '#src/usage/frame.js';

type Body = Record<string, unknown>;

interface Others {
  readonly told?: readonly (Body | Partial<Answer>)[];
  readonly silent?: readonly string[];
  readonly fails?: string;
  readonly starts?: readonly string[];
}

/** An edge that has little of its own, among others that answer this. */
function edgeAmong({ told = [], silent = [], fails, starts = [] }: Others, own: Partial<Edge> = {}): Edge {
  const heard: Heard = {
    told: told.map((one, i) => ({
      replica: { id: `id-${i}`, name: `other-${i}` },
      answer: {
        status: 200,
        isCut: false,
        body: {},
        ...('status' in one || 'body' in one ? one : { body: one }),
      },
    })),
    silent: silent.map((name) => ({ id: name, name })),
    atMs: Date.now(),
  };
  const others = [...heard.told.map(({ replica }) => replica), ...heard.silent];
  const replicas = {
    others: () => others,
    named: (name: string) => others.find((one) => one.name === name),
    ask: async (_path: string, to?: { id: string }) => {
      if (fails !== undefined) throw new Error(fails);
      if (to === undefined) return heard;
      return { ...heard, told: heard.told.filter(({ replica }) => replica.id === to.id) };
    },
    starts: async () => starts,
    status: () => ({ known: 1 + others.length, lastError: undefined }),
  };
  return {
    usage: { name: 'here', machine: 'id-here', startedMs: 1000, replicas },
    refusals: { newest: () => [] },
    audit: { newest: () => [] },
    senders: async () => NO_SENDERS,
    topMetrics: async () => ({ active: [], new: [] }),
    tenant: () => undefined,
    ...own,
  } as unknown as Edge;
}

const denial = (at: string, more: Body = {}) => ({
  at,
  tenant: 'a',
  reason: 'rate_limited',
  status: 429,
  shadow: false,
  count: 1,
  message: 'm',
  requestId: 'r',
  observed: 2,
  allowed: 1,
  retryAfterSeconds: 3,
  ...more,
});

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();

t.test('refusals of all stand in the order of time, as many as were asked for', async (t) => {
  const edge = edgeAmong({
    told: [{ denials: [denial(at(5)), denial(at(2))] }, { denials: [denial(at(4)), denial(at(3))] }],
  });
  const { scope, denials } = await denialsOf(edge, undefined, { limit: 3 });
  t.strictSame(
    denials.map((one) => [one.at, one.replica]),
    [
      [at(5), 'other-0'],
      [at(4), 'other-1'],
      [at(3), 'other-1'],
    ],
  );
  t.match(scope, { of: 'fleet', replicas: 3, known: 3, silent: [], until: null, note: null });
});

t.test('what others tell is not believed', async (t) => {
  const junk = [
    null,
    1,
    'text',
    [],
    {},
    denial('yesterday'),
    denial(at(1), { reason: 'of a later version' }),
    denial(at(2), { message: 'x'.repeat(64_000), requestId: 7, count: 'many', observed: Number.NaN }),
  ];
  const { denials } = await denialsOf(edgeAmong({ told: [{ denials: junk }] }), undefined, { limit: 100 });
  t.equal(denials.length, 1);
  t.match(denials[0], { at: at(2), requestId: '', count: 1, observed: null, replica: 'other-0' });
  t.equal(denials[0]?.message.length, 1000);
  const many = Array.from({ length: 10_000 }, () => denial(at(1)));
  const asked = await denialsOf(edgeAmong({ told: [{ denials: many }] }), undefined, { limit: 10 });
  t.equal(asked.denials.length, 10);
});

t.test('an answer says of whom it is', async (t) => {
  const of = async (others: Others) => (await denialsOf(edgeAmong(others), undefined, { limit: 1 })).scope;
  t.match(await of({ told: [{ denials: [] }], silent: ['late'] }), {
    of: 'fleet',
    replicas: 2,
    known: 3,
    silent: ['late'],
    note: '1 of 3 replicas did not answer: late',
  });
  t.match(await of({ told: [{ denials: 'none' }] }), {
    of: 'machine',
    replicas: 1,
    known: 2,
    silent: ['other-0'],
  });
  t.match(await of({ told: [{ status: 500 }] }), { replicas: 1, silent: ['other-0'] });
  t.match(await of({ told: [{ status: 404 }] }), { of: 'fleet', replicas: 2, silent: [], note: null });
  t.match(await of({ told: [{ body: { denials: [] }, isCut: true }] }), {
    of: 'fleet',
    note: 'replica other-0 has more than there is room for in an answer',
  });
  t.match(await of({ fails: 'gone', silent: ['a', 'b'] }), {
    of: 'machine',
    replicas: 1,
    known: 3,
    note: 'of this replica alone: the others can not be asked (gone)',
  });
});

t.test('one is asked by its name, and what it can not do is said in its name', async (t) => {
  const edge = edgeAmong({
    told: [{ denials: [denial(at(1))] }, { status: 404, body: { detail: 'no such tenant' } }],
  });
  const { scope, denials } = await denialsOf(edge, 'other-0', { limit: 1 });
  t.match(scope, { of: 'machine', replicas: 1, note: 'of replica other-0 alone, as asked' });
  t.match(denials, [{ replica: 'other-0' }]);
  for (const name of ['this', 'here', 'id-here']) t.equal(otherReplica(edge, name), undefined, name);
  t.throws(() => otherReplica(edge, 'nobody'), { status: 404, message: /known are here, other-0, other-1$/ });
  await t.rejects(readOf(edge, { id: 'id-1', name: 'other-1' }, '/tenants/x'), {
    status: 404,
    message: 'replica other-1: no such tenant',
  });
  await t.rejects(readOf(edge, { id: 'id-9', name: 'late' }, '/tenants/x'), {
    status: 503,
    message: /does not answer/,
  });
  const cut = edgeAmong({ fails: 'gone' });
  await t.rejects(readOf(cut, { id: 'id-9', name: 'late' }, '/x'), { status: 503, message: /gone/ });
});

t.test('of one replica, too, it is said that it had more to tell than there was room for', async (t) => {
  const cut = (body: Body) => edgeAmong({ told: [{ body, isCut: true }] });
  const replica = { id: 'id-0', name: 'other-0' };
  const said = /replica other-0 has more than there is room for in an answer/;
  const scope = { of: 'machine', replicas: 1, note: 'of replica other-0 alone, as asked' };
  t.match(await readOf(cut({ scope, tenants: [1] }), replica, '/tenants'), {
    scope: { ...scope, note: /as asked; replica other-0 has more/ },
    tenants: [1],
  });
  t.match(await readOf(cut({ scope: 'none' }), replica, '/tenants'), {
    scope: { of: 'machine', note: said },
  });
  const { scope: asked } = await denialsOf(cut({ denials: [denial(at(1))] }), 'other-0', { limit: 1 });
  t.match(asked, { note: said });
});

const change = (from: string, second: number, more: Body = {}) => ({
  at: at(second),
  who: 'alice',
  from,
  action: 'set',
  tenant: 'a',
  name: 'request_rate',
  before: 1,
  after: 2,
  reason: '',
  until: null,
  id: null,
  replica: 'r',
  ...more,
});
type Changes = Parameters<typeof oneTimeline>[0][number];
const lists = (...all: unknown[][]) => all as unknown as readonly Changes[];

t.test('what several replicas noted of one change stands there once', (t) => {
  const here = change('here', 10, { id: 'x', replica: 'asked' });
  const rows: [string, readonly Changes[], [string, string][]][] = [
    [
      'of a control the one that was asked',
      lists([change('fleet', 9, { id: 'x' })], [here]),
      [['here', at(10)]],
    ],
    [
      'of its end the first',
      lists([change('time', 31, { id: 'x' })], [change('time', 30, { id: 'x' })]),
      [['time', at(30)]],
    ],
    [
      'both its beginning and its end',
      lists([here, change('time', 30, { id: 'x' })]),
      [
        ['time', at(30)],
        ['here', at(10)],
      ],
    ],
    [
      'of documents the first',
      lists([change('overrides', 12)], [change('overrides', 50)], [change('overrides', 11)]),
      [['overrides', at(11)]],
    ],
    [
      'but two of one replica',
      lists([change('overrides', 11), change('overrides', 13)], [change('overrides', 12)]),
      [
        ['overrides', at(13)],
        ['overrides', at(11)],
      ],
    ],
    [
      'and those far apart',
      lists([change('overrides', 0)], [change('overrides', 600)]),
      [
        ['overrides', at(600)],
        ['overrides', at(0)],
      ],
    ],
    [
      'what two people set is two changes',
      lists([change('here', 1, { id: 'x' })], [change('here', 2, { id: 'y' })]),
      [
        ['here', at(2)],
        ['here', at(1)],
      ],
    ],
    [
      'what came from a guard elsewhere is what its replica did',
      lists([change('here', 1, { id: 'x' })], [change('fleet', 2, { id: 'y', before: null })]),
      [['here', at(1)]],
    ],
    [
      'values that are lists are compared as texts',
      lists(
        [change('overrides', 1, { after: ['a', 'b'] })],
        [change('overrides', 2, { after: '["a","b"]' })],
      ),
      [['overrides', at(1)]],
    ],
  ];
  for (const [what, given, expected] of rows) {
    const found = oneTimeline(given).map((one) => [one.from, one.at]);
    t.strictSame(found, expected, what);
  }
  t.end();
});

t.test('starts are told once, also of replicas that are gone; what is none is left out', async (t) => {
  const start = { id: 's1', name: 'gone', version: '1.0.0', atMs: Date.parse(at(1)) };
  const own = startEntry({ id: 's2', name: 'here', version: '1.1.0', atMs: Date.parse(at(2)) });
  const edge = edgeAmong(
    {
      told: [{ entries: [change('overrides', 3), { at: 'x' }, change('nonsense', 4)] }],
      starts: [
        JSON.stringify(start),
        JSON.stringify({ ...start, id: 's2', name: 'here', version: '1.1.0', atMs: Date.parse(at(2)) }),
        '{',
        'null',
        JSON.stringify({ ...start, atMs: 'x' }),
        JSON.stringify({ ...start, atMs: 1e300 }),
      ],
    },
    { audit: { newest: () => [own] } as unknown as Edge['audit'] },
  );
  const { entries } = await changesOf(edge, undefined, { limit: 100 });
  t.match(entries, [
    { from: 'overrides', replica: 'other-0' },
    { from: 'start', who: 'here', after: '1.1.0', replica: 'here' },
    { from: 'start', who: 'gone', after: '1.0.0', replica: 'gone' },
  ]);
  t.equal(
    (await changesOf(edge, undefined, { limit: 100, from: 'starts', search: 'GONE' })).entries.length,
    1,
  );
  t.equal((await changesOf(edge, 'this', { limit: 100 })).entries.length, 1);
});

const sender = (pushes: number, more: Partial<SenderCounts> = {}): SenderCounts => ({
  tenant: 'a',
  program: 'Prometheus',
  version: '3',
  network: '10.0.0.0/24',
  protocol: 'rw1',
  compression: 'snappy',
  pushes,
  over: 0,
  bytes: 10,
  bodies: 1,
  largest: 10,
  sizes: [1, 0, 0, 0, 0],
  refused: 1,
  retries: 0,
  early: 0,
  firstMs: 5000,
  lastMs: 6000,
  ...more,
});

const viewOf = ({ over, sizes, firstMs, lastMs, ...one }: SenderCounts) => ({
  ...one,
  atMostOver: over,
  bySize: sizes,
  first: new Date(firstMs).toISOString(),
  last: new Date(lastMs).toISOString(),
});

interface SendersBody {
  readonly known: number;
  readonly more: number;
  readonly since: string;
  readonly senders: readonly {
    program: string;
    pushes: number;
    atMostMore: number;
    replicas: number;
    isNew: boolean;
  }[];
}

const senders = async (edge: Edge) =>
  (await sendersView(edge, new Query(new URLSearchParams()))) as unknown as SendersBody;

t.test('senders are added up, with what a replica without a place for them may have seen', async (t) => {
  const full = Array.from({ length: 16 }, (_, i) => sender(100 + i, { program: `p${i}` }));
  const edge = edgeAmong(
    {
      told: [
        { since: at(0), more: 3, senders: [viewOf(sender(5, { over: 2 }))] },
        { since: at(1), more: 4, senders: full.map(viewOf) },
      ],
    },
    { senders: async () => ({ senders: [sender(2000)], more: 0 }) },
  );
  const found = await senders(edge);
  t.match(found.senders[0], {
    program: 'Prometheus',
    pushes: 2005,
    atMostOver: 2,
    atMostMore: 100,
    replicas: 2,
  });
  t.match(found, { known: 16, more: 3 + 4 + 1, since: new Date(1000).toISOString() });
});

t.test('a sender is new where it is new to all who have seen it', async (t) => {
  const nowMs = Date.now();
  const began = new Date(nowMs - 3600_000).toISOString();
  const fresh = sender(1, { firstMs: nowMs - 60_000, lastMs: nowMs });
  const known = sender(1, { firstMs: nowMs - 3500_000, lastMs: nowMs });
  const of = async (...each: SenderCounts[]) =>
    (await senders(edgeAmong({ told: each.map((one) => ({ since: began, senders: [viewOf(one)] })) })))
      .senders[0]?.isNew;
  t.strictSame([await of(fresh), await of(fresh, known), await of(known)], [true, false, false]);
});

t.test('a million made-up senders, and names of 64 kB, take no more than others', async (t) => {
  const made = Array.from({ length: 100_000 }, (_, i) =>
    viewOf(
      sender(i, { tenant: `t${i}`, program: 'x'.repeat(64), network: 'y'.repeat(i === 0 ? 64_000 : 1) }),
    ),
  );
  const { known, senders: found } = await senders(edgeAmong({ told: [{ since: at(0), senders: made }] }));
  t.ok(known <= 1000 && found.length <= 1000);
  t.ok(JSON.stringify(found).length < 500_000);
});

const seen = (activeSeries: number, fleetSeries: number | null, active: [string | null, number][]) => ({
  activeSeries,
  fleetSeries,
  active: active.map(([name, series]) => ({ name, series, newSeries: 0 })),
  new: [],
});

t.test('series of metrics lie between the most of one replica and the sum of all', async (t) => {
  const rows: [string, Body[], Body][] = [
    [
      'apart',
      [seen(100, 200, [['m', 60]]), seen(100, 200, [['m', 40]])],
      { series: 100, atLeast: 60, atMost: 100 },
    ],
    [
      'the same',
      [seen(100, 100, [['m', 60]]), seen(100, 100, [['m', 60]])],
      { series: 60, atLeast: 60, atMost: 100 },
    ],
    [
      'half',
      [seen(100, 150, [['m', 80]]), seen(100, 150, [['m', 80]])],
      { series: 120, atLeast: 80, atMost: 150 },
    ],
    [
      'not known',
      [seen(100, null, [['m', 60]]), seen(100, null, [['m', 60]])],
      { series: 120, atLeast: 60, atMost: 120 },
    ],
    [
      'one does not name it, and has room for no more',
      [
        seen(100, null, [['m', 60]]),
        seen(
          900,
          null,
          Array.from({ length: TOP }, (_, i) => [`n${i}`, 30 + i]),
        ),
      ],
      { series: 60, atLeast: 60, atMost: 90, replicas: 1 },
    ],
  ];
  for (const [what, told, expected] of rows) {
    const { metrics } = await topMetricsOf(edgeAmong({ told }), undefined, 'a');
    t.match(
      metrics.active.find(({ name }) => name === 'm'),
      expected,
      what,
    );
  }
  const nameless = [seen(1, null, [[null, 5]]), seen(1, null, [[null, 5]])];
  const { metrics } = await topMetricsOf(edgeAmong({ told: nameless }), undefined, 'a');
  t.equal(metrics.active.length, 2, 'those without a name may be any');
  const junk = [{ active: [{ name: 'x'.repeat(64_000), series: -1 }, 7], new: [] }];
  const read = await topMetricsOf(edgeAmong({ told: junk }), undefined, 'a');
  t.match(read.metrics.active, [{ series: 0 }]);
  t.equal(read.metrics.active[0]?.name?.length, 512);
});

/** A replica that nothing was asked of. */
const nothing = {
  status: () => ({
    ready: true,
    draining: false,
    pushTimes: [],
    upstream: {
      urls: [],
      responses: {},
      failures: 0,
      recentTimes: [],
      addresses: [{ address: 'mimir', state: 'idle', answered: 0, failed: 0, sinceSeconds: 0 }],
      unresolved: [],
    },
    overrides: { sources: [], stale: false },
    bytesInFlight: { used: 0, capacity: 1 },
  }),
  mode: () => 'enforce',
  admitted: () => ({}),
  snapshot: () => ({ hash: 'h' }),
  controls: { status: () => ({ shared: false }), get: () => undefined },
  guards: { status: () => [], mode: 'off' },
  now: () => 0,
  history: { seconds: () => 60, withoutRoom: 0, totals: () => ({ refused: { pushes: 0 } }) },
  tenants: () => [],
  unattributed: () => ({ id: '', tally: new Tally(), limits: DEFAULT_LIMITS, mode: 'enforce' }),
} as unknown as Partial<Edge>;

t.test('of a replica that tells nonsense of itself nothing is told but that it is silent', async (t) => {
  for (const body of [
    {},
    { replicas: [{}] },
    { replicas: [{ started: at(0), level: 'good', problems: [], upstream: 7 }] },
  ]) {
    const { scope, others } = await replicasOf(edgeAmong({ told: [body] }, nothing), undefined);
    t.strictSame([scope.silent, others], [['other-0'], []]);
  }
});

t.test('what is wrong elsewhere is told once of each kind, unless it is wrong here as well', (t) => {
  const edge = edgeAmong({}, nothing);
  const bad = { of: 'mimir', level: 'bad', text: 'Mimir is down.' } as const;
  const near = { of: 'edge', level: 'near', text: 'Something.' } as const;
  const other = (replica: string, ...problems: (typeof bad | typeof near)[]) => ({
    replica,
    draining: false,
    problems,
    pushTimes: null,
    upstream: { addresses: [], times: null },
  });
  const of = (...given: Parameters<typeof verdictOf> extends [unknown, ...infer R] ? R : never) => {
    const { level, faults, problems } = verdictOf(edge, ...given);
    return [level, faults, problems.map(({ text }) => text)];
  };
  t.strictSame(of([other('b')]), ['good', [], []]);
  t.strictSame(of([other('b', bad), other('c', bad, near)]), [
    'bad',
    ['mimir'],
    ['Replica b and 1 more: Mimir is down.', 'Replica c: Something.'],
  ]);
  t.strictSame(
    of([{ ...other('b', bad), draining: true }]),
    ['good', [], []],
    'one that stops is no trouble',
  );
  t.strictSame(of([], ['b', 'c']), ['near', [], ['Replicas b and 1 more do not answer other replicas.']]);
  t.end();
});

/** A replica that Mimir answered after these times, in seconds, of which so many answers were failures. */
function answeredIn(seconds: readonly number[], failed = 0, state = 'well'): Partial<Edge> {
  const times = new RecentTimes();
  for (const one of seconds) times.add(one, 0);
  const status = nothing.status?.() as ReturnType<Edge['status']>;
  const address = { address: 'mimir', name: 'mimir', zone: '', state, sentTo: 'in', sinceSeconds: 0 };
  const upstream = {
    ...status.upstream,
    recentTimes: times.counts(0),
    addresses: [{ ...address, answered: seconds.length, failed, underWay: 0 }],
  } as unknown as typeof status.upstream;
  return { ...nothing, status: () => ({ ...status, pushTimes: times.counts(0), upstream }) };
}

/** As it comes from another replica. */
async function told(own: Partial<Edge>): Promise<Body> {
  const view = await replicasView(edgeAmong({}, own), new Query(new URLSearchParams('replica=this')));
  return JSON.parse(JSON.stringify(view)) as Body;
}

async function verdictAmong(own: Partial<Edge>, others: Others) {
  const edge = edgeAmong(others, own);
  const { others: said, scope } = await replicasOf(edge, undefined);
  return verdictOf(edge, said, scope.silent, scope.known);
}

const p99In = ({ note }: { note: string }): string | undefined =>
  /p99 ([\d.]+\sm?s|[\d.]+\sµs)/.exec(note)?.[1];

t.test(
  "Mimir's p99 and the edge's are those of all answers and pushes of the fleet, not one replica's",
  async (t) => {
    const rows: [string, number[][]][] = [
      ['one slow replica of three', [Array(900).fill(0.01), Array(90).fill(0.01), Array(20).fill(2)]],
      ['slow, but too few', [Array(9000).fill(0.01), Array(90).fill(0.01), Array(20).fill(2)]],
      ['the replica that is asked is idle', [[], Array(50).fill(0.3), Array(50).fill(0.001)]],
      ['all over', [1, 2, 3].map((k) => Array.from({ length: 300 }, (_, i) => (i + 1) * k * 0.0007))],
    ];
    for (const [what, each] of rows) {
      const [mine = [], ...theirs] = each;
      const others = { told: await Promise.all(theirs.map((seconds) => told(answeredIn(seconds)))) };
      const found = await verdictAmong(answeredIn(mine), others);
      const one = await verdictAmong(answeredIn(each.flat()), {});
      t.ok(p99In(one.mimir) !== undefined && p99In(one.edge) !== undefined, one.edge.note);
      t.strictSame([found.mimir, p99In(found.edge)], [one.mimir, p99In(one.edge)], what);
    }
  },
);

t.test('three replicas are three, however many workers they have', async (t) => {
  const { status, ...own } = answeredIn([0.001]);
  const withWorkers = { ...own, status: () => ({ ...status?.(), ledger: { state: 'up', replicas: 12 } }) };
  const { edge } = await verdictAmong(withWorkers as unknown as Partial<Edge>, { told: [{}], silent: ['c'] });
  t.equal(edge.figure, '3 replicas');
  const { edge: alone } = await verdictAmong(answeredIn([0.001]), {
    told: [{}],
    silent: ['c'],
    fails: 'Redis is away',
  });
  t.equal(alone.figure, '3 replicas', 'also while they can not be asked');
});

t.test('of whom a p99 is, where not all told of theirs, and how Mimir is to whoever sees it', async (t) => {
  const slow = await told(answeredIn(Array(100).fill(2), 1, 'failing'));
  const older = JSON.parse(JSON.stringify(slow).replaceAll('"buckets"', '"unknown"')) as Body;
  const rows: [string, Others, RegExp][] = [
    ['all', { told: [slow] }, /^p99 [\d.]+\ss · 0\.50 % of 201 requests failed/],
    ['silent', { told: [slow], silent: ['c'] }, /^p99 [\d.]+\ss of 2 of 3 replicas · /],
    ['an older version', { told: [older, slow] }, /^p99 [\d.]+\ss of 2 of 3 replicas · 0\.66 % of 302 /],
  ];
  for (const [what, others, expected] of rows) {
    const { mimir } = await verdictAmong(answeredIn(Array(100).fill(0.001)), others);
    t.match(mimir.note, expected, what);
    t.equal(mimir.figure, '0 of 1 well', what);
  }
  const alone = await verdictAmong(answeredIn([]), { told: [slow] });
  t.match(alone.mimir, { figure: '0 of 1 well', note: /^p99 / }, 'what the others send is not quiet');
});

t.test('counts of times that can not be are not added', async (t) => {
  const own = answeredIn(Array(100).fill(0.001));
  const whole = await told(answeredIn([0.001]));
  for (const buckets of [
    7,
    [[1, 1e300]],
    [[1e300, 1]],
    [[13.5, 1]],
    [[-1, 5]],
    [[4, -5]],
    [[4, null]],
    [4, 5],
    Array.from({ length: 10_000 }, () => [4, 1]),
  ]) {
    const body = JSON.parse(JSON.stringify(whole), (name, value) =>
      name === 'buckets' ? buckets : value,
    ) as Body;
    const { mimir } = await verdictAmong(own, { told: [body] });
    t.match(mimir.note, /^p99 1\sms of 1 of 2 replicas · /, JSON.stringify(buckets).slice(0, 40));
  }
});

t.test('advice is as old as what it was worked out from', async (t) => {
  const nowMs = Date.now();
  const step = Math.floor(nowMs / STEP_MS) - 2;
  const plane = (machine: string) => ({ info: { machine }, heardMs: nowMs });
  const state = { ...emptyState(), step, planes: { a: plane('x'), b: plane('x'), c: plane('y') } };
  const edgeWith = (read: () => Promise<unknown>): Edge => {
    const edge = edgeAmong({ told: [{}] });
    return { ...edge, usage: { ...edge.usage, isShared: true, kept: { state: read } } } as unknown as Edge;
  };
  const edge = edgeWith(async () => state);
  const iso = (ms: number) => new Date(ms).toISOString();
  const minutesAgo = iso(nowMs - 300_000);
  const endOfStep = iso((step + 1) * STEP_MS);
  const rows: readonly (readonly [string, object, string])[] = [
    ['of one tenant: as the book', {}, endOfStep],
    ['of all: as they were worked out', { asOf: minutesAgo }, minutesAgo],
    ['worked out just now', { asOf: iso(nowMs) }, endOfStep],
    ['not yet', { asOf: null }, endOfStep],
  ];
  for (const [what, body, until] of rows) {
    t.match(await adviceScope(edge, body), { of: 'fleet', replicas: 2, until, note: null }, what);
  }
  t.ok((await adviceScope(edge, { asOf: minutesAgo })).ageSeconds >= 300);
  const lost = edgeWith(() => Promise.reject(new Error('gone')));
  t.match(await adviceScope(lost, { asOf: minutesAgo }), {
    of: 'machine',
    until: minutesAgo,
    note: /when it could be read last/,
  });
});

t.test('limits of others that differ are named, and those that did not answer stay so', async (t) => {
  const snapshot = { hash: 'mine', defaults: DEFAULT_LIMITS, tenants: new Map() };
  const upstream = { state: 'well', addresses: [] };
  const told = (limitsHash: string) => ({
    replicas: [{ started: at(0), level: 'good', problems: [], upstream, limitsHash }],
  });
  const limitsOf = async (others: Others) => {
    const own = { ...nothing, snapshot: () => snapshot } as unknown as Partial<Edge>;
    return (await limitsView(edgeAmong(others, own), new Query(new URLSearchParams()))) as {
      scope: Scope;
    };
  };
  t.match(await limitsOf({ told: [told('mine'), told('mine')] }), {
    scope: { of: 'fleet', replicas: 3, note: null },
    hash: 'mine',
  });
  t.match(await limitsOf({ told: [told('mine'), told('other')], silent: ['late'] }), {
    scope: {
      of: 'fleet',
      replicas: 2,
      known: 4,
      silent: ['late'],
      note: '1 of 4 replicas did not answer: late; 1 of 4 replicas have other limits: other-1',
    },
  });
});
