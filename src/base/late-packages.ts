/**
 * Packages that not every edge needs, loaded on first use: each would cost every start, and that of every worker, 60 to 100
 * ms of CPU.
 */
import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);

export function ioredis(): typeof import('ioredis') {
  return load('ioredis');
}

export function undici(): typeof import('undici') {
  return load('undici');
}
