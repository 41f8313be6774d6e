import t from 'tap';
import { eventually } from '../shared/contract.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import { SharedLoad } from './shared-load.js';

t.setTimeout(120_000);

t.test(
  'a server that is paused: its socket, which answers nothing, is given up',
  { skip: redisMissing },
  async (t) => {
    const redis = await RedisServer.start();
    t.teardown(() => redis.stop());
    const load = await SharedLoad.start(t, redis.url);
    t.ok(await load.flows());
    redis.signal('SIGSTOP');
    t.ok(await load.state('degraded'));
    t.ok(await load.flows());
    const givenUp = () =>
      load.replicas.every(({ client }) => client.status().lastError?.kind === 'connection');
    t.ok(await eventually(givenUp));
    redis.signal('SIGCONT');
    t.ok(await load.recovered());
    t.ok(await load.flows());
    load.check(t);
    load.checkLog(t, 2);
  },
);
