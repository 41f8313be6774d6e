import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import { parseOverrides } from '#src/limits/overrides-document.js';
import { buildSnapshot, type IndexedSnapshot } from '#src/limits/snapshot.js';
import { KeptDocuments } from '#src/overrides/kept-documents.js';
import type { ParseTask } from '#src/overrides/parse-worker.js';
import { Parser } from '#src/overrides/parser.js';
import type { DocumentRead, Source, SourceListener } from '#src/overrides/source.js';
import { eventually } from '../doors/http/fixtures.js';
import { givenOverrides, inlineParser, withRate } from './fixtures.js';

/** A source that says what a test has it say. */
class Told implements Source {
  readonly name: string;
  readonly documents;
  #listener: SourceListener | undefined;
  readonly #first: DocumentRead | string | undefined;

  constructor(name: string, first?: DocumentRead | string, kind: 'mimir' | 'edge' = 'mimir') {
    this.name = name;
    this.documents = [{ name, kind }];
    this.#first = first;
  }

  async start(listener: SourceListener): Promise<void> {
    this.#listener = listener;
    if (this.#first === undefined) this.fail('out of reach');
    else this.tell(this.#first);
  }

  async refresh(): Promise<void> {}

  async stop(): Promise<void> {}

  tell(document: DocumentRead | string, version = '', changedAtMs = Date.now()): void {
    const read = typeof document === 'string' ? { text: document } : document;
    this.#listener?.read({ documents: [read], version, changedAtMs });
  }

  fail(message: string): void {
    this.#listener?.failed(`${this.name}: ${message}`);
  }

  degrade(message: string | undefined): void {
    this.#listener?.degraded(message);
  }
}

t.test('sources are merged in their order, whichever speaks last', async (t) => {
  const first = new Told('first', 'overrides: { a: { ingestion_rate: 1, request_rate: 1 }, b: {} }');
  const second = new Told('second', withRate(2));
  const edge = new Told('edge', 'overrides: { a: { mode: shadow } }', 'edge');
  const { overrides } = givenOverrides(t, [first, second, edge]);
  await overrides.start();
  const a = () => overrides.snapshot.tenants.get('a');
  t.match(a(), { ingestion_rate: 2, request_rate: 1, edge: { mode: 'shadow' } });
  first.tell('overrides: { a: { ingestion_rate: 3, request_rate: 3 } }');
  await overrides.settled();
  t.match(a(), { ingestion_rate: 2, request_rate: 3 });
  t.equal(overrides.snapshot.tenants.has('b'), false);
  second.tell('overrides: {}');
  await overrides.settled();
  t.match(a(), { ingestion_rate: 3 });
});

t.test('what one source can not say does not hold up the others', async (t) => {
  const first = new Told('first', withRate(1));
  const second = new Told('second');
  const { overrides, rate, failures } = givenOverrides(t, [first, second]);
  await overrides.start();
  t.equal(rate(), 1);
  t.match(overrides.status(), { loaded: false, stale: true, lastError: 'second: out of reach' });
  second.tell('overrides: [');
  first.tell(withRate(2));
  await overrides.settled();
  t.equal(rate(), 2);
  t.equal(overrides.status().loaded, false);
  second.tell('overrides: { b: {} }');
  await overrides.settled();
  t.match(overrides.status(), { loaded: true, stale: false, lastError: undefined });
  second.tell({ problem: 'second: the key is gone' });
  t.ok(overrides.snapshot.tenants.has('b'));
  t.equal(failures.length, 3);
});

t.test(
  'tenants whose limits did not change keep their object, so their buckets keep what they have',
  async (t) => {
    const source = new Told('x', 'overrides: { a: { ingestion_rate: 1 }, b: { ingestion_rate: 1 } }');
    const { overrides, snapshots } = givenOverrides(t, [source]);
    await overrides.start();
    const before = overrides.snapshot.tenants;
    source.tell(
      'overrides: { a: { ingestion_rate: 1.0 }, b: { ingestion_rate: 2 }, c: { ingestion_rate: 1 } }',
    );
    await overrides.settled();
    const after = overrides.snapshot.tenants;
    t.equal(after.get('a'), before.get('a'));
    t.equal(after.get('c'), after.get('a'), 'and those with the same limits share one');
    t.not(after.get('b'), before.get('b'));
    source.tell(
      '{"overrides": {"c": {"ingestion_rate": 1}, "a": {"ingestion_rate": 1}, "b": {"ingestion_rate": 2}}}',
    );
    await overrides.settled();
    t.equal(snapshots.length, 2, 'the same limits written otherwise are no change');
  },
);

t.test('that all documents are there is told once, after what they change', async (t) => {
  const [first, second] = [new Told('first', withRate(1)), new Told('second')];
  const { overrides, told } = givenOverrides(t, [first, second]);
  await overrides.start();
  t.strictSame(told, ['failed', 'changed'], 'one is missing');
  second.tell('overrides: { b: { ingestion_rate: fast } }');
  await overrides.settled();
  t.notOk(told.includes('loaded'), 'a broken one is none');
  second.tell(withRate(2));
  await overrides.settled();
  t.strictSame(told.slice(-2), ['changed', 'loaded']);
  second.tell(withRate(3));
  await overrides.settled();
  t.equal(told.filter((what) => what === 'loaded').length, 1);
});

t.test('documents that change nothing are loaded all the same', async (t) => {
  const { overrides, told } = givenOverrides(t, [new Told('x', 'overrides: {}')]);
  await overrides.start();
  t.strictSame(told, ['loaded']);
});

t.test(
  'nothing is told or put into force after the stop, whatever becomes of the parse under way',
  async (t) => {
    for (const fails of [false, true]) {
      const source = new Told('x', withRate(1));
      let release = () => {};
      let parses = 0;
      const parser = {
        async parse(task: ParseTask, previous: IndexedSnapshot) {
          if (++parses > 1) {
            await new Promise<void>((resolve) => {
              release = resolve;
            });
          }
          if (fails && parses > 1) throw new Error('the thread is gone');
          return inlineParser.parse(task, previous);
        },
        close: async () => release(),
      };
      const { overrides, told, rate } = givenOverrides(t, [source], undefined, parser);
      await overrides.start();
      told.splice(0);
      source.tell(withRate(2));
      await overrides.stop();
      t.strictSame([told, rate()], [[], 1]);
      await overrides.stop();
    }
  },
);

t.test('of versions that come faster than they are parsed, the last one is in force', async (t) => {
  const source = new Told('x', withRate(1));
  const { overrides, rate, snapshots } = givenOverrides(t, [source], undefined, new Parser());
  await overrides.start();
  for (let next = 2; next <= 200; next++) source.tell(withRate(next), String(next));
  await overrides.settled();
  t.equal(rate(), 200);
  t.ok(snapshots.length < 10, 'and not all of them were parsed');
  source.tell(withRate(201));
  source.tell(withRate(200));
  await overrides.settled();
  t.equal(rate(), 200, 'also when it is what was in force before');
});

t.test('what a source says while its document is parsed counts when that has ended', async (t) => {
  const cases: [(source: Told) => void, RegExp][] = [
    [(source) => source.tell(''), /x is empty/],
    [(source) => source.tell({ problem: 'x: the key is gone' }), /the key is gone/],
  ];
  for (const [meanwhile, error] of cases) {
    const source = new Told('x', withRate(1));
    const { overrides, rate, failures } = givenOverrides(t, [source], undefined, new Parser());
    await overrides.start();
    source.tell(withRate(2));
    meanwhile(source);
    await overrides.settled();
    t.equal(rate(), 2, 'no limit is lifted');
    t.match(overrides.status(), { stale: true, lastError: error });
    t.match(failures, [error]);
  }
});

t.test('the lag is from the change to its enforcement, and none is counted at the start', async (t) => {
  const source = new Told('x');
  const { overrides } = givenOverrides(t, [source]);
  await overrides.start();
  source.tell(withRate(1), '1', Date.now() - 3_600_000);
  await overrides.settled();
  t.equal(overrides.status().lagMs, 0);
  source.tell(withRate(2), '2', Date.now() - 5000);
  await overrides.settled();
  t.ok(overrides.status().lagMs >= 5000);
  t.equal(overrides.status().sources[0]?.version, '2');
});

t.test('a source that is degraded is told once until it is over, and is no failure', async (t) => {
  const source = new Told('x', withRate(1));
  const { overrides, notices, failures } = givenOverrides(t, [source]);
  await overrides.start();
  for (const message of ['slow', 'slow', undefined, 'slow']) source.degrade(message);
  t.strictSame(notices, ['slow', 'slow']);
  t.strictSame(failures, []);
  t.match(overrides.status(), { stale: false, sources: [{ up: false, error: 'slow' }] });
});

t.test('the last good documents are kept, and count at a start without their source', async (t) => {
  const folder = join(t.testdir(), 'kept');
  const kept = () => new KeptDocuments(folder, 1000);
  const source = new Told('x', withRate(1));
  const before = givenOverrides(t, [source], kept());
  await before.overrides.start();
  source.tell(withRate(2));
  await before.overrides.settled();
  source.tell('overrides: [');
  await before.overrides.settled();
  t.equal(before.rate(), 2);
  source.tell(withRate(3));
  await before.overrides.settled();
  await before.overrides.stop();

  const cold = new Told('x');
  const after = givenOverrides(t, [cold, new Told('y', 'overrides: {}')], kept());
  await after.overrides.start();
  t.equal(after.rate(), 3);
  t.match(after.overrides.status(), { loaded: true, stale: true, lastError: 'x: out of reach' });
  t.match(after.notices, ['x is taken as it was when last found good']);
  cold.tell(withRate(4));
  await after.overrides.settled();
  t.equal(after.rate(), 4);
  t.equal(after.overrides.status().stale, false);
  await after.overrides.stop();

  const bad = givenOverrides(t, [new Told('x', 'overrides: [')], kept());
  await bad.overrides.start();
  t.equal(bad.rate(), 4, 'also where the source has nothing that is good');
  t.match(bad.overrides.status(), { loaded: true, stale: true });

  for (const name of readdirSync(folder)) writeFileSync(join(folder, name), 'overrides: [');
  const broken = givenOverrides(t, [new Told('x')], kept());
  await broken.overrides.start();
  t.match(broken.overrides.status(), { loaded: false });
});

t.test('a folder that can not be written is told, and nothing else happens', async (t) => {
  const folder = t.testdir({ file: '' });
  const { overrides, rate, notices } = givenOverrides(
    t,
    [new Told('x', withRate(1))],
    new KeptDocuments(join(folder, 'file'), 1000),
  );
  await overrides.start();
  t.equal(rate(), 1);
  t.ok(await eventually(() => notices.length > 0));
  t.match(notices, [/overrides.keep_in: x can not be kept/]);
});

t.test('what a thread makes of documents is what is made without one', async (t) => {
  const source = new Told('x', 'overrides: {}');
  const { overrides } = givenOverrides(t, [source], undefined, new Parser());
  await overrides.start();
  const limits = fc.dictionary(fc.constantFrom('ingestion_rate', 'request_rate'), fc.nat(5));
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.stringMatching(/^[a-z0-9-]{1,8}$/), limits), async (tenants) => {
      const text = JSON.stringify({ overrides: tenants });
      source.tell(text);
      await overrides.settled();
      const inline = buildSnapshot({
        defaults: DEFAULT_LIMITS,
        mimir: [parseOverrides(text, 'mimir')],
        edge: [],
      });
      t.equal(overrides.snapshot.hash, inline.hash);
      t.strictSame([...overrides.snapshot.tenants], [...inline.tenants]);
    }),
    { numRuns: 20 },
  );
});

t.test('a document that kills the thread is one that can not be used', async (t) => {
  const source = new Told('x', withRate(1));
  const { overrides, rate } = givenOverrides(t, [source], undefined, new Parser());
  await overrides.start();
  // Not a string: what comes to the thread makes it throw.
  source.tell({ text: { trim: () => 'x' } as unknown as string });
  await overrides.settled();
  t.match(overrides.status(), { stale: true, lastError: /x could not be parsed/ });
  t.equal(rate(), 1);
  source.tell(withRate(2));
  await overrides.settled();
  t.equal(rate(), 2);
});
