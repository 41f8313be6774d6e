import t from 'tap';
import { type SeriesCallHost, SeriesCalls } from '#src/ledger/series-calls.js';
import type { SeriesCall, SeriesReply } from '#src/ledger/series-store.js';
import { NO_LIMIT } from '#src/ledger/series-table.js';

const REPLY: SeriesReply = {
  became: new Uint8Array(),
  total: 1,
  observed: 0,
  epoch: 'one',
  generation: 1,
  leftMs: 1,
};

function call(series: number, announced = 0): SeriesCall {
  return {
    words: new Uint32Array(4 * series),
    announced,
    mostOfTenant: NO_LIMIT,
    mostOfMetric: NO_LIMIT,
    whole: false,
    generationMs: 1000,
  };
}

class Host implements SeriesCallHost {
  readonly onLoss = 'local-share';
  up = true;
  readonly asked: { readonly tenant: string; readonly answer: (reply: SeriesReply | 'lost') => void }[] = [];

  replicas(): number {
    return 1;
  }

  mayAskFor(): boolean {
    return this.up;
  }

  askForSeries(tenant: string): Promise<SeriesReply | 'lost'> {
    return new Promise((answer) => this.asked.push({ tenant, answer }));
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

t.test('so many series are under way at one time; others wait in their order', async (t) => {
  const host = new Host();
  const calls = new SeriesCalls(host, 50, () => 0);
  const answers: string[] = [];
  const admit = (tenant: string, series: number) =>
    void calls
      .admit(tenant, call(series), 0)
      ?.then((reply) => answers.push(`${tenant} ${reply === 'lost' ? reply : reply.epoch}`));
  admit('large', 10_000);
  admit('second', 1000);
  admit('third', 10);
  t.strictSame(
    host.asked.map(({ tenant }) => tenant),
    ['large'],
  );
  host.asked[0]?.answer(REPLY);
  await settled();
  t.strictSame(
    host.asked.map(({ tenant }) => tenant),
    ['large', 'second', 'third'],
  );
  host.asked[1]?.answer('lost');
  host.asked[2]?.answer(REPLY);
  await settled();
  t.strictSame(answers, ['large one', 'second lost', 'third one']);
});

t.test('nobody waits for longer than for one answer, nor for a store that is down', async (t) => {
  const host = new Host();
  const calls = new SeriesCalls(host, 50, () => 0);
  void calls.admit('first', call(4096), 0);
  const late = calls.admit('late', call(1), 0);
  const other = calls.admit('other', call(1), 30);
  calls.tick(49);
  calls.tick(50);
  t.equal(await late, 'lost');
  host.up = false;
  t.equal(calls.admit('down', call(1), 40), undefined);
  host.asked[0]?.answer(REPLY);
  t.equal(await other, 'lost');
  t.equal(host.asked.length, 1);
});

t.test('what is only announced does not wait', async (t) => {
  const host = new Host();
  const calls = new SeriesCalls(host, 50, () => 0);
  t.ok(calls.admit('first', call(4000, 4000), 0));
  t.equal(calls.admit('second', call(200, 200), 0), undefined);
  t.ok(calls.admit('third', call(200, 199), 0), 'one of them is new');
  t.equal(host.asked.length, 1);
});
