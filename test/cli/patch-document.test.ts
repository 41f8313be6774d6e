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
  {
    name: 'as it was typed: spaces, forms of numbers, comments on lines of their own, indents',
    before:
      'overrides:\n    b:   {ingestion_rate: 1e5}     # as sold\n\n    # why\n    a:\n        request_rate: 0x10     # odd\n        ingestion_rate:   1e4  # because\n        # more\n\n    c:\n        - 1.50\n',
    after:
      'overrides:\n    b:   {ingestion_rate: 1e5}     # as sold\n\n    # why\n    a:\n        request_rate: 0x10     # odd\n        ingestion_rate:   1234  # because\n        # more\n\n    c:\n        - 1.50\n',
  },
  {
    name: 'ends of lines as on Windows, and no last one',
    before: 'overrides:\r\n  a:\r\n    request_rate: 5 # x\r\n  b:\r\n    request_rate: 1e2',
    after:
      'overrides:\r\n  a:\r\n    request_rate: 5 # x\r\n    ingestion_rate: 1234\r\n  b:\r\n    request_rate: 1e2',
  },
  {
    name: 'a map in braces, over several lines',
    before: 'overrides: {\n  a: { request_rate: 1e2,\n    request_burst_size:  7 },  # x\n  b: {}\n}\n',
    after:
      'overrides: {\n  a: { request_rate: 1e2,\n    request_burst_size:  7, ingestion_rate: 1234 },  # x\n  b: {}\n}\n',
  },
  {
    name: 'a limit behind a list of rules, and what is said after it',
    before:
      'overrides:\n  a:\n    metric_relabel_configs:\n      - action: drop\n        regex: >\n          x\n    # of a\n\n  # of b\n  b: {}\n',
    after:
      'overrides:\n  a:\n    metric_relabel_configs:\n      - action: drop\n        regex: >\n          x\n    ingestion_rate: 1234\n    # of a\n\n  # of b\n  b: {}\n',
  },
  {
    name: 'a tenant that is not there, behind the last one',
    before: 'overrides:\n   b:\n     request_rate: 1e2   # x\n\n# the end\nmulti_kv_config: {}\n',
    after:
      'overrides:\n   b:\n     request_rate: 1e2   # x\n   a:\n     ingestion_rate: 1234\n\n# the end\nmulti_kv_config: {}\n',
  },
  {
    name: 'a value that others use: it is left as it is',
    before: 'overrides:\n  a: { ingestion_rate: &r 5 }\n  b: { ingestion_rate:  *r }\n',
    after: 'overrides:\n  a: { ingestion_rate: &r 5 }\n  b: { ingestion_rate:  *r }\n',
    leftOut: /^ingestion_rate of a was left as it is: others use its value, too \(&r\)$/,
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

t.test('a tenant whose id is digits is the one that is there', async (t) => {
  const before = 'overrides:\n  0123: { ingestion_rate: 5 }\n  123:\n    ingestion_rate: 5\n';
  const of = (tenant: string) => patchDocument(before, [{ ...RATE, tenant }]).text;
  t.equal(of('123'), before.replace('  ingestion_rate: 5\n', '  ingestion_rate: 1234\n'));
  t.equal(of('0123'), before.replace('{ ingestion_rate: 5 }', '{ ingestion_rate: 1234 }'));
  t.equal(of('7'), `${before}  "7":\n    ingestion_rate: 1234\n`);
});

t.test('with nothing to write a text stays as it is, byte for byte', async (t) => {
  const odd = 'overrides:   {a:   1e5}   #x\r\n\r\n';
  t.equal(patchDocument(odd, []).text, odd);
  const map = `kind: ConfigMap\ndata:   {runtime.yaml:   "${'overrides: {}'}"}\n`;
  t.equal(patchDocument(map, []).text, map);
});

t.test('a ConfigMap is as it was typed around the limit, too', async (t) => {
  const before =
    'kind:   ConfigMap\ndata:\n    runtime.yaml: |-\n        overrides:\n\n          a: {request_rate: 1e2}   # x\n          b:   {}\n    other:   1e5\n';
  const after = before.replace('1e2}', '1e2, ingestion_rate: 1234}');
  t.equal(patchDocument(before, [RATE]).text, after);
});

t.test('what is no document is said', async (t) => {
  t.throws(() => patchDocument('- a', [RATE]), /no map with the key overrides/);
  t.throws(() => patchDocument('a: [', [RATE]), /no YAML/);
  t.throws(() => patchDocument('kind: ConfigMap\ndata: { a: x, b: y }\n', [RATE]), /no text under/);
});
