import t from 'tap';
import { printSourceSpec, readSourceSpec } from '#src/config/source-spec.js';

t.test('sources are written in one way, and printed as they are written', async (t) => {
  for (const text of [
    'file:/etc/mimir/overrides.yaml',
    'file:relative.yaml.gz',
    'configmap:mimir-runtime',
    'configmap:mimir/mimir-runtime',
    'configmap:mimir/mimir.runtime-2#overrides.yaml',
    'http://mimir:8080/runtime_config?mode=diff',
    'https://example.com/overrides.yaml',
  ]) {
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
