/** Controls as a replica of the edge has them, alone or with a Redis. */
import type { Test } from 'tap';
import type { Control } from '#src/controls/control.js';
import { Controls, MAX_CONTROLS } from '#src/controls/controls.js';
import { RedisEntries } from '#src/shared/redis/redis-entries.js';
import { plainRedis } from '../shared/fixtures.js';
import type { RedisServer } from '../shared/redis-server.js';

export interface Replica {
  readonly controls: Controls;
  readonly received: Control[];
  readonly ended: Control[];
}

export async function replica(t: Test, redis?: RedisServer, now: () => number = Date.now): Promise<Replica> {
  const received: Control[] = [];
  const ended: Control[] = [];
  const shared =
    redis &&
    new RedisEntries({ ...plainRedis([redis.url]), connectTimeoutMs: 500 }, 'controls', MAX_CONTROLS);
  const controls = new Controls(
    shared,
    { changed() {}, received: (one) => received.push(one), ended: (one) => ended.push(one) },
    now,
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
