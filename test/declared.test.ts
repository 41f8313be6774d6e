/**
 * Nothing is declared and then forgotten: each setting, limit and reason is used by the code, documented and tested. A
 * name that fails here is missing where the assertion says.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { envName, SETTING_PATHS } from '#src/config/config.js';
import { REASON_NAMES, REASONS } from '#src/enforce/reasons.js';
import { EDGE_LIMITS, type LimitTable, MIMIR_LIMITS } from '#src/limits/limit-table.js';

const ROOT = new URL('../../', import.meta.url).pathname;

/** The texts of files, without those of a list. */
function texts(folder: string, files: RegExp, except: readonly string[]): string {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => `${folder}/${file}`)
    .filter((file) => files.test(file) && !except.some((one) => file.startsWith(one)))
    .map((file) => readFileSync(join(ROOT, file), 'utf8'))
    .join('\n');
}

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const tests = texts('test', /\.(ts|yaml)$/, ['test/declared.test.ts', 'test/helm/golden']);
/** A word of its own; of a path, the whole path. */
const names = (text: string, name: string) =>
  new RegExp(`(?<!\\w${name.includes('.') ? '|\\.' : ''})${name.replaceAll('.', '\\.')}(?!\\.?\\w)`).test(
    text,
  );
const inTable = (file: string, name: string) => read(file).includes(`\n| \`${name}\` |`);

t.test('every setting is read, documented and tested', async (t) => {
  const code = texts('src', /\.ts$/, ['src/config/']);
  for (const path of SETTING_PATHS) {
    const isRead = [`'${path}'`, `\`${path}\``, `config.${path}`].some((use) => code.includes(use));
    t.ok(isRead, `${path} is read in src/, outside of src/config`);
    t.ok(inTable('docs/settings.md', path), `${path} is in docs/settings.md`);
    t.ok(names(tests, path) || tests.includes(envName(path)), `${path} is named in a test`);
  }
});

t.test('every reason is given, documented and tested', async (t) => {
  const code = texts('src', /\.ts$/, ['src/enforce/reasons.ts', 'src/admin/console/']);
  for (const reason of REASON_NAMES) {
    t.ok(code.includes(`'${reason}'`), `${reason} is given in src/`);
    t.ok(inTable('docs/refusals.md', reason), `${reason} is in docs/refusals.md`);
    t.ok(names(tests, reason) || tests.includes(REASONS[reason].id), `${reason} is named in a test`);
  }
});

t.test('every limit is enforced, documented and tested', async (t) => {
  const words = ['reasons', 'sentences', 'left-out-sentences'].map((name) => `src/enforce/${name}.ts`);
  const code = ['enforce', 'elections', 'series', 'doors']
    .map((folder) => texts(`src/${folder}`, /\.ts$/, words))
    .join('\n');
  // A comment that names a limit does not enforce it.
  const decides = (limit: string) => new RegExp(`[.']${limit}\\b`).test(code);
  for (const table of [MIMIR_LIMITS, EDGE_LIMITS] as LimitTable[]) {
    for (const limit of Object.keys(table)) {
      t.ok(decides(limit), `${limit} decides on pushes`);
      t.ok(inTable('docs/limits.md', limit), `${limit} is in docs/limits.md`);
      t.ok(names(tests, limit), `${limit} is named in a test`);
    }
  }
});
