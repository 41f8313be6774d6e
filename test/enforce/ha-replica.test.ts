import t from 'tap';
import { electionRules } from '#src/enforce/ha-replica.js';
import { limits } from './fixtures.js';

t.test("an election goes by the tenant's own rules", async (t) => {
  const own = limits({
    ha_tracker_update_timeout: 1000,
    ha_tracker_update_timeout_jitter_max: 200,
    ha_tracker_failover_timeout: 3000,
    ha_max_clusters: 4,
  });
  t.match(
    electionRules(own, 0, () => 0),
    { updateMs: 1000, updateJitterMs: 200, failoverMs: 3000, mostClusters: 4 },
  );
  const without = limits({ ha_max_clusters: 0 });
  t.equal(electionRules(without, 0, () => 0).mostClusters, 10_000, 'off is as many as are remembered');
});
