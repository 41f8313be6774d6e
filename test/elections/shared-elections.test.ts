import fc from 'fast-check';
import t from 'tap';
import { ElectionTable, FORGET_MS } from '#src/elections/election-table.js';
import {
  type ElectCall,
  type ElectionClient,
  type ElectReply,
  type ResignCall,
  SharedElections,
} from '#src/elections/shared-elections.js';
import type { ElectionAnswer, ElectionRules } from '#src/enforce/ledger.js';

const RULES: ElectionRules = {
  updateMs: 15_000,
  updateJitterMs: 0,
  failoverMs: 30_000,
  takeoverMs: 30_000,
  mostClusters: 100,
};

/** The store, which answers at once unless it is away. */
class Store implements ElectionClient {
  readonly table = new ElectionTable();
  nowMs = 0;
  calls = 0;
  away: 'no' | 'known' | 'unknown' = 'no';

  readonly isUp = () => this.away !== 'known';

  readonly elect = async ({ ha, ...rules }: ElectCall): Promise<ElectReply | 'lost'> => {
    this.calls++;
    if (this.away === 'unknown') return 'lost';
    const election = this.table.elect(ha, rules, this.nowMs);
    return election && { replica: election.replica, ageMs: this.nowMs - election.notedMs };
  };

  readonly resign = async ({ ha }: ResignCall): Promise<void> => this.table.resign(ha);
}

function hear(
  elections: SharedElections,
  store: Store,
  replica: string,
  cluster = 'prod',
): ElectionAnswer | Promise<ElectionAnswer> {
  return elections.hear({ cluster, replica }, RULES, store.nowMs);
}

t.test('the store is asked once, and then beside the pushes; only a takeover waits for it', async (t) => {
  const store = new Store();
  const elections = new SharedElections(store, 0);
  t.equal(await hear(elections, store, 'one'), 'elected');
  for (store.nowMs = 0; store.nowMs < 15_000; store.nowMs += 1000) {
    t.equal(hear(elections, store, 'one'), 'elected');
    t.equal(hear(elections, store, 'two'), 'other');
  }
  t.equal(store.calls, 1);
  for (; store.nowMs < 60_000; store.nowMs += 1000) {
    t.equal(hear(elections, store, 'one'), 'elected');
    await Promise.resolve();
  }
  t.equal(store.calls, 4, 'once in an update timeout');
  store.nowMs = 45_000 + 29_000;
  t.equal(hear(elections, store, 'two'), 'other');
  await Promise.resolve();
  store.nowMs = 45_000 + 30_000;
  const waiting = hear(elections, store, 'two');
  t.ok(waiting instanceof Promise);
  t.equal(await waiting, 'elected');
});

t.test(
  'a replica whose samples are too old takes over later, and is asked about with every push',
  async (t) => {
    const store = new Store();
    const elections = new SharedElections(store, 0);
    const hearTwo = (takeoverMs: number) =>
      elections.hear({ cluster: 'prod', replica: 'two' }, { ...RULES, takeoverMs }, store.nowMs);
    await hear(elections, store, 'one');
    store.nowMs = 29_999;
    t.equal(hearTwo(50_000), 'other', 'at once');
    for (store.nowMs of [30_000, 49_999]) t.equal(await hearTwo(50_000), 'other');
    store.nowMs = 50_000;
    t.equal(await hearTwo(60_000), 'other', 'its samples have become older');
    t.equal(await hearTwo(50_000), 'elected');
  },
);

t.test('pushes at one moment share one call', async (t) => {
  const store = new Store();
  const elections = new SharedElections(store, 0);
  const answers = await Promise.all(
    ['one', 'two', 'one', 'two'].map((replica) => hear(elections, store, replica)),
  );
  t.strictSame(answers, ['elected', 'other', 'elected', 'other']);
  t.equal(store.calls, 1);
});

t.test(
  'without the store the last election stays while its replica is heard here; Mimir has the doubtful rest',
  async (t) => {
    for (const away of ['known', 'unknown'] as const) {
      const store = new Store();
      const elections = new SharedElections(store, 0);
      await hear(elections, store, 'one');
      store.away = away;
      for (; store.nowMs < 600_000; store.nowMs += 5000) {
        t.equal(await hear(elections, store, 'one'), 'elected');
        t.equal(await hear(elections, store, 'two'), 'other');
      }
      t.equal(await hear(elections, store, 'one', 'another'), 'unknown');
      store.nowMs += 30_000;
      t.equal(await hear(elections, store, 'two'), 'unknown', 'the elected one fell silent');
      t.equal(await hear(elections, store, 'one'), 'elected', 'and is back');
      store.away = 'no';
      t.equal(await hear(elections, store, 'two'), 'elected', 'the store has the word again');
    }
  },
);

t.test('too many clusters are refused, without a call for each push', async (t) => {
  const store = new Store();
  const elections = new SharedElections(store, 0);
  const rules = { ...RULES, mostClusters: 2 };
  const answer = (cluster: string) => elections.hear({ cluster, replica: 'one' }, rules, store.nowMs);
  for (const cluster of ['x', 'y']) t.equal(await answer(cluster), 'elected');
  t.equal(await answer('z'), 'too_many_clusters');
  for (let i = 0; i < 100; i++) t.equal(answer(`z${i}`), 'too_many_clusters');
  t.equal(store.calls, 3);
  store.nowMs += FORGET_MS;
  t.equal(await answer('z'), 'elected', 'those that fell silent were forgotten');
});

t.test(
  'who resigns is forgotten here and in the store, and who is not elected does not resign',
  async (t) => {
    const store = new Store();
    const elections = new SharedElections(store, 0);
    await hear(elections, store, 'one');
    elections.resign({ cluster: 'prod', replica: 'two' });
    t.equal(hear(elections, store, 'two'), 'other');
    elections.resign({ cluster: 'prod', replica: 'one' });
    t.equal(await hear(elections, store, 'two'), 'elected');
  },
);

/** A store that says what a test tells it to. */
function scripted(jitter = 0) {
  const calls: ElectCall[] = [];
  const resigned: ResignCall[] = [];
  const answers: ((reply: ElectReply | 'lost') => void)[] = [];
  const client = {
    up: true,
    isUp: () => client.up,
    elect: (call: ElectCall) => {
      calls.push(call);
      return new Promise<ElectReply | 'lost'>((resolve) => answers.push(resolve));
    },
    resign: async (call: ResignCall) => {
      resigned.push(call);
    },
  };
  const elections = new SharedElections(client, jitter);
  const rules = { ...RULES, updateJitterMs: 5000 };
  const hear = (replica: string, nowMs: number, cluster = 'prod', mostClusters = 100) =>
    elections.hear({ cluster, replica }, { ...rules, mostClusters }, nowMs);
  /** Answers the oldest call that is not answered yet. */
  const answer = async (reply: ElectReply | 'lost') => {
    answers.shift()?.(reply);
    await new Promise(setImmediate);
  };
  return { client, calls, resigned, elections, hear, answer };
}

t.test('the store is told the rules, and the jitter of this replica', async (t) => {
  for (const [jitter, updateMs] of [
    [-1, 10_000],
    [0, 15_000],
    [0.5, 17_500],
  ] as const) {
    const { hear, calls, answer } = scripted(jitter);
    void hear('one', 0);
    t.strictSame(calls, [
      {
        ha: { cluster: 'prod', replica: 'one' },
        updateMs,
        takeoverMs: 30_000,
        mostClusters: 100,
        forgetMs: FORGET_MS,
      },
    ]);
    await answer({ replica: 'one', ageMs: 0 });
    hear('one', updateMs - 1);
    t.equal(calls.length, 1);
    hear('one', updateMs);
    t.equal(calls.length, 2, 'beside the push');
    t.equal(hear('one', updateMs), 'elected');
    t.equal(calls.length, 2, 'one at a time');
  }
});

t.test('a note is as old as the store says, from when it was asked', async (t) => {
  const { hear, calls, answer } = scripted();
  const first = hear('two', 1000);
  await answer({ replica: 'one', ageMs: 12_000 });
  t.equal(await first, 'other');
  t.equal(hear('two', 3999), 'other');
  t.equal(calls.length, 1);
  t.equal(hear('two', 4000), 'other');
  t.equal(calls.length, 2, '15 s old');
  await answer('lost');
  t.equal(hear('two', 18_999), 'other');
  await answer('lost');
  t.ok(hear('two', 19_000) instanceof Promise, '30 s old: the push waits');
});

t.test('whoever asks while a call is in flight shares its answer, whatever it is', async (t) => {
  for (const [reply, answers] of [
    [{ replica: 'two', ageMs: 0 }, ['other', 'elected']],
    [undefined, ['too_many_clusters', 'too_many_clusters']],
    ['lost', ['unknown', 'unknown']],
  ] as const) {
    const { hear, calls, answer } = scripted();
    const both = Promise.all([hear('one', 0), hear('two', 0)]);
    t.equal(calls.length, 1);
    await answer(reply);
    t.strictSame(await both, answers);
  }
});

t.test('clusters are asked for by themselves', async (t) => {
  const { hear, calls, answer } = scripted();
  void hear('one', 0, 'a');
  void hear('one', 0, 'b');
  t.equal(calls.length, 2);
  await answer({ replica: 'one', ageMs: 0 });
  t.equal(hear('one', 1, 'a'), 'elected');
  t.ok(hear('one', 1, 'b') instanceof Promise);
});

t.test('a tenant that has too many clusters is not asked about for a second', async (t) => {
  const { hear, calls, answer } = scripted();
  void hear('one', 0, 'a');
  await answer({ replica: 'one', ageMs: 0 });
  void hear('one', 500, 'b');
  await answer(undefined);
  t.equal(hear('one', 1499, 'c'), 'too_many_clusters');
  t.equal(hear('one', 1499, 'a'), 'elected', 'those that are known go on');
  t.equal(calls.length, 2);
  t.ok(hear('one', 1500, 'c') instanceof Promise);
});

t.test('who resigns makes place for a cluster that was one too many', async (t) => {
  const { hear, elections, resigned, client, answer } = scripted();
  void hear('one', 0, 'a');
  await answer({ replica: 'one', ageMs: 0 });
  void hear('one', 0, 'b');
  await answer(undefined);
  const ha = { cluster: 'a', replica: 'one' };
  elections.resign({ ...ha, replica: 'two' });
  elections.resign({ ...ha, cluster: 'z' });
  t.strictSame(resigned, []);
  t.equal(hear('one', 1, 'b'), 'too_many_clusters');
  elections.resign(ha);
  t.strictSame(resigned, [{ ha }]);
  t.ok(hear('one', 1, 'b') instanceof Promise);
  t.ok(hear('two', 1, 'a') instanceof Promise);
  await answer({ replica: 'one', ageMs: 0 });
  await answer({ replica: 'two', ageMs: 0 });
  client.up = false;
  elections.resign({ ...ha, replica: 'two' });
  t.equal(resigned.length, 1, 'the store is away');
  t.equal(hear('one', 2, 'a'), 'unknown');
});

t.test('offline the elected one is believed in as long as it was heard here', async (t) => {
  const { hear, client, answer } = scripted();
  void hear('two', 0);
  await answer({ replica: 'one', ageMs: 0 });
  client.up = false;
  t.equal(hear('two', 29_999), 'other', 'the note is young enough');
  t.equal(hear('two', 30_000), 'unknown', 'one was never heard here');
  t.equal(hear('one', 40_000), 'elected');
  t.equal(hear('two', 69_999), 'other');
  t.equal(hear('two', 70_000), 'unknown');
});

t.test(
  'that a replica was heard is not forgotten with the next note, and goes with its election',
  async (t) => {
    const { hear, client, answer } = scripted();
    void hear('one', 0);
    await answer({ replica: 'one', ageMs: 0 });
    hear('one', 14_000);
    hear('two', 15_000);
    await answer({ replica: 'one', ageMs: 12_000 });
    client.up = false;
    t.equal(hear('two', 43_999), 'other');
    t.equal(hear('two', 44_000), 'unknown', 'silent for 30 s');
    client.up = true;
    void hear('one', 45_000);
    await answer({ replica: 'two', ageMs: 0 });
    client.up = false;
    t.equal(hear('one', 75_000), 'unknown', 'two is elected, and was never heard here');
  },
);

t.test('a replica is heard when it asks, however old its note is', async (t) => {
  const { hear, client, answer } = scripted();
  const elected = hear('one', 0);
  await answer({ replica: 'one', ageMs: 10_000 });
  t.equal(await elected, 'elected');
  client.up = false;
  t.equal(hear('two', 20_000), 'other');
  t.equal(hear('two', 29_999), 'other');
  t.equal(hear('two', 30_000), 'unknown');
});

t.test('as long as there is place no election is forgotten here, however old', async (t) => {
  const store = new Store();
  const elections = new SharedElections(store, 0);
  await hear(elections, store, 'one', 'old');
  store.nowMs = FORGET_MS;
  await hear(elections, store, 'one', 'new');
  store.away = 'known';
  t.equal(hear(elections, store, 'one', 'old'), 'elected');
});

t.test('a new note of one cluster takes no other one its place', async (t) => {
  const { hear, client, answer } = scripted();
  for (const cluster of ['a', 'b']) {
    void hear('one', 0, cluster, 2);
    await answer({ replica: 'one', ageMs: 0 });
  }
  hear('one', 15_000, 'b', 2);
  await answer({ replica: 'one', ageMs: 0 });
  client.up = false;
  t.equal(hear('two', 15_000, 'a', 2), 'other');
});

t.test(
  'no more clusters are known here than a tenant may have: the silent go, or else the oldest',
  async (t) => {
    const { hear, calls, answer } = scripted();
    const elect = async (cluster: string, nowMs: number) => {
      void hear('one', nowMs, cluster, 2);
      await answer({ replica: 'one', ageMs: 0 });
    };
    const asks = async (cluster: string, nowMs: number) => {
      const before = calls.length;
      void hear('one', nowMs, cluster, 2);
      return calls.length > before;
    };
    for (const cluster of ['a', 'b', 'c']) await elect(cluster, 0);
    t.notOk(await asks('b', 1));
    t.notOk(await asks('c', 1));
    t.ok(await asks('a', 1), 'the oldest went');
    await answer(undefined);

    const later = FORGET_MS;
    await elect('b', later);
    await elect('d', later);
    t.notOk(await asks('b', later + 1), 'c was silent for half an hour');
    t.notOk(await asks('d', later + 1));
    t.ok(await asks('c', later + 2000));
  },
);

t.test(
  'whatever the schedule, edges that share a store never take two replicas within one failover timeout',
  async (t) => {
    const step = fc.record({
      edge: fc.nat({ max: 2 }),
      replica: fc.constantFrom('one', 'two', 'three'),
      waitMs: fc.oneof(fc.nat({ max: 5000 }), fc.nat({ max: 40_000 })),
    });
    let takeovers = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80 }), async (steps) => {
        const store = new Store();
        const edges = [-1, 0, 1].map((jitter) => new SharedElections(store, jitter));
        const rules = { ...RULES, updateJitterMs: 5000 };
        let elected: string | undefined;
        let takenMs = 0;
        for (const { edge, replica, waitMs } of steps) {
          store.nowMs += waitMs;
          const answer = await edges[edge]?.hear({ cluster: 'prod', replica }, rules, store.nowMs);
          await Promise.resolve();
          if (answer !== 'elected') continue;
          if (elected !== undefined && elected !== replica) {
            takeovers++;
            // Its last note may be an update timeout older than its last push.
            if (store.nowMs - takenMs < rules.failoverMs - rules.updateMs - rules.updateJitterMs)
              return false;
          }
          elected = replica;
          takenMs = store.nowMs;
        }
        return true;
      }),
      { numRuns: 500 },
    );
    t.ok(takeovers > 100, `${takeovers} takeovers`);
  },
);
