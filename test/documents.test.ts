/** What documents point at is there: files, headings, npm scripts, and the names of metrics, reasons and settings. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import t from 'tap';
import { SETTING_PATHS } from '#src/config/config.js';
import { SETTINGS } from '#src/config/settings.js';
import { REASONS } from '#src/enforce/reasons.js';

const ROOT = new URL('../../', import.meta.url).pathname;

const documents = ['README.md', 'CONTRIBUTING.md', ...list('docs')].map((file) => ({
  file,
  text: readFileSync(join(ROOT, file), 'utf8'),
}));
const textOf = (file: string) => documents.find((one) => one.file === file)?.text ?? '';

function list(folder: string): string[] {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  return files.filter((file) => file.endsWith('.md')).map((file) => join(folder, file));
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

t.test('links lead to a file, and to a heading that it has', async (t) => {
  for (const { file, text } of documents) {
    for (const [, link = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(link)) continue;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? file : relative(ROOT, join(ROOT, dirname(file), path));
      t.ok(existsSync(join(ROOT, target)), `${file}: ${link} is a file`);
      if (anchor !== undefined && target.endsWith('.md'))
        t.ok(anchorsOf(textOf(target)).includes(anchor), `${file}: ${link} is a heading`);
    }
  }
});

t.test('npm scripts that are named exist', async (t) => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  for (const { file, text } of documents) {
    for (const [, name = ''] of text.matchAll(/npm run (?:-s |--silent )?([a-z][a-z:]*)/g))
      t.ok(name in scripts, `${file}: npm run ${name}`);
  }
});

t.test('examples send to the port that senders have', async (t) => {
  const { port } = new URL(`http://${SETTINGS['listen.proxy'].fallback}`);
  const examples = documents.flatMap(({ file, text }) =>
    [...text.matchAll(/:(\d+)\/(?:otlp|api\/v1\/push)/g)].map(([example, to]) => ({ file, example, to })),
  );
  t.ok(examples.length > 0);
  for (const { file, example, to } of examples) t.equal(to, port, `${file}: ${example}`);
});

t.test('metrics and reasons that are named exist', async (t) => {
  const metrics = new Set(
    [...textOf('docs/metrics.md').matchAll(/^\| (`mimir_edge_.*?) \|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([^`]+)`/g)].flatMap(([, name = '']) => alternatives(name)),
    ),
  );
  for (const { file, text } of documents) {
    for (const [name] of text.matchAll(/\bmimir_edge_\w+(\{[a-z_,]+\}\w*)?/g)) {
      // `a_{b,c}` is two names; in `a{user,reason}` and `a_*` these are no part of one.
      const bare = /_\{/.test(name) ? name : name.replace(/\{.*/, '');
      for (const one of alternatives(bare)) {
        const known =
          metrics.has(one.replace(/_(bucket|sum|count)$/, '')) ||
          metrics.has(one) ||
          (one.endsWith('_') && [...metrics].some((metric) => metric.startsWith(one)));
        t.ok(known, `${file}: ${one} is in docs/metrics.md`);
      }
    }
    for (const [, reason = ''] of text.matchAll(/`(edge_[a-z_]+)`/g))
      if (!OTHER_EDGE_WORDS.has(reason)) t.ok(reason in REASONS, `${file}: ${reason} is a reason`);
  }
});

const OTHER_EDGE_WORDS = new Set(['edge_limits', 'edge_sources', 'edge_file', 'edge_reason']);

function alternatives(name: string): string[] {
  const [, before = '', names, after = ''] = /^(.*)\{(.*)\}(.*)$/.exec(name) ?? [];
  return names === undefined ? [name] : names.split(',').map((one) => before + one + after);
}

/** Dots that belong to no setting: files, an extension of Envoy, a value of the chart, a field of /readyz. */
const NO_SETTINGS =
  /\.(ya?ml|conf|json|test|md)$|^envoy\.filters\.|^overrides\.(tenants|configMap)|^upstream\.(state|unresolved)$/;

t.test('settings that are named exist', async (t) => {
  const groups = new Set(SETTING_PATHS.map((path) => path.split('.')[0]));
  for (const { file, text } of documents) {
    for (const [, name = ''] of text.matchAll(/`([a-z_]+(?:\.[a-z_]+)+)`/g)) {
      if (!groups.has(name.split('.')[0] ?? '') || NO_SETTINGS.test(name)) continue;
      const known = SETTING_PATHS.some((path) => path === name || path.startsWith(`${name}.`));
      t.ok(known, `${file}: ${name} is a setting`);
    }
  }
});

t.test('files that a recipe names exist', async (t) => {
  const text = textOf('CONTRIBUTING.md');
  for (const [, path = ''] of text.matchAll(/`((?:src|test|helm|scripts|docs)\/[\w./-]*)`/g))
    t.ok(existsSync(join(ROOT, path)), path);
});
