/**
 * The table of docs/limits.md is kept: it has every limit that the code reads or leaves to Mimir, says what the code does, and
 * names for each row a test that is there, and that names the limit.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { describeType, EDGE_LIMITS, type LimitTable, MIMIR_LIMITS } from '#src/limits/limit-table.js';
import { WRITE_PATH_LIMITS } from '#src/limits/write-path-limits.js';

const ROOT = new URL('../../../', import.meta.url).pathname;

interface Row {
  readonly limit: string;
  readonly does: string;
  readonly title: string;
  readonly file: string;
}

const ROW =
  /^\| `(?<limit>\w+)` \| [^|]*(?:\\\|[^|]*)*\|[^|]*\|[^|]*\| (?<does>enforced|changes identity|Mimir's alone) \| .* \| (?<test>[^|]+) \|$/;
const LINK = /^\[(?<title>.+)\]\(\.\.\/(?<file>test\/[\w./-]+)\)$/;

function rows(): Row[] {
  const text = readFileSync(join(ROOT, 'docs/limits.md'), 'utf8');
  return text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const { limit = line, does = '', test = '' } = ROW.exec(line)?.groups ?? {};
      const { title = '', file = '' } = LINK.exec(test)?.groups ?? {};
      return { limit, does, title, file };
    });
}

/** The tests of a file under their titles, each with its text and what stands before all of them. */
function testsOf(file: string): ReadonlyMap<string, string> {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const starts = [...text.matchAll(/\bt\.test\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/g)];
  const common = text.slice(0, starts[0]?.index);
  return new Map(
    starts.map((start, index) => {
      const title = (start[1] ?? start[2] ?? '').replace(/\\(.)/g, '$1');
      return [title, common + text.slice(start.index, starts[index + 1]?.index)];
    }),
  );
}

t.test('no row is without a test, and the test is there and names the limit', async (t) => {
  for (const { limit, does, title, file } of rows()) {
    t.ok(existsSync(join(ROOT, file)) && file !== '', `${limit}: there is a file ${file}`);
    if (file === '') continue;
    const body = testsOf(file).get(title);
    t.ok(body !== undefined, `${limit}: ${file} has a test "${title}"`);
    if (does === "Mimir's alone") continue;
    t.match(body, new RegExp(`\\b${limit}\\b`), `${limit}: that test names it`);
  }
});

t.test('type, default and meaning are as they are declared', async (t) => {
  const lines = readFileSync(join(ROOT, 'docs/limits.md'), 'utf8').split('\n');
  for (const table of [MIMIR_LIMITS, EDGE_LIMITS] as LimitTable[]) {
    for (const [limit, { type, fallback, zero, doc }] of Object.entries(table)) {
      const shown = type === 'duration' ? `${Number(fallback) / 1000}s` : (fallback ?? 'unset');
      const begin = `| \`${limit}\` | ${describeType(type)} | ${shown} | ${zero} | `;
      t.match(
        lines.find((line) => line.startsWith(begin)),
        ` | ${doc} | `,
        limit,
      );
    }
  }
});

t.test('every limit has one row, which says what the code does with it', async (t) => {
  const said = rows().map(({ limit, does }) => [limit, does] as const);
  const does = { identity: 'changes identity', mimir: "Mimir's alone" };
  const read = (table: LimitTable) =>
    Object.entries(table).map(([limit, { part }]) => [limit, part === undefined ? 'enforced' : does[part]]);
  t.strictSame(said, [
    ...read(MIMIR_LIMITS),
    ...Object.keys(WRITE_PATH_LIMITS)
      .filter((limit) => !Object.hasOwn(MIMIR_LIMITS, limit))
      .map((limit) => [limit, "Mimir's alone"]),
    ...read(EDGE_LIMITS),
  ]);
});
