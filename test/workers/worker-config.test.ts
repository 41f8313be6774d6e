import { availableParallelism } from 'node:os';
import t from 'tap';
import { type Config, loadConfig } from '#src/config/config.js';
import { workerConfig } from '#src/workers/worker-config.js';

function config(flags: Record<string, string>): Config {
  const loaded = loadConfig({ env: {}, flags });
  if ('errors' in loaded) throw new Error(JSON.stringify(loaded.errors));
  return loaded.config;
}

t.test('auto is one for each core', async (t) => {
  t.equal(config({ workers: 'auto' }).workers, availableParallelism());
  t.match(loadConfig({ env: {}, flags: { workers: 'many' } }), {
    errors: [{ path: 'workers', message: 'expected a whole number or auto, found "many"' }],
  });
  t.match(loadConfig({ env: {}, flags: { workers: '0' } }), { errors: [{ path: 'workers' }] });
});

t.test('what is meant for the whole is divided, and there is always some', async (t) => {
  t.match(workerConfig(config({ workers: '4', 'state.replicas': '3' })), {
    'upstream.connections': 32,
    'server.max_connections': 2500,
    'push.max_bytes_in_flight': 128 * 2 ** 20,
    'log.refusals_per_minute': 2,
    'state.replicas': 12,
    'tenants.max': 10_000,
  });
  t.match(workerConfig(config({ workers: '200', 'log.refusals_per_minute': '0' })), {
    'upstream.connections': 1,
    'push.max_bytes_in_flight': 100 * 2 ** 20,
    'log.refusals_per_minute': 0,
    'state.replicas': 0,
  });
});
