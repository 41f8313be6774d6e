/** Mimir's rules for a tenant id, as a walk over its characters: this runs for every push of an unknown tenant. */

export type TenantIdFault = 'empty' | 'too_long' | 'unsupported_character' | 'reserved' | 'several';

const MAX_LENGTH = 150;
const RESERVED = new Set(['.', '..', '__mimir_cluster']);

const ALLOWED = new Uint8Array(128);
for (const character of "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!-_.*'()") {
  ALLOWED[character.charCodeAt(0)] = 1;
}
const SEPARATOR = '|'.charCodeAt(0);

/** What is wrong with an id; undefined when it is valid. A write names exactly one tenant. */
export function tenantIdFault(id: string): TenantIdFault | undefined {
  if (id.length === 0) return 'empty';
  if (id.length > MAX_LENGTH) return 'too_long';
  let several = false;
  for (let i = 0; i < id.length; i++) {
    const code = id.charCodeAt(i);
    if (code === SEPARATOR) several = true;
    else if (ALLOWED[code] !== 1) return 'unsupported_character';
  }
  if (several) return 'several';
  return RESERVED.has(id) ? 'reserved' : undefined;
}
