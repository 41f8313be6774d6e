import t from 'tap';
import { type AnnouncementClient, Announcements } from '#src/series/announcements.js';
import type { AnnounceCall, AnnounceReply } from '#src/series/series-protocol.js';
import { countRows } from '#src/series/series-rows.js';
import { announceCall, STATE } from './fixtures.js';

const REPLY: AnnounceReply = { ...STATE, outcomes: new Uint8Array() };

class Client implements AnnouncementClient {
  up = true;
  readonly asked: {
    readonly call: AnnounceCall;
    readonly answer: (reply: AnnounceReply | 'lost') => void;
  }[] = [];

  readonly isUp = () => this.up;

  readonly announce = (_tenant: string, call: AnnounceCall) =>
    new Promise<AnnounceReply | 'lost'>((answer) => this.asked.push({ call, answer }));
}

function given() {
  const client = new Client();
  const announcements = new Announcements(client, () => 0);
  const announced: number[] = [];
  const add = (series: number, reservation = '', tenant = 'a') =>
    announcements.add(tenant, announceCall(series, { reservation }), (rows) =>
      announced.push(countRows(rows)),
    );
  const answer = async (reply: AnnounceReply | 'lost'): Promise<AnnounceCall | undefined> => {
    const first = client.asked.shift();
    first?.answer(reply);
    await new Promise((resolve) => setImmediate(resolve));
    return first?.call;
  };
  return { client, announcements, announced, add, answer };
}

t.test('a hundred go at one time, in their order, and give back the headroom of as many', async (t) => {
  const { client, announcements, announced, add, answer } = given();
  const first = add(250, 'reserved');
  const second = add(10);
  t.equal(announcements.series, 260);
  const calls: (AnnounceCall | undefined)[] = [];
  while (client.asked.length > 0) {
    t.equal(client.asked.length, 1);
    calls.push(await answer(REPLY));
  }
  t.strictSame(
    calls.map((call) => call && [countRows(call.rows), call.reservation]),
    [
      [100, 'reserved'],
      [100, 'reserved'],
      [50, 'reserved'],
      [10, ''],
    ],
  );
  t.strictSame(announced, [100, 100, 50, 10]);
  t.strictSame(await Promise.all([first, second]), [0, 0]);
  t.equal(announcements.series, 0);
});

t.test('a call that is lost is made again, later, and gives nothing back', async (t) => {
  const { client, announcements, announced, add, answer } = given();
  const told = add(150, 'reserved');
  await answer('lost');
  t.equal(client.asked.length, 0, 'not at once');
  void announcements.run();
  const again = await answer(REPLY);
  t.match(again, { rows: { length: 400 }, reservation: '' });
  t.match(await answer(REPLY), { rows: { length: 200 }, reservation: '' });
  t.equal(await told, 0);
  t.strictSame(announced, [100, 50]);
});

t.test('a tenant that the store can not be told of keeps nobody else waiting', async (t) => {
  const { client, announcements, announced, add, answer } = given();
  const moving = [add(150, 'reserved', 'moving'), add(7, '', 'moving')];
  const other = add(250, 'reserved', 'other');
  await answer('lost');
  await answer('lost');
  for (let part = 0; part < 3; part++) await answer(REPLY);
  t.equal(await other, 0);
  t.strictSame(announced, [100, 100, 50]);
  await answer('lost');
  await answer('lost');
  t.equal(client.asked.length, 0, 'and is not asked about without end');
  t.equal(announcements.series, 157);
  void announcements.run();
  for (let part = 0; part < 3; part++) await answer(REPLY);
  t.strictSame(await Promise.all(moving), [0, 0]);
});

t.test('nothing waits for a store that is down', async (t) => {
  const { client, announcements, add, answer } = given();
  const cut = add(150);
  const next = add(20);
  client.up = false;
  await answer(REPLY);
  t.strictSame(await Promise.all([cut, next]), [50, 20], 'so many were not told');
  t.equal(announcements.series, 0);
  t.equal(await add(5), 5);
  t.equal(client.asked.length, 0);
});

t.test('an answer is told with its rows, and when they were sent', async (t) => {
  const client = new Client();
  let nowMs = 5;
  const announcements = new Announcements(client, () => nowMs);
  const rows = Uint32Array.from({ length: 4 * 150 }, (_, word) => word);
  const heard: unknown[] = [];
  const told = announcements.add('a', announceCall(150, { rows }), (some, reply, sentMs) =>
    heard.push([some[0], some.length, reply, sentMs]),
  );
  nowMs = 9;
  client.asked.shift()?.answer(REPLY);
  await new Promise(setImmediate);
  nowMs = 20;
  client.asked.shift()?.answer(REPLY);
  t.equal(await told, 0);
  t.strictSame(heard, [
    [0, 400, REPLY, 5],
    [400, 200, REPLY, 9],
  ]);
});

t.test('nothing to announce is announced at once', async (t) => {
  const { client, announcements, add } = given();
  t.equal(await add(0), 0);
  t.equal(client.asked.length, 0);
  t.equal(announcements.series, 0);
});
