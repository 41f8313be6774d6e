/** Bodies as broken senders and bad networks make them. The given body is not modified. */

export function damaged(body: Buffer, random: () => number): Buffer {
  const kind = Math.floor(random() * 3);
  if (kind === 0) return body.subarray(0, Math.floor(body.length * random()));
  if (kind === 1) {
    const garbled = Buffer.from(body);
    const at = Math.floor(body.length * random());
    garbled.fill(0xff, at, at + 64);
    return garbled;
  }
  return Buffer.from('{"this": "is no snappy"}');
}
