/**
 * Builds what runs: src/ into dist/, the two WASM modules, the console, the files that are read at run time; with --tests
 * also tests, benches and scenarios into build/. esbuild translates file by file and checks no types: `npm run typecheck`
 * does. What is newer than its sources is left as it is.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { consoleCharts } from './console-charts.mjs';

const MODULES = [
  // Where the compiler puts what is static: behind the regions that kernel/memory.ts names, before the input.
  {
    folder: 'src/payload/kernel',
    entry: 'kernel.ts',
    wasm: 'dist/payload/kernel.wasm',
    flags: ['--memoryBase', '10752'],
  },
  { folder: 'src/series/kernel', entry: 'series.ts', wasm: 'dist/series/series-table.wasm' },
];
const CONSOLE = 'src/admin/console';
const NOT_TRANSLATED = [...MODULES.map(({ folder }) => folder), CONSOLE];
const ASSETS = /\.(lua|html|svg)$|openapi\.json$/;

export async function buildAll({ tests }) {
  for (const module of MODULES) buildModule(module);
  removeStale('src', 'dist');
  await translate(filesOf('src').filter(isTranslated), 'src', 'dist');
  cpSync('proto', 'dist/proto', { recursive: true });
  for (const path of filesOf('src').filter((file) => ASSETS.test(file)))
    cpSync(path, path.replace(/^src/, 'dist'));
  await bundleConsole();
  if (!tests) return;
  const folders = ['test', 'bench', 'loadtest'];
  for (const folder of folders) removeStale(folder, join('build', folder));
  await translate(
    folders.flatMap(filesOf).filter((file) => file.endsWith('.ts')),
    '.',
    'build',
  );
}

function buildModule({ folder, entry, wasm, flags = [] }) {
  const newest = Math.max(...filesOf(folder).map((file) => statSync(file).mtimeMs));
  if (existsSync(wasm) && statSync(wasm).mtimeMs > newest) return;
  say(`compiling ${folder} to WASM`);
  const asc = fileURLToPath(import.meta.resolve('assemblyscript/bin/asc.js'));
  const { status } = spawnSync(process.execPath, [asc, join(folder, entry), '-o', wasm, ...flags], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(1);
}

function isTranslated(path) {
  return (
    path.endsWith('.ts') &&
    !path.endsWith('.d.ts') &&
    !NOT_TRANSLATED.some((folder) => path.startsWith(`${folder}/`))
  );
}

function translate(entryPoints, outbase, outdir) {
  return build({
    entryPoints,
    outbase,
    outdir,
    bundle: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    logLevel: 'warning',
  });
}

/** And compresses it, which would cost each start 40 ms of CPU. */
async function bundleConsole() {
  const outdir = CONSOLE.replace(/^src/, 'dist');
  mkdirSync(outdir, { recursive: true });
  await build({
    entryPoints: [`${CONSOLE}/main.tsx`, `${CONSOLE}/style.css`],
    outdir,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    plugins: [consoleCharts],
    legalComments: 'inline',
    logLevel: 'warning',
  });
  for (const path of filesOf(outdir).filter((file) => !file.endsWith('.gz')))
    writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
}

/** A file whose source is gone would still be found by imports and by the test runner. */
function removeStale(from, to) {
  if (!existsSync(to)) return;
  for (const file of filesOf(to)) {
    if (!/\.(js|js\.map|d\.ts)$/.test(file)) continue;
    const source = join(from, file.slice(to.length + 1)).replace(/(\.js\.map|\.d\.ts|\.js)$/, '.ts');
    if (!existsSync(source)) rmSync(file);
  }
}

function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

export function say(what) {
  process.stderr.write(`${what} ...\n`);
}

if (process.argv[1] === new URL(import.meta.url).pathname)
  await buildAll({ tests: process.argv.includes('--tests') });
