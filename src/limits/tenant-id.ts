/**
 * Which tenant a header names, by Mimir's own rules. Every door asks here, so that no spelling of an id is one tenant to
 * the edge and another to Mimir. A walk over characters: this runs for every push of an unknown tenant.
 */

export type TenantIdFault = 'empty' | 'too_long' | 'unsupported_character' | 'reserved' | 'several';

export type ResolvedTenantId = { readonly id: string } | { readonly fault: TenantIdFault };

const MAX_LENGTH = 150;
const RESERVED = new Set(['.', '..', '__mimir_cluster']);

const ALLOWED = new Uint8Array(128);
for (const character of "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!-_.*'()") {
  ALLOWED[character.charCodeAt(0)] = 1;
}
/** Joins ids: a read may name several tenants, and a write one of them several times. */
const JOINT = '|';
/** Begins metadata, which selects limits in newer versions of Mimir, and is no part of the id in any. */
const METADATA = ':';

/** The tenant that Mimir takes a header for. Metadata is not looked at: some versions of Mimir take any. */
export function resolveTenantId(header: string): ResolvedTenantId {
  const id = header.slice(0, lengthOfFirst(header));
  const fault = tenantIdFault(id);
  if (fault !== undefined) return { fault };
  for (let joint = header.indexOf(JOINT); joint >= 0; joint = header.indexOf(JOINT, joint + 1)) {
    const end = header[joint + 1 + id.length];
    const same = header.startsWith(id, joint + 1) && (end === undefined || end === JOINT || end === METADATA);
    if (!same) return { fault: 'several' };
  }
  return { id };
}

/** What is wrong with an id; undefined when it is valid. */
export function tenantIdFault(id: string): TenantIdFault | undefined {
  if (id.length === 0) return 'empty';
  if (id.length > MAX_LENGTH) return 'too_long';
  for (let i = 0; i < id.length; i++) {
    if (ALLOWED[id.charCodeAt(i)] !== 1) return 'unsupported_character';
  }
  return RESERVED.has(id) ? 'reserved' : undefined;
}

function lengthOfFirst(header: string): number {
  for (let i = 0; i < header.length; i++) {
    if (header[i] === JOINT || header[i] === METADATA) return i;
  }
  return header.length;
}
