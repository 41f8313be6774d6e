import { readFileSync } from 'node:fs';
import t from 'tap';
import { loadConfig } from '#src/config/config.js';
import { SETTINGS } from '#src/config/settings.js';
import { printSourceSpec, readSourceSpec } from '#src/config/source-spec.js';

const FORMS = [
  'file:/etc/mimir/overrides.yaml',
  'file:relative.yaml.gz',
  'configmap:mimir-runtime',
  'configmap:mimir/mimir-runtime',
  'configmap:mimir/mimir.runtime-2#overrides.yaml',
  'http://mimir:8080/runtime_config?mode=diff',
  'https://example.com/overrides.yaml',
];

t.test('sources are written in one way, and printed as they are written', async (t) => {
  for (const text of FORMS) {
    const spec = readSourceSpec(text);
    t.ok(spec, text);
    t.equal(spec && printSourceSpec(spec), text);
  }
  t.strictSame(readSourceSpec('configmap:a/b#c.yaml'), {
    type: 'configmap',
    namespace: 'a',
    name: 'b',
    key: 'c.yaml',
  });
});

t.test('what is no source is refused', async (t) => {
  for (const text of [
    '',
    '/etc/mimir/overrides.yaml',
    'file:',
    'configmap:',
    'configmap:a/b/c',
    'configmap:A',
    'configmap:a#',
    'configmap:a#b c',
    'ftp://example.com/x',
    'https://user:password@example.com/x',
    'https://example.com/x#part',
  ]) {
    t.equal(readSourceSpec(text), undefined, text);
  }
});

t.test('people are told of each form: in the setting, in the docs, and when one is wrong', async (t) => {
  const docs = readFileSync(new URL('../../../docs/overrides.md', import.meta.url), 'utf8');
  const wrong = loadConfig({ env: {}, flags: { 'overrides.sources': 'nothing:at-all' } });
  for (const scheme of new Set(
    FORMS.map((form) => form.slice(0, form.indexOf(':') + 1).replace('https', 'http')),
  )) {
    t.ok(docs.includes(scheme), `docs/overrides.md has ${scheme}`);
    t.ok(SETTINGS['overrides.sources'].doc.includes(scheme), `overrides.sources has ${scheme}`);
    t.ok(JSON.stringify(wrong).includes(scheme), `the error has ${scheme}`);
  }
});
