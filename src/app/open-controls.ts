/** Controls, shared and kept as configured. */
import { hostname } from 'node:os';
import type { Config } from '../config/config.js';
import { Controls, type ControlsListener, MAX_ENTRIES } from '../controls/controls.js';
import { KeptControls } from '../controls/kept-controls.js';
import { RedisEntries } from '../shared/redis/redis-entries.js';
import { redisOptions } from './redis-options.js';

export function openControls(config: Config, listener: ControlsListener): Controls {
  const isShared = config['state.redis.url'].length > 0;
  const folder = config['state.dir'];
  return new Controls(
    {
      shared: isShared ? new RedisEntries(redisOptions(config), 'controls', MAX_ENTRIES) : undefined,
      kept: folder === '' ? undefined : new KeptControls(folder),
      // A pod has a host name of its own, but one machine may run several replicas.
      name: `${hostname()}:${process.pid}`,
      now: Date.now,
    },
    listener,
  );
}
