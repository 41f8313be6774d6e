import t from 'tap';
import { RecentRefusals } from '#src/doors/recent-refusals.js';
import { refuse } from '#src/enforce/refusal.js';
import { admit, enforcer } from '../enforce/fixtures.js';

t.test(
  'refusals of a tenant within a second are one entry, whether memory has room for it or not',
  async (t) => {
    for (const maxUnknownTenants of [1000, 0]) {
      const edge = enforcer({ maxUnknownTenants });
      const refusals = new RecentRefusals(10);
      const refused = (id: string, atMs: number) =>
        refusals.refused(
          admit(edge, id).tenant,
          refuse('rate_limited', { what: `of ${id}`, remedy: 'send less' }),
          '',
          false,
          atMs,
        );
      refused('a', 0);
      for (let i = 0; i < 1000; i++) refused('b', i / 2);
      refused('c', 600);
      refused('c', 1700);
      t.match(refusals.newest(10), [
        { tenant: 'c', count: 1, atMs: 1700 },
        { tenant: 'c', count: 1, atMs: 600 },
        { tenant: 'b', count: 1000, message: /of b/ },
        { tenant: 'a', count: 1 },
      ]);
      t.equal(refusals.recorded, 4);
    }
  },
);
