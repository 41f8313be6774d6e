import t from 'tap';
import { start } from '../admin/fixtures.js';
import { eventually, send, upstream } from '../doors/http/fixtures.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';

t.test('beyond state.redis.max_in_flight no push waits for its bucket', { skip: redisMissing }, async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const { proxy, get } = await start(t, {
    'upstream.url': mimir.url,
    'state.redis.url': redis.url,
    'state.redis.max_in_flight': '1',
    // Pushes that must ask about their series wait in a queue of their own.
    'limits.max_global_series_per_user': '0',
    'state.redis.command_timeout': '60s',
    'state.redis.connect_timeout': '10s',
    'state.close_timeout': '0s',
  });
  redis.signal('SIGSTOP');
  let answered = 0;
  const pushes = ['a', 'b', 'c'].map(async (tenant) => {
    await send(proxy, undefined, { 'X-Scope-OrgID': tenant });
    answered++;
  });
  t.ok(await eventually(() => answered >= 2), 'one waits at most');
  t.match(await (await get('/metrics')).text(), /^mimir_edge_ledger_calls_in_flight 1$/m);
  redis.signal('SIGCONT');
  await Promise.all(pushes);
});
