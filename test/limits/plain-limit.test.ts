import t from 'tap';
import { parseDocument } from 'yaml';
import { nodeAt, plainLimit } from '#src/limits/plain-limit.js';

function read(text: string): unknown {
  return plainLimit(parseDocument(text).contents);
}

t.test(
  'a scalar is what YAML makes of it, and within a list or a map the text that it is written as',
  async (t) => {
    for (const [text, expected] of [
      ['1e3', 1000],
      ['true', true],
      ['~', null],
      ['[5, 1e3, yes, 0x10, 1.50, true]', ['5', '1e3', 'yes', '0x10', '1.50', 'true']],
      ['["5", \'a b\', "tab\\t"]', ['5', 'a b', 'tab\t']],
      ['[~, null, ]', [null, null]],
      ['{ a: 1e3, 5: [yes] }', { a: '1e3', 5: ['yes'] }],
    ] as const) {
      t.strictSame(read(text), expected, text);
    }
  },
);

t.test('a map that is merged in gives what the map itself does not name', async (t) => {
  for (const [text, expected] of [
    ['{ a: 1, <<: { a: 2, b: 3 } }', { a: '1', b: '3' }],
    ['{ <<: { a: 2, b: 3 }, a: 1 }', { a: '1', b: '3' }],
    ['{ <<: { b: 1, <<: { b: 2, c: 3 } } }', { b: '1', c: '3' }],
    ['{ a: { b: 1 } }', { a: { b: '1' } }],
    ['{ a: 1, <<: 5 }', { a: '1' }],
    ['{ ? [<<] : { b: 1 } }', { '': { b: '1' } }],
  ] as const) {
    t.strictSame(read(text), expected, text);
  }
});

t.test('lists and maps are read eight deep: what is deeper is left out', async (t) => {
  const nested = (start: string, end: string) => (depth: number) =>
    read(`${start.repeat(depth)}1${end.repeat(depth)}`);
  const lists = nested('[', ']');
  t.equal(JSON.stringify(lists(8)), '[[[[[[[["1"]]]]]]]]');
  t.equal(JSON.stringify(lists(9)), '[[[[[[[[[null]]]]]]]]]');
  const maps = nested('{ a: ', ' }');
  t.match(JSON.stringify(maps(8)), /"1"/);
  t.notMatch(JSON.stringify(maps(9)), /"1"/);
  const merged = (depth: number) => read(`${'{ <<: '.repeat(depth)}{ a: 1 }${' }'.repeat(depth)}`);
  t.strictSame(merged(7), { a: '1' });
  t.strictSame(merged(8), { a: undefined });
  t.strictSame(merged(9), {});
});

t.test('a path leads as far as there is something', async (t) => {
  const text = '[{ a: [x, y] }, z]';
  const { contents } = parseDocument(text);
  for (const [path, found] of [
    [[0, 'a', 1], 'y'],
    [[0, 'a', 5], '[x, y]'],
    [[0, 'b', 1], '{ a: [x, y] }'],
    [[1, 'a'], 'z'],
    [[], text],
  ] as const) {
    const [start, end] = nodeAt(contents, path)?.range ?? [];
    t.equal(text.slice(start, end), found, path.join('.'));
  }
});

t.test('an alias stands for nothing where aliases are not looked up', async (t) => {
  t.strictSame(read('{ a: &x 1, b: *x }'), { a: '1', b: undefined });
});
