import t from 'tap';
import { decodeOptions } from '#src/doors/decode-options.js';
import { admit, enforcer, limits, snapshot } from '../enforce/fixtures.js';

t.test('the labels of HA pairs are those of the tenant', async (t) => {
  const own = { ha_cluster_label: 'zone', ha_replica_label: 'twin' };
  const edge = enforcer({
    snapshot: snapshot({
      pairs: limits({ ...own, accept_ha_samples: true }),
      plain: limits({ ha_cluster_label: 'zone' }),
    }),
  });
  const optionsOf = (id: string, haTracker = true) =>
    decodeOptions({ version: 1, source: undefined }, admit(edge, id).tenant, {
      maxUncompressedBytes: 1000,
      maxSeries: 10,
      haTracker,
    });
  t.match(optionsOf('pairs'), { clusterLabel: 'zone', excludeLabel: 'twin' });
  t.match(optionsOf('plain'), { clusterLabel: '', excludeLabel: '' }, 'it sends from no pairs');
  t.match(optionsOf('pairs', false), { clusterLabel: '', excludeLabel: '' }, 'Mimir looks for none');
});
