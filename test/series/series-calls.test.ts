import t from 'tap';
import { type SeriesCallHost, SeriesCalls } from '#src/series/series-calls.js';
import type { SeriesCall, SeriesReply } from '#src/series/series-store.js';
import { KNOWN, NEW, REFUSED_TENANT, UNSETTLED } from '#src/series/series-table.js';
import { callOf, REPLY } from './fixtures.js';

class Host implements SeriesCallHost {
  readonly onLoss = 'local-share';
  reservesRoom = true;
  up = true;
  readonly asked: {
    readonly tenant: string;
    readonly call: SeriesCall;
    readonly answer: (reply: SeriesReply | 'lost') => void;
  }[] = [];

  replicas(): number {
    return 1;
  }

  mayAskFor(): boolean {
    return this.up;
  }

  askForSeries(tenant: string, call: SeriesCall): Promise<SeriesReply | 'lost'> {
    return new Promise((answer) => this.asked.push({ tenant, call, answer }));
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

t.test('so many series are under way at one time; others wait in their order', async (t) => {
  const host = new Host();
  const calls = new SeriesCalls(host, 50, () => 0);
  const answers: string[] = [];
  const admit = (tenant: string, series: number) =>
    void calls
      .admit(tenant, callOf(series), 0)
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
  void calls.admit('first', callOf(4096), 0);
  const late = calls.admit('late', callOf(1), 0);
  const other = calls.admit('other', callOf(1), 30);
  calls.tick(49);
  calls.tick(50);
  t.equal(await late, 'lost');
  host.up = false;
  t.equal(calls.admit('down', callOf(1), 40), undefined);
  host.asked[0]?.answer(REPLY);
  t.equal(await other, 'lost');
  t.equal(host.asked.length, 1);
});

t.test(
  'what is only announced waits for the next push, when enough is to be announced already',
  async (t) => {
    const host = new Host();
    const calls = new SeriesCalls(host, 50, () => 0);
    const learn = () => {};
    void calls.announce('first', callOf(5000, 5000), learn);
    t.equal(await calls.announce('second', callOf(200, 200), learn), 200, 'not told of one');
    t.equal(calls.unannounced, 5000);
    void calls.announce('third', { ...callOf(200, 200), slot: 'reserved' }, learn);
    t.equal(calls.unannounced, 5200, 'what room is reserved for is announced in any case');
    t.equal(host.asked.length, 1, 'one call at a time');
  },
);

t.test('room is reserved while what is to be announced is bounded', async (t) => {
  const host = new Host();
  const calls = new SeriesCalls(host, 50, () => 0);
  const reserve = (series: number) => calls.reserve('a', { ...callOf(0), reserve: series }, 0);
  t.equal(reserve(20_000), undefined, 'too many at once');
  const first = reserve(10_000);
  t.equal(reserve(10_000), undefined, 'too many under way');
  host.asked[0]?.answer(REPLY);
  t.equal(await first, REPLY);
  void calls.announce('a', { ...callOf(10_000, 10_000), slot: 'reserved' }, () => {});
  t.equal(reserve(10_000), undefined, 'too many to announce');
  t.ok(reserve(1000));
  host.up = false;
  t.equal(reserve(1000), undefined);
  host.up = true;
  host.reservesRoom = false;
  t.equal(reserve(1000), undefined);
});

t.test('what is not settled is asked again, a few times, and then for good', async (t) => {
  const host = new Host();
  const calls = new SeriesCalls(host, 50, () => 0);
  const became = (...letters: number[]): SeriesReply => ({ ...REPLY, became: Uint8Array.from(letters) });
  const next = async (reply: SeriesReply | 'lost'): Promise<SeriesCall> => {
    while (host.asked.length === 0) await settled();
    const { call, answer } = host.asked.shift()!;
    answer(reply);
    return call;
  };
  const one = calls.admit('a', callOf(3), 0);
  await next(became(NEW, UNSETTLED, UNSETTLED));
  await next(became(KNOWN, KNOWN, UNSETTLED));
  await next(became(KNOWN, KNOWN, REFUSED_TENANT));
  t.match(await one, { became: [NEW, KNOWN, REFUSED_TENANT] }, 'what was new is not said to be known');

  const never = calls.admit('a', callOf(1), 0);
  const patient: boolean[] = [];
  for (let i = 0; i < 5; i++) patient.push((await next(became(UNSETTLED))).patient);
  patient.push((await next(became(REFUSED_TENANT))).patient);
  t.match(await never, { became: [REFUSED_TENANT] });
  t.strictSame(patient, [true, true, true, true, true, false]);

  const lost = calls.admit('a', callOf(1), 0);
  await next(became(UNSETTLED));
  await next('lost');
  t.equal(await lost, 'lost');
});
