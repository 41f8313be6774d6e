/** The one label name that the series hash leaves out: the HA replica label, so that both replicas' series are one. */
import { EXCLUDE } from './memory';

/** No label's name is as long as this. */
const NONE: u32 = 0xffffffff;

let excludeLength: u32 = NONE;

export function setExcluded(length: u32): void {
  excludeLength = length > 0 ? length : NONE;
}

// @ts-ignore: decorator
@inline
export function isExcluded(name: u32, length: u32): bool {
  return length === excludeLength && isSame(name, length);
}

/** memory.compare would be the only call in the loop over labels, which would then keep nothing in registers. */
// @ts-ignore: decorator
@inline
function isSame(name: u32, length: u32): bool {
  for (let i: u32 = 0; i < length; i++) {
    if (load<u8>(name + i) !== load<u8>(EXCLUDE + i)) return false;
  }
  return true;
}
