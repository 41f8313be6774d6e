/** The one label name that the series hash leaves out: the HA replica label, so that both replicas' series are one. */
import { EXCLUDE } from './memory';

let excludeLength: u32 = 0;

export function setExcluded(length: u32): void {
  excludeLength = length;
}

// @ts-ignore: decorator
@inline
export function isExcluded(name: u32, length: u32): bool {
  return length === excludeLength && length > 0 && memory.compare(name, EXCLUDE, length) === 0;
}
