import fc from 'fast-check';
import t from 'tap';
import { JsonLines } from '#src/overrides/kubernetes/json-lines.js';

t.test('the values are the same, however the chunks fall', async () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.array(fc.nat(200)), (values, cuts) => {
      const bytes = Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
      const lines = new JsonLines(1 << 20);
      const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
      const read: unknown[] = [];
      for (const [index, start] of [0, ...places].entries()) {
        read.push(...lines.push(bytes.subarray(start, places[index] ?? bytes.length)));
      }
      return JSON.stringify(read) === JSON.stringify(values);
    }),
  );
});

t.test('a line that never ends is not held', async (t) => {
  const lines = new JsonLines(100);
  t.throws(() => {
    for (let i = 0; i < 20; i++) for (const _ of lines.push(Buffer.alloc(10, 'x')));
  }, /more than 100 bytes/);
});

t.test('empty lines are nothing, and what is not JSON is an error', async (t) => {
  t.strictSame([...new JsonLines(100).push(Buffer.from('\n\n{}\n\n'))], [{}]);
  t.throws(() => [...new JsonLines(100).push(Buffer.from('nonsense\n'))], SyntaxError);
});
