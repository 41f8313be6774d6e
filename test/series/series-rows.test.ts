import t from 'tap';
import { RECORD_HASH_LOW, RECORD_WORDS } from '#src/payload/push.js';
import { CHUNK_ROWS, chunksOf, countRows, joinRows, ROW_WORDS, RowList } from '#src/series/series-rows.js';
import { pushOf, range } from './fixtures.js';

const push = pushOf(range(0, 500));

/** The four words of a row of the push. */
const wordsOf = (row: number) => {
  const at = row * RECORD_WORDS + RECORD_HASH_LOW;
  return [...push.records.subarray(at, at + ROW_WORDS)];
};

t.test('a list has rows as they are in the push, and their numbers, however many', async (t) => {
  const list = new RowList();
  t.equal(list.length, 0);
  t.equal(list.number(0), 0);
  const numbers: number[] = [];
  for (const [from, count] of [
    [0, 3],
    [10, 61],
    [80, 1],
    [90, 300],
    [0, 0],
  ] as const) {
    list.append(push, from, Uint32Array.from(range(5, 5 + count)));
    numbers.push(...range(from + 5, from + 5 + count));
  }
  t.equal(list.length, numbers.length);
  t.strictSame(
    numbers.map((_, index) => list.number(index)),
    numbers,
  );
  t.strictSame([...list.rows()], numbers.flatMap(wordsOf));
  t.strictSame([...list.rows(2, 4)], numbers.slice(2, 4).flatMap(wordsOf));
  t.equal(countRows(list.rows()), numbers.length);
});

t.test('a list that is appended to often takes no more memory for it', async (t) => {
  const list = new RowList();
  for (let row = 0; row < 12; row++) list.append(push, row, Uint32Array.of(0));
  t.equal(list.length, 12);
  t.ok(list.rows().buffer.byteLength <= 64 * ROW_WORDS * 4);
});

t.test('lists are joined in their order', async (t) => {
  const [first, second] = [new RowList(), new RowList()];
  first.append(push, 0, Uint32Array.of(1, 2));
  second.append(push, 0, Uint32Array.of(7));
  t.strictSame([...joinRows(first, second)], [1, 2, 7].flatMap(wordsOf));
  t.strictSame([...joinRows(undefined, second)], wordsOf(7));
});

t.test('rows go into the table in chunks', async (t) => {
  for (const [from, to, chunks] of [
    [0, 0, []],
    [0, 1, [[0, 1]]],
    [0, CHUNK_ROWS, [[0, CHUNK_ROWS]]],
    [
      5,
      CHUNK_ROWS + 6,
      [
        [5, CHUNK_ROWS + 5],
        [CHUNK_ROWS + 5, CHUNK_ROWS + 6],
      ],
    ],
  ] as const) {
    t.strictSame([...chunksOf(from, to)], chunks);
  }
});
