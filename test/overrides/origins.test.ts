import t from 'tap';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import { type DocumentKind, parseOverrides } from '#src/limits/overrides-document.js';
import { buildSnapshot } from '#src/limits/snapshot.js';
import { FollowedDocument } from '#src/overrides/followed-source.js';
import { originsOf } from '#src/overrides/origins.js';

t.test('each limit that is not the default comes from the documents of its kind', async (t) => {
  const snapshot = buildSnapshot({
    defaults: DEFAULT_LIMITS,
    mimir: [parseOverrides('overrides: { a: { ingestion_rate: 5, request_rate: 0 }, b: {} }', 'mimir')],
    edge: [parseOverrides('overrides: { a: { mode: shadow } }', 'edge')],
  });
  const documents = (
    [
      ['one', 'mimir'],
      ['edge', 'edge'],
      ['two', 'mimir'],
    ] as [string, DocumentKind][]
  ).map(([name, kind]) => new FollowedDocument({ name, kind }));
  t.strictSame(
    [...originsOf(snapshot, documents, 'a')],
    [
      ['ingestion_rate', 'one, two'],
      ['mode', 'edge'],
    ],
  );
  t.strictSame([...originsOf(snapshot, documents, 'b')], [], 'a tenant that is named has the defaults');
  t.strictSame([...originsOf(snapshot, documents, 'c')], [], 'and so has one that is not');
});
