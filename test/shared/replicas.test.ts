import t, { type Test } from 'tap';
import {
  type Answer,
  fittedAnswer,
  packAnswers,
  readQuestion,
  unpackAnswers,
} from '#src/shared/fleet-messages.js';
import { MOST_ANSWER_BYTES } from '#src/shared/fleet-store.js';
import { Replicas } from '#src/shared/replicas.js';
import { exportReplicas } from '#src/shared/replicas-metrics.js';
import { Metrics } from '#src/telemetry/metrics.js';
import { scraped } from '../telemetry/scraped.js';
import { FakeFleet } from './fake-fleet.js';

interface Given {
  readonly store: FakeFleet;
  readonly replicas: readonly Replicas[];
  /** Those that look when somebody waits. */
  readonly looking: Set<Replicas>;
  nowMs: number;
}

const answerOf = (body: Record<string, unknown>): Answer => ({ status: 200, body, isCut: false });

/** Whoever waits for answers lets the others look. */
async function given(_t: Test, count: number): Promise<Given> {
  const store = new FakeFleet();
  const looking = new Set<Replicas>();
  const all: Given = { store, replicas: [], looking, nowMs: 1_000_000 };
  const replicas = Array.from({ length: count }, (_, i) => {
    const self = { id: `id-${i}`, name: `name-${i}` };
    const wait = async () => {
      for (const one of looking) await one.look();
      // Answers are packed in another thread.
      await new Promise((resolve) => setTimeout(resolve, 1));
    };
    const one = new Replicas({ store, self, start: `start ${i}`, now: () => all.nowMs, wait });
    one.answerWith(async (path) => answerOf({ path, from: i }));
    looking.add(one);
    return one;
  });
  for (const one of replicas) await one.look();
  all.nowMs += 2000;
  for (const one of replicas) await one.look();
  return Object.assign(all, { replicas });
}

const namesOf = (told: readonly { replica: { name: string } }[]) =>
  told.map(({ replica }) => replica.name).sort();

t.test('all others are asked, and each answers once for itself', async (t) => {
  const { replicas } = await given(t, 3);
  const [one] = replicas as [Replicas];
  const { told, silent } = await one.ask('/denials?replica=this');
  t.strictSame([namesOf(told), silent], [['name-1', 'name-2'], []]);
  t.match(
    told.map(({ answer }) => answer.body),
    told.map(({ replica }) => ({ path: '/denials?replica=this', from: Number(replica.id.slice(-1)) })),
  );
});

t.test('one that is asked alone answers alone', async (t) => {
  const { replicas, store } = await given(t, 3);
  const [one, two, three] = replicas as [Replicas, Replicas, Replicas];
  const { told } = await one.ask('/status?replica=this', two.self);
  t.strictSame(namesOf(told), ['name-1']);
  t.equal(three.status().answered, 0);
  t.equal(store.given.size, 0, 'and nothing is left behind');
});

t.test('who does not answer in time is named, and nobody waits for longer', async (t) => {
  const { replicas, looking } = await given(t, 3);
  const [one, two] = replicas as [Replicas, Replicas];
  looking.delete(two);
  const { told, silent } = await one.ask('/a?replica=this');
  t.strictSame([namesOf(told), silent], [['name-2'], [two.self]]);
  t.equal(one.status().missed, 1);
});

t.test('however many look at once, others are asked once a second', async (t) => {
  const all = await given(t, 2);
  const [one] = all.replicas as [Replicas];
  const [first, second] = await Promise.all([one.ask('/a?replica=this'), one.ask('/a?replica=this')]);
  t.equal(first, second);
  t.equal(await one.ask('/a?replica=this'), first);
  t.equal(one.status().asked, 1);
  all.nowMs += 1000;
  t.not(await one.ask('/a?replica=this'), first);
  t.equal(one.status().asked, 2);
});

t.test('what is asked at once goes as one question, and each has its own answer', async (t) => {
  const { replicas, store } = await given(t, 3);
  const [one, two] = replicas as [Replicas, Replicas];
  const paths = ['/replicas', '/denials', '/audit'];
  const heard = await Promise.all(paths.map((path) => one.ask(path)));
  for (const [i, { told }] of heard.entries()) {
    t.strictSame(namesOf(told), ['name-1', 'name-2']);
    for (const { answer } of told) t.match(answer.body, { path: paths[i] });
  }
  t.equal(one.status().asked, 1);
  t.equal(two.status().answered, 1);
  t.equal(store.given.size, 0);
  await Promise.all([...'abcdef'].map((path) => one.ask(`/${path}`)));
  t.equal(one.status().asked, 3, 'four at most');
  const long = 'x'.repeat(1500);
  await Promise.all([one.ask(`/1${long}`), one.ask(`/2${long}`)]);
  t.equal(one.status().asked, 5, 'and no more than a question has room for');
  await Promise.all([one.ask('/y'), one.ask('/y', two.self)]);
  t.equal(one.status().asked, 7, 'what is for one replica is not for all');
});

t.test('what of several answers can not be read is missing, and no more', async (t) => {
  const { replicas } = await given(t, 3);
  const [one, two] = replicas as [Replicas, Replicas];
  two.answerWith(async (path) =>
    path === '/bad' ? ({ status: 'x' } as unknown as Answer) : answerOf({ path }),
  );
  const [good, bad] = await Promise.all([one.ask('/good'), one.ask('/bad')]);
  t.strictSame([namesOf(good.told), good.silent], [['name-1', 'name-2'], []]);
  t.strictSame([namesOf(bad.told), bad.silent], [['name-2'], [two.self]]);
});

t.test('several answers have together as much room as one', async (t) => {
  const { replicas } = await given(t, 2);
  const [one, two] = replicas as [Replicas, Replicas];
  const list = Array.from({ length: 20_000 }, (_, i) => ({ i, text: 'x'.repeat(64) }));
  two.answerWith(async () => answerOf({ list }));
  for (const { told } of await Promise.all(['/a', '/b', '/c', '/d'].map((path) => one.ask(path)))) {
    t.match(told, [{ answer: { status: 200, isCut: true } }]);
    t.ok((told[0]!.answer.body['list'] as unknown[]).length > 1000);
  }
});

t.test('an answer can be kept for longer', async (t) => {
  const all = await given(t, 2);
  const [one] = all.replicas as [Replicas];
  const first = await one.ask('/slow', undefined, 10_000);
  all.nowMs += 9999;
  t.equal(await one.ask('/slow', undefined, 10_000), first);
  all.nowMs += 1;
  t.not(await one.ask('/slow', undefined, 10_000), first);
});

t.test('no more than sixteen questions are under way', async (t) => {
  const { replicas, looking } = await given(t, 2);
  const [one] = replicas as [Replicas];
  looking.clear();
  const asked = Array.from({ length: 16 }, (_, i) => one.ask(`/${i}?replica=this`));
  await t.rejects(one.ask('/more?replica=this'), /16 questions to other replicas are under way/);
  await Promise.all(asked);
});

t.test('no more than thirty questions are answered in a second', async (t) => {
  const { replicas, store } = await given(t, 2);
  const [, two] = replicas as [Replicas, Replicas];
  for (let i = 0; i < 40; i++) {
    const id = `00000000-0000-4000-8000-0000000000${i + 10}`;
    await store.ask(JSON.stringify({ id, from: 'id-0', paths: ['/a'] }));
  }
  await two.look();
  t.ok(await until(() => two.status().answered === 30));
  t.equal(two.status().unanswered, 10);
});

t.test('while the store is away nobody waits for it; members stay known, and are asked again', async (t) => {
  const { replicas, store } = await given(t, 3);
  const [one] = replicas as [Replicas];
  store.away = true;
  await one.look();
  const { calls } = store;
  await t.rejects(one.ask('/a?replica=this'), /away/);
  t.equal(store.calls, calls);
  t.match(one.status(), { known: 3, lastError: 'away' });
  store.away = false;
  for (const each of replicas) await each.look();
  t.equal((await one.ask('/a?replica=this')).told.length, 2);
});

t.test('a start is told once, as soon as the store answers', async (t) => {
  const store = new FakeFleet();
  const one = new Replicas({ store, self: { id: 'a', name: 'a' }, start: 'text', now: () => 0 });
  store.away = true;
  await one.look();
  store.away = false;
  await one.look();
  await one.look();
  t.strictSame(store.startTexts, ['text']);
  t.strictSame(await one.starts(), ['text']);
});

t.test('one that leaves is not waited for', async (t) => {
  const all = await given(t, 2);
  const [one, two] = all.replicas as [Replicas, Replicas];
  await two.stop();
  all.nowMs += 2000;
  await one.look();
  t.strictSame(await one.ask('/a?replica=this'), { told: [], silent: [], atMs: all.nowMs });
});

t.test('metrics say what it costs', async (t) => {
  const all = await given(t, 2);
  const [one, two] = all.replicas as [Replicas, Replicas];
  await one.ask('/a?replica=this');
  all.nowMs += 3000;
  for (const [replica, name, value] of [
    [one, 'mimir_edge_replicas_known', 2],
    [one, 'mimir_edge_replicas_asked_total', 1],
    [one, 'mimir_edge_replicas_missed_total', 0],
    [one, 'mimir_edge_replicas_age_seconds', 3],
    [two, 'mimir_edge_replicas_answered_total', 1],
    [two, 'mimir_edge_replicas_answered_bytes_total', two.status().answeredBytes],
    [two, 'mimir_edge_replicas_unanswered_total', 0],
  ] as const) {
    const metrics = new Metrics();
    exportReplicas(metrics, replica, () => all.nowMs);
    t.equal((await scraped(metrics)).get(name), value, name);
  }
  t.ok(two.status().answeredBytes > 0);
});

t.test('what is no question is not answered', (t) => {
  const id = '00000000-0000-4000-8000-000000000000';
  for (const text of [
    '',
    'null',
    '[]',
    '{',
    JSON.stringify({ id, from: 'a' }),
    JSON.stringify({ id: 'x:*', from: 'a', paths: ['/a'] }),
    JSON.stringify({ id, from: 1, paths: ['/a'] }),
    JSON.stringify({ id, from: 'a', paths: [`/${'a'.repeat(5000)}`] }),
    JSON.stringify({ id, from: 'a', paths: '/a' }),
    JSON.stringify({ id, from: 'a', paths: ['/a', 1] }),
    JSON.stringify({ id, from: 'a', paths: Array(5).fill('/a') }),
    '['.repeat(4000),
  ])
    t.equal(readQuestion(text), undefined, text.slice(0, 50));
  t.match(readQuestion(JSON.stringify({ id, from: 'a', paths: ['/a'] })), {
    id,
    to: undefined,
    paths: ['/a'],
  });
  t.end();
});

t.test('what is no answer counts as none, and takes no more memory than an answer may', async (t) => {
  const bomb = await packAnswers([answerOf({ text: 'a'.repeat(MOST_ANSWER_BYTES * 20) })]);
  t.ok(bomb.length < MOST_ANSWER_BYTES);
  const nested = await packAnswers('['.repeat(500_000) as unknown as Answer[]);
  for (const [what, bytes] of [
    ['empty', Buffer.alloc(0)],
    ['not deflated', Buffer.from('hello')],
    ['too long', Buffer.alloc(MOST_ANSWER_BYTES + 1)],
    ['longer than it says', bomb],
    ['nested', nested],
    ['no list', await packAnswers({} as unknown as Answer[])],
  ] as const)
    t.equal(await unpackAnswers(bytes), undefined, what);
  const junk = [[], 'text', null, { status: 200 }, { status: '200', body: {} }] as unknown as Answer[];
  t.strictSame(
    await unpackAnswers(await packAnswers(junk)),
    [undefined, undefined, undefined, undefined],
    'and no more of them than can be asked for',
  );
  const told = [answerOf({ a: 1 }), answerOf({ b: 2 })];
  t.strictSame(await unpackAnswers(await packAnswers(told)), told);
});

t.test('an answer that is too long has as much of its lists as fits, the first of each', async (t) => {
  const list = Array.from({ length: 20_000 }, (_, i) => ({ i, text: 'x'.repeat(64) }));
  const fitted = fittedAnswer(answerOf({ denials: list, other: 7 }));
  const bytes = await packAnswers([fitted]);
  t.ok(Buffer.byteLength(JSON.stringify(fitted)) < MOST_ANSWER_BYTES && bytes.length < MOST_ANSWER_BYTES);
  const [read] = (await unpackAnswers(bytes)) ?? [];
  t.match(read, { isCut: true, body: { other: 7 } });
  const kept = read?.body['denials'] as { i: number }[];
  t.equal(kept[0]?.i, 0);
  t.ok(kept.length > list.length / 4, `${kept.length}`);
  t.match(fittedAnswer(answerOf({ text: 'x'.repeat(MOST_ANSWER_BYTES) })), { status: 507 });
});

async function until(condition: () => boolean): Promise<boolean> {
  for (let i = 0; i < 1000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  return condition();
}
