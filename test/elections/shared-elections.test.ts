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

const RULES: ElectionRules = { updateMs: 15_000, updateJitterMs: 0, failoverMs: 30_000, mostClusters: 100 };

/** The store, which answers at once unless it is away. */
class Store implements ElectionClient {
  readonly table = new ElectionTable();
  nowMs = 0;
  calls = 0;
  away: 'no' | 'known' | 'unknown' = 'no';

  readonly isUp = () => this.away !== 'known';

  readonly elect = async ({ ha, ...times }: ElectCall): Promise<ElectReply | 'lost'> => {
    this.calls++;
    if (this.away === 'unknown') return 'lost';
    const election = this.table.elect(ha, { ...times, updateJitterMs: 0 }, this.nowMs);
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
