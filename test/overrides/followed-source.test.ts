import t from 'tap';
import { missingRead, parseBegun, parseEnded, textRead } from '#src/overrides/document-state.js';
import { type FollowedDocument, FollowedSource } from '#src/overrides/followed-source.js';

function followed(): FollowedSource {
  const nothing = async () => {};
  return new FollowedSource({
    name: 'configmap:limits',
    documents: [
      { name: 'limits#overrides.yaml', kind: 'mimir' },
      { name: 'limits#mimir-edge.yaml', kind: 'edge' },
    ],
    start: nothing,
    refresh: nothing,
    stop: nothing,
  });
}

function makeGood(document: FollowedDocument | undefined): void {
  if (document === undefined) throw new Error('no document');
  const read = textRead(document.state, { text: 'x', name: 'x', changedAtMs: 0 });
  document.state = parseEnded(parseBegun(read), { tenants: 1 });
}

t.test(
  'a source has name, version and last change of what it is, and is up unless something is wrong',
  async (t) => {
    const source = followed();
    source.version = '7';
    source.lastChange = { by: 'anna', atMs: 1 };
    const as = (more: object) => ({
      name: 'configmap:limits',
      version: '7',
      lastChange: { by: 'anna', atMs: 1 },
      ...more,
    });
    t.strictSame(source.status(), as({ up: true, error: undefined }));
    source.degradation = 'polling';
    t.strictSame(source.status(), as({ up: false, error: 'polling' }));
    source.documents[1]!.state = missingRead(source.documents[1]!.state, 'second is gone');
    t.strictSame(
      source.status(),
      as({ up: false, error: 'second is gone' }),
      'an error goes before a degradation',
    );
    source.documents[0]!.state = missingRead(source.documents[0]!.state, 'first is gone');
    t.equal(source.error, 'first is gone', 'and the first document before the second');
    source.failure = 'out of reach';
    t.equal(source.error, 'out of reach', 'and the source before its documents');
  },
);

t.test('a source is good when it can be read and all its documents are good', async (t) => {
  const source = followed();
  source.goodAtMs = 0;
  source.noteGood();
  t.equal(source.goodAtMs, 0, 'nothing was read');
  makeGood(source.documents[0]);
  source.noteGood();
  t.equal(source.goodAtMs, 0, 'one of two');
  makeGood(source.documents[1]);
  source.failure = 'out of reach';
  source.noteGood();
  t.equal(source.goodAtMs, 0, 'what it holds now is not known');
  source.failure = undefined;
  source.noteGood();
  t.ok(source.goodAtMs > 0);
});

t.test('a warning is new once, until it is gone', async (t) => {
  const [document] = followed().documents;
  const warning = (path: string, message: string, line = 1) => ({ path, message, line, column: 1 });
  const replace = (...warnings: ReturnType<typeof warning>[]) =>
    document?.replaceWarnings(warnings).map(({ path, message }) => `${path} ${message}`);
  t.strictSame(replace(warning('a', 'x'), warning('b', 'x')), ['a x', 'b x']);
  t.equal(document?.unknownKeys, 2);
  t.strictSame(replace(warning('a', 'x', 9), warning('b', 'y')), ['b y'], 'it may move to another line');
  t.strictSame(replace(), []);
  t.equal(document?.unknownKeys, 0);
  t.strictSame(replace(warning('a', 'x')), ['a x']);
});
