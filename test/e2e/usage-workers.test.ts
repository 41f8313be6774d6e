/** Usage with workers: each tells the primary what it counted, and a worker that dies takes ten seconds along at most. */
import t from 'tap';
import { inTwoWorkers } from '../admin/fixtures.js';
import { eventually, PUSH_500 } from '../doors/http/fixtures.js';

interface Fleet {
  readonly replicas: readonly {
    readonly dataPlanes: readonly {
      readonly worker: number;
      readonly totals: { readonly requests: number };
    }[];
  }[];
}

t.test('the book of a machine has what all of its workers counted', async (t) => {
  const edge = await inTwoWorkers(t);
  for (let i = 0; i < 8; i++) await edge.push(PUSH_500, { 'X-Scope-OrgID': 'team-a' });
  let seen: Fleet | undefined;
  const planes = () => seen?.replicas.flatMap(({ dataPlanes }) => dataPlanes) ?? [];
  const all = () => planes().reduce((sum, { totals }) => sum + totals.requests, 0);
  const isTold = async () => {
    seen = await edge.json<Fleet>('fleet');
    return all() === 8;
  };
  t.ok(await eventually(isTold, 60_000), JSON.stringify(seen));
  t.equal(seen?.replicas.length, 1);
  t.same(
    planes().map(({ worker }) => worker),
    [1, 2],
  );
  t.ok(planes().every(({ totals }) => totals.requests > 0));
  t.match(await edge.json('usage?tenant=team-a'), { records: [{ offered: { requests: 8, items: 4000 } }] });
});
