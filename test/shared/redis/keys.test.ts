import t from 'tap';
import { bucketKey, clusterShardOf, heartbeatKeys } from '#src/shared/redis/keys.js';

t.test('keys of one tenant share a slot, and nothing else gets into a key', async (t) => {
  t.equal(bucketKey('edge:', 'team-a', 'items'), 'edge:{team-a}:items');
  t.match(bucketKey('edge:', 'a}{b', 'bytes'), /^edge:\{#[0-9a-f]{64}\}:bytes$/);
  t.equal(bucketKey('', 'x'.repeat(10_000), 'items').length, 73);
  // By CLUSTER KEYSLOT: foo is in slot 12182, bar in 5061.
  t.equal(clusterShardOf('foo'), Math.floor(12182 / 1024));
  t.equal(clusterShardOf('bar'), Math.floor(5061 / 1024));
  t.equal(new Set(heartbeatKeys('edge:', 16)).size, 16);
});
