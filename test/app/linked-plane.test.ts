import t from 'tap';
import { LinkedPlane } from '#src/app/linked-plane.js';
import type { Report } from '#src/app/planes.js';
import { FakeLink, planeStatus, report } from './fixtures.js';

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

t.test('a report that costs much is not asked for again soon: until then there is the status', async (t) => {
  const { link, reports, plane } = given();
  const reported = async (tookMs: number) => {
    const refresh = plane.refresh();
    link.tell(report({ tookMs }));
    await refresh;
  };
  await reported(500);
  await reported(500);
  t.equal(reports.length, 2, 'one that was dear may have been so by chance');
  for (let n = 1; n <= 100; n++) {
    const refresh = plane.refresh();
    link.tellStatus(planeStatus({ requestsInFlight: n }));
    await refresh;
    t.equal(plane.status?.requestsInFlight, n, 'which is of now');
  }
  t.strictSame([link.asked, link.askedStatus], [2, 100]);
  plane.hangs = true;
  const refresh = plane.refresh();
  t.ok(plane.owesAnswer(0), 'and shows whether it hangs');
  link.tellStatus(planeStatus());
  await refresh;
  t.notOk(plane.hangs);
});

t.test('reports that cost little are asked for whenever somebody wants one', async (t) => {
  const { link, reports, plane } = given();
  for (let n = 1; n <= 10; n++) {
    const refresh = plane.refresh();
    link.tell(report({ tookMs: n % 2 === 0 ? 500 : 0.5 }));
    await refresh;
    t.equal(reports.length, n);
  }
  t.equal(link.askedStatus, 0);
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

t.test('who looks has its status of now, and nothing that it counted is asked for', async (t) => {
  const { link, reports, plane } = given();
  const look = plane.look();
  link.tellStatus(planeStatus({ requestsInFlight: 7 }));
  await look;
  t.equal(plane.status?.requestsInFlight, 7);
  t.strictSame(reports, []);
  t.equal(link.asked, 0, 'reports');
});
