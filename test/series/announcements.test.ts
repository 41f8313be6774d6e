import t from 'tap';
import { type AnnouncementHost, Announcements } from '#src/series/announcements.js';
import type { SeriesCall, SeriesReply } from '#src/series/series-store.js';
import { callOf, REPLY } from './fixtures.js';

class Host implements AnnouncementHost {
  up = true;
  readonly asked: { readonly call: SeriesCall; readonly answer: (reply: SeriesReply | 'lost') => void }[] =
    [];

  mayAskFor(): boolean {
    return this.up;
  }

  askForSeries(_tenant: string, call: SeriesCall): Promise<SeriesReply | 'lost'> {
    return new Promise((answer) => this.asked.push({ call, answer }));
  }
}

function given() {
  const host = new Host();
  const announcements = new Announcements(host, () => 0);
  const learnt: number[] = [];
  const add = (series: number, slot = '') =>
    announcements.add('a', { ...callOf(series, series), slot }, (words) => learnt.push(words.length / 4));
  const answer = async (reply: SeriesReply | 'lost'): Promise<SeriesCall | undefined> => {
    const first = host.asked.shift();
    first?.answer(reply);
    await new Promise((resolve) => setImmediate(resolve));
    return first?.call;
  };
  return { host, announcements, learnt, add, answer };
}

t.test('a hundred go at one time, in their order, and give back the room of as many', async (t) => {
  const { host, announcements, learnt, add, answer } = given();
  const first = add(250, 'slot');
  const second = add(10);
  t.equal(announcements.series, 260);
  const calls: (SeriesCall | undefined)[] = [];
  while (host.asked.length > 0) {
    t.equal(host.asked.length, 1);
    calls.push(await answer(REPLY));
  }
  t.strictSame(
    calls.map((call) => call && [call.words.length / 4, call.announced, call.slot]),
    [
      [100, 100, 'slot'],
      [100, 100, 'slot'],
      [50, 50, 'slot'],
      [10, 10, ''],
    ],
  );
  t.strictSame(learnt, [100, 100, 50, 10]);
  t.strictSame(await Promise.all([first, second]), [0, 0]);
  t.equal(announcements.series, 0);
});

t.test('a call that is lost is made again, later, and gives nothing back', async (t) => {
  const { host, announcements, learnt, add, answer } = given();
  const told = add(150, 'slot');
  await answer('lost');
  t.equal(host.asked.length, 0, 'not at once');
  void announcements.run();
  const again = await answer(REPLY);
  t.match(again, { announced: 100, slot: '' });
  t.match(await answer(REPLY), { announced: 50, slot: '' });
  t.equal(await told, 0);
  t.strictSame(learnt, [100, 50]);
});

t.test('nothing waits for a store that is down', async (t) => {
  const { host, announcements, add, answer } = given();
  const cut = add(150);
  const next = add(20);
  host.up = false;
  await answer(REPLY);
  t.strictSame(await Promise.all([cut, next]), [50, 20], 'so many were not told');
  t.equal(announcements.series, 0);
  t.equal(await add(5), 5);
  t.equal(host.asked.length, 0);
});
