/** Controls as a replica of the edge has them, alone or with a Redis. */
import type { Test } from 'tap';
import type { Control } from '#src/controls/control.js';
import { Controls, MAX_ENTRIES } from '#src/controls/controls.js';
import { RedisEntries } from '#src/shared/redis/redis-entries.js';
import { plainRedis } from '../shared/fixtures.js';
import type { RedisServer } from '../shared/redis-server.js';

export interface Replica {
  readonly controls: Controls;
  readonly received: Control[];
  readonly ended: Control[];
}

export async function replica(
  t: Test,
  redis?: RedisServer,
  now: () => number = Date.now,
  name = 'replica',
  cutOff: () => boolean = () => false,
): Promise<Replica> {
  const received: Control[] = [];
  const ended: Control[] = [];
  const shared =
    redis && new RedisEntries({ ...plainRedis([redis.url]), connectTimeoutMs: 500 }, 'controls', MAX_ENTRIES);
  if (shared !== undefined) {
    const version = shared.version.bind(shared);
    shared.version = () => (cutOff() ? Promise.reject(new Error('cut off')) : version());
  }
  const controls = new Controls(
    { shared, kept: undefined, name, now },
    {
      changed() {},
      received: (one) => received.push(one),
      ended: (one) => ended.push(one),
      trouble() {},
      obeyed: async () => true,
    },
  );
  t.teardown(() => controls.stop());
  await controls.start(500);
  return { controls, received, ended };
}

export function ask(given: Partial<Control> = {}): Omit<Control, 'id' | 'atMs'> {
  return {
    tenant: '',
    name: 'mode',
    value: 'off',
    reason: 'x',
    by: 'alice',
    untilMs: Date.now() + 60_000,
    ...given,
  };
}
