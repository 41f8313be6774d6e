/** How a tenant's OTLP is translated: bits set by the binding, and the list of promoted attributes. */

export let escapeNames: bool = false;
export let addSuffixes: bool = false;
export let keepIdentifying: bool = false;
export let nativeBuckets: bool = false;
export let promoteScope: bool = false;
export let takeDelta: bool = false;
export let prefixUnderscore: bool = false;
export let keepUnderscores: bool = false;
/** All series are written, for a reader. Otherwise plain ones are judged without being written. */
export let writesSeries: bool = false;

/** Names of attributes, each preceded by its length (u32). */
export let promoted: u32 = 0;
let promotedEnd: u32 = 0;

export function readOptions(bits: u32, list: u32, listBytes: u32): void {
  escapeNames = (bits & 1) !== 0;
  addSuffixes = (bits & 2) !== 0;
  keepIdentifying = (bits & 4) !== 0;
  nativeBuckets = (bits & 8) !== 0;
  promoteScope = (bits & 16) !== 0;
  takeDelta = (bits & 32) !== 0;
  prefixUnderscore = (bits & 64) !== 0;
  keepUnderscores = (bits & 128) !== 0;
  writesSeries = (bits & 256) !== 0;
  promoted = list;
  promotedEnd = list + listBytes;
}

export function isPromoted(at: u32, length: u32): bool {
  for (let entry = promoted; entry < promotedEnd; entry += 4 + load<u32>(entry)) {
    if (load<u32>(entry) === length && memory.compare(entry + 4, at, length) === 0) return true;
  }
  return false;
}
