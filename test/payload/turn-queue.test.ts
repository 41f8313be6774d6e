import t from 'tap';
import { TurnQueue } from '#src/payload/turn-queue.js';

const always = () => true;

/** Tasks that end when they are told to, in the order in which they began. */
class Tasks {
  readonly begun: string[] = [];
  readonly #ends: (() => void)[] = [];

  task(name: string): () => Promise<string> {
    return () => {
      this.begun.push(name);
      return new Promise((resolve) => this.#ends.push(() => resolve(name)));
    };
  }

  async endOne(): Promise<void> {
    this.#ends.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

t.test('senders take turns, however many tasks each has', async (t) => {
  const queue = new TurnQueue(1, 10);
  const tasks = new Tasks();
  const many = ['a1', 'a2', 'a3', 'a4'].map((name) => queue.run('a', always, tasks.task(name)));
  const few = [queue.run('b', always, tasks.task('b1')), queue.run('c', always, tasks.task('c1'))];
  t.equal(queue.waiting, 5);
  for (let i = 0; i < 6; i++) await tasks.endOne();
  t.strictSame(tasks.begun, ['a1', 'a2', 'b1', 'c1', 'a3', 'a4']);
  t.strictSame(await Promise.all([...many, ...few]), ['a1', 'a2', 'a3', 'a4', 'b1', 'c1']);
  t.equal(queue.waiting, 0);
});

t.test('as many run at once as there are slots, and a failure frees one', async (t) => {
  const queue = new TurnQueue(2, 10);
  const tasks = new Tasks();
  const failed = queue.run('a', always, () => Promise.reject(new Error('broken')));
  const rest = ['a1', 'a2', 'a3'].map((name) => queue.run('a', always, tasks.task(name)));
  await t.rejects(failed, { message: 'broken' });
  t.strictSame(tasks.begun, ['a1', 'a2']);
  for (let i = 0; i < 3; i++) await tasks.endOne();
  await Promise.all(rest);
});

t.test('a sender may have so many waiting, and others as many', async (t) => {
  const queue = new TurnQueue(1, 2);
  const tasks = new Tasks();
  const all = ['a', 'a', 'a', 'a', 'b', 'b', 'b'].map((sender, i) =>
    queue.run(sender, always, tasks.task(`${sender}${i}`)),
  );
  t.strictSame(await Promise.all([all[3], all[6]]), ['full', 'full']);
  for (let i = 0; i < 5; i++) await tasks.endOne();
  t.equal(tasks.begun.length, 5);
  await Promise.all(all);
});

t.test('what nobody wants any more is left out when its turn comes', async (t) => {
  const queue = new TurnQueue(1, 10);
  const tasks = new Tasks();
  let wanted = true;
  const first = queue.run('a', always, tasks.task('a1'));
  const second = queue.run('a', () => wanted, tasks.task('a2'));
  const third = queue.run('b', always, tasks.task('b1'));
  wanted = false;
  await tasks.endOne();
  t.equal(await second, 'unwanted');
  await tasks.endOne();
  t.strictSame([await first, await third], ['a1', 'b1']);
  t.strictSame(tasks.begun, ['a1', 'b1']);
  t.equal(await Promise.race([queue.run('a', always, async () => 'free'), 'taken']), 'taken');
  t.equal(queue.waiting, 0);
});
