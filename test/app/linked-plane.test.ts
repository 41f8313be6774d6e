import t from 'tap';
import { LinkedPlane } from '#src/app/linked-plane.js';
import type { Report } from '#src/app/planes.js';
import { FakeLink, report } from './fixtures.js';

function given() {
  const link = new FakeLink(1);
  const reports: Report[] = [];
  const plane = new LinkedPlane(link, (one) => reports.push(one));
  return { link, reports, plane };
}

const settled = () => new Promise(setImmediate);

t.test(
  'one report is asked for at a time; who comes meanwhile gets the next, and all of them the same',
  async (t) => {
    const { link, reports, plane } = given();
    const done: string[] = [];
    const note = (name: string) => plane.refresh().then(() => done.push(name));
    const first = note('first');
    const later = [note('second'), note('third')];
    t.equal(link.asked, 1);
    link.tell(report());
    await first;
    await settled();
    t.strictSame(done, ['first'], 'what was asked for earlier may not have what they want to see');
    t.equal(link.asked, 2);
    link.tell(report());
    await Promise.all(later);
    t.equal(reports.length, 2);
    t.equal(link.asked, 2);
    void plane.refresh();
    t.equal(link.asked, 3);
  },
);

t.test('a report that costs much is not asked for again soon: who asks has what was told last', async (t) => {
  const { link, reports, plane } = given();
  const first = plane.refresh();
  link.tell(report({ tookMs: 50 }));
  await first;
  for (let asking = 0; asking < 100; asking++) await plane.refresh();
  t.equal(link.asked, 1);
  t.equal(reports.length, 1);
  t.notOk(plane.owesAnswer(0), 'it owes nothing that it was not asked for');
});

t.test('one that costs little is waited for a little, by all who ask together', async (t) => {
  const { link, reports, plane } = given();
  const first = plane.refresh();
  link.tell(report({ tookMs: 2 }));
  await first;
  const later = [plane.refresh(), plane.refresh()];
  t.equal(link.asked, 1, 'not at once');
  while (link.asked === 1) await settled();
  link.tell(report());
  await Promise.all(later);
  t.equal(reports.length, 2, 'and what came since is in it');
});

t.test('a process that ends answers those who wait, and nothing is taken in', async (t) => {
  const { link, reports, plane } = given();
  const waiting = [plane.refresh(), plane.refresh()];
  link.end();
  await settled();
  link.end();
  await Promise.all(waiting);
  t.strictSame(reports, []);
});

t.test('it owes an answer from the asking to the answer', async (t) => {
  const { link, plane } = given();
  t.notOk(plane.owesAnswer(0));
  plane.hangs = true;
  const refresh = plane.refresh();
  t.ok(plane.owesAnswer(0));
  t.notOk(plane.owesAnswer(60_000), 'not for so long');
  link.tell(report());
  await refresh;
  t.notOk(plane.owesAnswer(0));
  t.notOk(plane.hangs);
});
