/** The peer of the kernel in plain JavaScript: the same counts and a 64-bit hash per series (two 32-bit lanes). */

export interface Scanned {
  series: number;
  samples: number;
  hash: number;
}

let at = 0;

function varint(body: Uint8Array): number {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = body[at++]!;
    value |= (byte & 127) << shift;
    if (byte < 128) return value >>> 0;
  }
}

export function scan(body: Uint8Array): Scanned {
  at = 0;
  const result: Scanned = { series: 0, samples: 0, hash: 0 };
  while (at < body.length) {
    const tag = varint(body);
    const end = varint(body) + at;
    if (tag !== 0x0a) {
      at = end;
      continue;
    }
    result.series++;
    let low = 0;
    let high = 0;
    while (at < end) {
      const field = varint(body);
      const fieldEnd = varint(body) + at;
      if (field === 0x0a) {
        let a = 0x811c9dc5;
        let b = 0x9e3779b1;
        for (; at < fieldEnd; at++) {
          a = Math.imul(a ^ body[at]!, 0x01000193);
          b = Math.imul(b ^ body[at]!, 0x85ebca6b);
        }
        low = (low + a) | 0;
        high = (high + b) | 0;
      } else if (field === 0x12) {
        result.samples++;
      }
      at = fieldEnd;
    }
    result.hash ^= low ^ high;
  }
  return result;
}
