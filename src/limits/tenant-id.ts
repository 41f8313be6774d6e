/**
 * Which tenant and which metadata a header names, by Mimir's rules. Every door uses it, so that no spelling of an id means
 * one tenant to the edge and another to Mimir. It walks over characters, as it runs for every push of an unknown tenant.
 */

export type TenantIdFault = 'empty' | 'too_long' | 'unsupported_character' | 'reserved' | 'several';

/** `metadata`: all of it, `:key=value:key=value`; empty if there is none, or none that is valid. */
type ResolvedTenantId =
  | { readonly id: string; readonly metadata: string }
  | { readonly fault: TenantIdFault };

const MAX_LENGTH = 150;
const RESERVED = new Set(['.', '..', '__mimir_cluster']);

const ALLOWED = new Uint8Array(128);
for (const character of "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!-_.*'()") {
  ALLOWED[character.charCodeAt(0)] = 1;
}
/** Joins ids: a read may name several tenants, and a write the same one several times. */
const JOINT = '|';
/** Begins each pair of metadata, which selects limits in newer versions of Mimir, and is never part of the id. */
export const METADATA = ':';
const MAX_METADATA_LENGTH = 64;
const METADATA_TEXT = /^[0-9A-Za-z:=_-]*$/;

/**
 * The tenant by Mimir's reading of a header. Invalid metadata is up to Mimir: the newest version refuses such a push, some
 * accept it. Here it selects nothing.
 */
export function resolveTenantId(header: string): ResolvedTenantId {
  const id = header.slice(0, lengthOfFirst(header));
  const fault = tenantIdFault(id);
  if (fault !== undefined) return { fault };
  for (let joint = header.indexOf(JOINT); joint >= 0; joint = header.indexOf(JOINT, joint + 1)) {
    const end = header[joint + 1 + id.length];
    const same = header.startsWith(id, joint + 1) && (end === undefined || end === JOINT || end === METADATA);
    if (!same) return { fault: 'several' };
  }
  return { id, metadata: metadataOf(header, id.length) };
}

/** The pairs of metadata, each with its colon, without the tenant. */
export function metadataPairs(id: string): string[] {
  return id
    .split(METADATA)
    .slice(1)
    .map((pair) => METADATA + pair);
}

/** Whether Mimir can select limits by an entry of this name: a tenant, one pair of metadata, or both. */
export function selectsByMetadata(entry: string): boolean {
  const start = entry.indexOf(METADATA);
  if (start < 0) return false;
  const metadata = entry.slice(start);
  if (!isMetadata(metadata)) return false;
  return start === 0
    ? metadataPairs(metadata).length === 1
    : tenantIdFault(entry.slice(0, start)) === undefined;
}

/** What is wrong with an id; undefined if it is valid. */
export function tenantIdFault(id: string): TenantIdFault | undefined {
  if (id.length === 0) return 'empty';
  if (id.length > MAX_LENGTH) return 'too_long';
  for (let i = 0; i < id.length; i++) {
    if (ALLOWED[id.charCodeAt(i)] !== 1) return 'unsupported_character';
  }
  return RESERVED.has(id) ? 'reserved' : undefined;
}

/** If a header names a tenant several times, the metadata that all of them have. */
function metadataOf(header: string, idLength: number): string {
  if (header.length === idLength) return '';
  const joint = header.indexOf(JOINT);
  const one = joint < 0 ? header : header.slice(0, joint);
  if (joint >= 0 && header.split(JOINT).some((other) => other !== one)) return '';
  const metadata = one.slice(idLength);
  return isMetadata(metadata) ? metadata : '';
}

/** Pairs in ascending order of their keys, each key once. */
function isMetadata(metadata: string): boolean {
  if (metadata.length > MAX_METADATA_LENGTH || !METADATA_TEXT.test(metadata)) return false;
  let before = '';
  for (const pair of metadataPairs(metadata)) {
    const end = pair.indexOf('=');
    const key = pair.slice(0, end);
    if (end < 0 || key <= before) return false;
    before = key;
  }
  return true;
}

function lengthOfFirst(header: string): number {
  for (let i = 0; i < header.length; i++) {
    if (header[i] === JOINT || header[i] === METADATA) return i;
  }
  return header.length;
}
