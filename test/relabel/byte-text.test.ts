import fc from 'fast-check';
import t from 'tap';
import { bytesOf, isWellFormed, textOf } from '#src/relabel/byte-text.js';

t.test('any bytes are a text, and come back from it as they were', async () => {
  const pieces = fc.oneof(
    fc.uint8Array({ maxLength: 6 }),
    fc.constantFrom('é', '€', '😀', 'a', '\ufeff', '\ufffd').map((text) => new TextEncoder().encode(text)),
    // Cut short, too long a form, a surrogate, beyond the last character.
    fc
      .constantFrom('c3', 'e282', 'f09f98', 'c080', 'eda080', 'f4908080', 'ff')
      .map((hex) => Buffer.from(hex, 'hex')),
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 6 }), (parts) => {
      const bytes = Buffer.concat(parts);
      const text = textOf(bytes);
      return (
        Buffer.compare(bytesOf(text), bytes) === 0 && isWellFormed(text) === (text === bytes.toString('utf8'))
      );
    }),
    { numRuns: 3000, examples: [[[Buffer.from([0xef, 0xbf, 0xbd])]]] },
  );
});

t.test('a byte that is no UTF-8 is one character', async (t) => {
  t.equal([...textOf(Buffer.from('61ff62', 'hex'))].length, 3);
  t.equal(textOf(Buffer.from('61ff62', 'hex')), 'a\udcffb');
});
