import t from 'tap';
import { type LimitToWrite, patchDocument } from '#src/cli/patch-document.js';

const RATE: LimitToWrite = { tenant: 'a', limit: 'ingestion_rate', value: 1234 };

interface Row {
  readonly name: string;
  readonly before: string;
  readonly after: string;
  readonly leftOut?: RegExp;
}

const rows: Row[] = [
  { name: 'an empty file', before: '', after: 'overrides:\n  a:\n    ingestion_rate: 1234\n' },
  {
    name: 'no overrides yet',
    before: '# mine\nmulti_kv_config: {}\n',
    after: '# mine\nmulti_kv_config: {}\noverrides:\n  a:\n    ingestion_rate: 1234\n',
  },
  {
    name: 'overrides of nobody',
    before: 'overrides:\n',
    after: 'overrides:\n  a:\n    ingestion_rate: 1234\n',
  },
  {
    name: 'a value with a comment',
    before:
      'overrides:\n  b: { ingestion_rate: 1 }\n  # why\n  a:\n    ingestion_rate: 1e4 # because\n    ingestion_burst_size: 5\n',
    after:
      'overrides:\n  b: { ingestion_rate: 1 }\n  # why\n  a:\n    ingestion_rate: 1234 # because\n    ingestion_burst_size: 5\n',
  },
  {
    name: 'a value in quotes',
    before: 'overrides:\n  "a":\n    ingestion_rate: "1e4"\n',
    after: 'overrides:\n  "a":\n    ingestion_rate: 1234\n',
  },
  {
    name: 'a tenant with nothing',
    before: 'overrides:\n  a:\n  b: {}\n',
    after: 'overrides:\n  a:\n    ingestion_rate: 1234\n  b: {}\n',
  },
  {
    name: 'an alias: the tenant gets a map of its own, and others keep theirs',
    before: 'x-gold: &gold\n  ingestion_rate: 5\noverrides:\n  a: *gold\n  b: *gold\n',
    after:
      'x-gold: &gold\n  ingestion_rate: 5\noverrides:\n  a:\n    <<: *gold\n    ingestion_rate: 1234\n  b: *gold\n',
  },
  {
    name: 'a map that is merged in',
    before: 'x-gold: &gold\n  ingestion_rate: 5\noverrides:\n  a:\n    <<: *gold\n',
    after: 'x-gold: &gold\n  ingestion_rate: 5\noverrides:\n  a:\n    <<: *gold\n    ingestion_rate: 1234\n',
  },
  {
    name: 'a map that others use: it is left as it is',
    before: 'overrides:\n  a: &gold\n    ingestion_rate: 5\n  b: *gold\n',
    after: 'overrides:\n  a: &gold\n    ingestion_rate: 5\n  b: *gold\n',
    leftOut: /^a was left as it is: others use its limits, too \(&gold\)$/,
  },
  {
    name: "a chart's values",
    before: 'mimir-distributed:\n  # here\n  runtimeConfig:\n    overrides:\n      a: {}\n',
    after:
      'mimir-distributed:\n  # here\n  runtimeConfig:\n    overrides:\n      a: { ingestion_rate: 1234 }\n',
  },
  {
    name: 'a ConfigMap',
    before:
      'apiVersion: v1\nkind: ConfigMap\ndata:\n  runtime.yaml: |\n    # inside\n    overrides:\n      a:\n        ingestion_rate: 5 # old\n',
    after:
      'apiVersion: v1\nkind: ConfigMap\ndata:\n  runtime.yaml: |\n    # inside\n    overrides:\n      a:\n        ingestion_rate: 1234 # old\n',
  },
];

for (const { name, before, after, leftOut } of rows) {
  t.test(name, async (t) => {
    const patched = patchDocument(before, [RATE]);
    t.equal(patched.text, after);
    if (leftOut === undefined) t.strictSame([patched.leftOut, patched.written], [[], 1]);
    else t.match(patched.leftOut, [leftOut]);
  });
}

t.test('what is no document is said', async (t) => {
  t.throws(() => patchDocument('- a', [RATE]), /no map with the key overrides/);
  t.throws(() => patchDocument('a: [', [RATE]), /no YAML/);
  t.throws(() => patchDocument('kind: ConfigMap\ndata: { a: x, b: y }\n', [RATE]), /no text under/);
});
