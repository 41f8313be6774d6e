/**
 * Imports in src/ run one way: a folder imports from folders below it in LAYERS, never from one beside or above it.
 * Prints each import that breaks the rule and exits with 1. Circles between files are found by Biome (noImportCycles).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';

/** From the top down. Folders in one row do not import from each other. */
const LAYERS = [
  ['main.ts'],
  ['cli'],
  ['workers'],
  ['app'],
  ['config'],
  ['admin'],
  ['advice'],
  ['guard'],
  ['usage', 'controls', 'overrides'],
  ['doors'],
  ['upstream', 'shared'],
  ['loadtest'],
  ['series', 'elections', 'buckets'],
  ['enforce'],
  ['payload', 'limits'],
  ['relabel'],
  ['telemetry'],
  ['base'],
];

/** Folders that may import from fewer than what lies below them. */
const ONLY = {
  config: ['advice', 'limits', 'base'],
  loadtest: ['limits', 'base'],
  telemetry: ['base'],
  // Compiled on their own: by AssemblyScript, and for the browser.
  'payload/kernel': [],
  'series/kernel': ['payload/kernel'],
  'admin/console': ['base'],
};

/** Folders that only these import. */
const ONLY_FROM = {
  loadtest: ['cli'],
  'payload/kernel': ['series/kernel'],
  'series/kernel': [],
  'admin/console': [],
};

/** The broken rule in a sentence, or undefined. Paths are below src/. */
function brokenRule(from, to) {
  const [a, b] = [folderOf(from), folderOf(to)];
  if (a === b) return undefined;
  for (const folder of [a, b])
    if (levelOf(folder) < 0) return `${folder} is in no row of LAYERS in scripts/check-layers.mjs`;
  if (ONLY[a] && !ONLY[a].includes(b)) {
    return ONLY[a].length === 0
      ? `${a} imports nothing from outside of itself`
      : `${a} imports only from ${ONLY[a].join(', ')}`;
  }
  if (ONLY_FROM[b] && !ONLY_FROM[b].includes(a))
    return ONLY_FROM[b].length === 0
      ? `nothing outside of ${b} imports from it`
      : `only ${ONLY_FROM[b].join(', ')} imports from ${b}`;
  if (levelOf(a) === levelOf(b)) return `${a} and ${b} lie beside each other`;
  if (levelOf(a) > levelOf(b)) return `${b} lies above ${a}`;
  return undefined;
}

/** Every import of every file, of types included: `{ from, to }`, below `root`. */
function importsOf(root) {
  return readdirSync(root, { recursive: true })
    .filter((file) => /\.tsx?$/.test(file))
    .flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      const specifiers = [...text.matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(
        (match) => match[1],
      );
      return specifiers.map((specifier) => ({
        from: slashes(file),
        to: slashes(normalize(join(dirname(file), specifier))).replace(/\.js$/, '.ts'),
      }));
    });
}

/** The folder with a rule of its own that the file lies in, or else its first folder. */
function folderOf(file) {
  const inner = Object.keys(ONLY).find((folder) => folder.includes('/') && file.startsWith(`${folder}/`));
  return inner ?? file.split('/')[0];
}

function levelOf(folder) {
  const outer = folder.split('/')[0];
  return LAYERS.findIndex((row) => row.includes(outer));
}

function slashes(path) {
  return path.split(sep).join('/');
}

function main(root) {
  const broken = importsOf(root).flatMap(({ from, to }) => {
    const rule = brokenRule(from, to);
    return rule === undefined ? [] : [`src/${from} imports src/${to}: ${rule}`];
  });
  if (broken.length === 0) return;
  const house = LAYERS.map((row) => (row.length === 1 ? row[0] : `{${row.join(', ')}}`)).join(' → ');
  process.stderr.write(`${broken.join('\n')}\n\nImports of src/ run one way:\n  ${house}\n`);
  process.stderr.write('A type or function that both need stands in the lower folder, or is handed in.\n');
  process.exitCode = 1;
}

// Another folder than src/ is for the tests.
main(process.argv[2] ?? 'src');
