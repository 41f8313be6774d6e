/**
 * The secret under which labels and series are hashed. Whoever does not know it can not make series that are taken for one
 * another. All that share what they know of series have the same one.
 */
import { createHash, randomBytes } from 'node:crypto';

/** 16 bytes. */
export type HashKey = Uint8Array;

export const HASH_KEY_BYTES = 16;

/** For a process that shares its series with nobody; it is gone with the process. */
export const OWN_HASH_KEY: HashKey = randomBytes(HASH_KEY_BYTES);

/** As many bytes as the kernel has keys; nothing of the secret can be read off them, nor one of them off the others. */
export function expandHashKey(key: HashKey, outputLength: number): Uint8Array {
  return createHash('shake256', { outputLength }).update('mimir-edge series hash').update(key).digest();
}
