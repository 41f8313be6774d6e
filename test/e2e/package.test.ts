/** What goes into the image and the package: told from lists, without an engine or a registry. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import t from 'tap';
import { BUILD, copied, ignored, ROOT, RUN } from './dockerfile.js';

/** A file, or all below a folder. */
function filesOf(path: string): string[] {
  if (!statSync(join(ROOT, path)).isDirectory()) return [path];
  return readdirSync(join(ROOT, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}

t.test('.dockerignore keeps nothing from the build that the Dockerfile copies', async (t) => {
  const files = [BUILD, RUN].flatMap(copied).flatMap(([from]) => filesOf(from));
  t.ok(files.length > 150);
  t.strictSame(
    files.filter((file) => ignored(file)),
    [],
  );
  for (const file of [
    'node_modules/tap/package.json',
    '.git/HEAD',
    'demo/secrets/x',
    'dist/main.js',
    'test/free-port.ts',
  ])
    t.ok(ignored(file), `${file} is no part of the build`);
});

t.test('.dockerignore is read as Docker does', async (t) => {
  for (const [lines, path, isIgnored] of [
    ['*', 'a/b', true],
    ['*\n!a', 'a/b', false],
    ['*\n!a/b.ts', 'a/c.ts', true],
    ['*\n!a/b.ts', 'a/b.ts', false],
    ['!a\n*', 'a', true],
    ['**/*.log', 'a/b/c.log', true],
    ['**/*.log', 'c.log', true],
    ['*.log', 'a/c.log', false],
    ['# a\n/a/', 'a/b', true],
    ['a?', 'ab', true],
    ['a.b', 'axb', false],
  ] as const) {
    t.equal(ignored(path, lines), isIgnored, `${JSON.stringify(lines)} and ${path}`);
  }
});

t.test('npm pack in a fresh clone builds what it packs', async (t) => {
  const clone = t.testdir();
  const copy = (path: string) => {
    mkdirSync(dirname(join(clone, path)), { recursive: true });
    cpSync(join(ROOT, path), join(clone, path), { recursive: true, preserveTimestamps: true });
  };
  for (const path of [
    'package.json',
    'README.md',
    'LICENSE',
    'scripts',
    'src',
    'proto',
    'asconfig.json',
    'tsconfig.json',
  ])
    copy(path);
  // Compiling them takes seconds, and happens only where they are older than their sources.
  for (const wasm of ['dist/payload/kernel.wasm', 'dist/series/series-table.wasm']) copy(wasm);
  symlinkSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'));

  const { status, stdout, stderr } = spawnSync('npm', ['pack', '--dry-run', '--json', '--offline'], {
    cwd: clone,
    encoding: 'utf8',
  });
  t.equal(status, 0, stderr);
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('['))) as [{ files: { path: string }[] }];
  const paths = new Set(packed.files.map(({ path }) => path));
  const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  for (const path of [bin['mimir-edge'], 'README.md', 'LICENSE']) t.ok(paths.has(path), path);
  // Files that are read at run time, next to what reads them.
  const assets = filesOf('src').filter(
    (file) => /\.(lua|html|svg|json)$/.test(file) && !file.endsWith('tsconfig.json'),
  );
  t.ok(assets.length > 3);
  for (const asset of assets) t.ok(paths.has(asset.replace(/^src/, 'dist')), asset);
  for (const file of ['index.html', 'main.js', 'style.css', 'icon.svg'])
    for (const name of [file, `${file}.gz`]) t.ok(paths.has(`dist/admin/console/${name}`), name);
  for (const proto of filesOf('proto')) t.ok(paths.has(`dist/${proto}`), proto);
  t.strictSame(
    [...paths].filter((path) => !/^(dist\/|package\.json$|README\.md$|LICENSE$)/.test(path)),
    [],
    'nothing else',
  );
});

t.test('the image is not root, and has its labels', async (t) => {
  t.match(RUN, /^USER [1-9]\d*:[1-9]\d*$/m);
  for (const label of ['title', 'licenses', 'version', 'revision']) {
    t.match(RUN, new RegExp(`org\\.opencontainers\\.image\\.${label}=`));
  }
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  t.match(RUN, `ARG VERSION=${version}\n`, 'the version is that of the package');
});
