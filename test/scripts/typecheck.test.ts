import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

const ROOT = new URL('../../../', import.meta.url).pathname;

t.test('types of tests are checked against src: a fixture that lacks a field is an error', async (t) => {
  const folder = t.testdir();
  const fixture = (fields: string) =>
    `import type { ConfigError } from '#src/config/config.js';\nexport const error: ConfigError = ${fields};\n`;
  writeFileSync(join(folder, 'whole.ts'), fixture("{ path: 'mode', source: 'flag', message: 'wrong' }"));
  writeFileSync(join(folder, 'broken.ts'), fixture("{ path: 'mode', source: 'flag' }"));
  // As `npm run typecheck` does with test/, but for the folder.
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: join(ROOT, 'test/tsconfig.json'),
      compilerOptions: { rootDir: '/' },
      include: ['*.ts'],
    }),
  );
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  t.not(status, 0);
  const errors = stdout.split('\n').filter((line) => line.includes('error TS'));
  t.equal(errors.length, 1, stdout);
  t.match(errors[0], /broken\.ts\(2,14\): error TS2741: Property 'message' is missing/);
});
