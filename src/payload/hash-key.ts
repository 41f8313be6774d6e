/**
 * The secret with which labels and series are hashed. Without it nobody can make series that collide. All processes that
 * share series use the same one.
 */
import { createHash, randomBytes } from 'node:crypto';

/** 16 bytes. */
export type HashKey = Uint8Array;

export const HASH_KEY_BYTES = 16;

/** For a process that shares its series with nobody; it ends with the process. */
export const OWN_HASH_KEY: HashKey = randomBytes(HASH_KEY_BYTES);

/** Derives the kernel's keys. They reveal nothing about the secret or about each other. */
export function expandHashKey(key: HashKey, outputLength: number): Uint8Array {
  return createHash('shake256', { outputLength }).update('mimir-edge series hash').update(key).digest();
}
