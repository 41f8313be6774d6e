/** Modes and limits that are set for a time, shared and kept as the settings say. */
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
      // A pod's host name is its own; on one machine there may be several replicas.
      name: `${hostname()}:${process.pid}`,
      now: Date.now,
    },
    listener,
  );
}
