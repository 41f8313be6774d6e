import t from 'tap';
import { parseOverrides } from '#src/limits/overrides-document.js';
import { changedAtMs, documentOf, lastChangeOf } from '#src/overrides/kubernetes/configmap-documents.js';
import { lastChangeText } from '#src/overrides/last-change.js';

async function textOf(data: Record<string, string>, kind: 'mimir' | 'edge' = 'mimir', key = '') {
  const read = await documentOf({ data }, kind, key, 1000);
  return 'text' in read ? read.text : read.problem;
}

t.test('the key is named, or one of those that operators use', async (t) => {
  t.equal(await textOf({ 'mine.yaml': 'a', 'overrides.yaml': 'b' }, 'mimir', 'mine.yaml'), 'a');
  t.equal(await textOf({ 'overrides.yaml': 'b', 'mimir.yaml': 'c' }), 'b');
  t.equal(await textOf({ 'runtime.yaml': 'd' }), 'd');
  t.equal(await textOf({ 'runtime.yaml': 'd', 'mimir-edge.yaml': 'e' }, 'edge'), 'e');
  t.match(
    await textOf({ 'runtime.yaml': 'd' }, 'mimir', 'mine.yaml'),
    /no key mine.yaml; it has runtime.yaml/,
  );
  t.match(await textOf({ 'runtime.yaml': '', 'overrides.yaml': '' }), /name the one that counts/);
  t.match(await textOf({}), /no key overrides.yaml or runtime.yaml.*it is empty/);
  t.match(await textOf({ constructor: 'x' }, 'mimir', 'toString'), /no key toString/);
  t.match(await textOf({ 'overrides.yaml': 'x'.repeat(1001) }), /more than 1000 bytes/);
});

t.test('flat keys of older tools are a document, where there is no other', async (t) => {
  const text = await textOf({
    'team-a:samples_per_second': '5000',
    'team-a:burst_percent': '0.2',
    'team.b.max_labels_per_series': ' 40 ',
    'team.b.ingestion_burst_size': '3.5e+06',
    'mimir.yaml': 'limits: {}',
    'a note': 'b',
  });
  const { tenants, errors, warnings } = parseOverrides(text, 'mimir');
  t.strictSame(errors, []);
  t.strictSame(
    [...tenants].map(([id, limits]) => [id, Object.fromEntries(limits)]),
    [
      ['team-a', { ingestion_rate: 5000 }],
      ['team.b', { max_label_names_per_series: 40, ingestion_burst_size: 3_500_000 }],
    ],
  );
  t.match(
    warnings.map(({ path }) => path),
    ['overrides.team-a.burst_percent'],
    'what has no right meaning is not guessed',
  );
});

t.test('flat keys that are given under two names, or have no number, are errors', async (t) => {
  const twice = await textOf({ 'a:sps': '1', 'a:ingestion_rate': '2' });
  t.match(parseOverrides(twice, 'mimir').errors, [{ path: 'overrides.a', message: /given twice/ }]);
  const text = await textOf({ 'a:sps': 'fast"\n' });
  t.match(parseOverrides(text, 'mimir').errors, [{ path: 'overrides.a.ingestion_rate' }]);
});

t.test("flat keys have the edge's limits, too", async (t) => {
  const text = await textOf({ 'a.max_series_per_request': '7', 'b.ingestion_rate': '7' }, 'edge');
  t.strictSame([...parseOverrides(text, 'edge').tenants.keys()], ['a']);
});

t.test('a ConfigMap has changed when the last of its fields has, as late as it can have been', async (t) => {
  const at = Date.parse('2026-03-01T10:00:00Z');
  const changed = (managedFields: { time?: string }[] | undefined) =>
    changedAtMs(
      { metadata: { name: 'x', resourceVersion: '1', ...(managedFields && { managedFields }) } },
      at + 60_000,
    );
  t.equal(changed(undefined), at + 60_000, 'when it came, where nothing is known');
  t.equal(changed([]), at + 60_000);
  t.equal(changed([{}, { time: 'soon' }]), at + 60_000);
  t.equal(changed([{ time: '2026-03-01T09:00:00Z' }, { time: '2026-03-01T10:00:00Z' }, {}]), at + 999);
  t.equal(changed([{ time: '2026-03-01T11:00:00Z' }]), at + 60_000, 'never later than it came');
});

t.test('who changed a ConfigMap is the manager that set something of its data last', async (t) => {
  const last = (...managedFields: object[]) =>
    lastChangeOf({ metadata: { name: 'x', resourceVersion: '1', managedFields } });
  const [helm, edit, label] = [
    { manager: 'helm', time: '2026-03-01T09:00:00Z', fieldsV1: { 'f:data': {} } },
    { manager: 'kubectl-edit', time: '2026-03-01T10:00:00Z', fieldsV1: { 'f:data': { 'f:x': {} } } },
    { manager: 'labeller', time: '2026-03-01T11:00:00Z', fieldsV1: { 'f:metadata': {} } },
  ];
  t.strictSame(last(helm, edit, label), { by: 'kubectl-edit', atMs: Date.parse('2026-03-01T10:00:00Z') });
  t.strictSame(last(edit, helm), last(helm, edit), 'in whatever order');
  t.equal(lastChangeText(last(helm)), 'changed by helm at 2026-03-01T09:00:00Z');
  t.strictSame([last(), last({}), last(label)], [{}, {}, {}]);
  t.equal(lastChangeText({}), 'the source does not say who changed it, nor when');
  t.equal(lastChangeText({ by: 'helm' }), 'changed by helm');
});
