import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import type { Snapshot } from '#src/limits/limits.js';
import { FileOverrides, type FileOverridesOptions } from '#src/overrides/file.js';
import { eventually } from '../proxy/given.js';

const withRate = (rate: number) => `overrides: { a: { ingestion_rate: ${rate} } }`;

interface Given {
  source: FileOverrides;
  folder: string;
  file: string;
  snapshots: Snapshot[];
  failures: string[];
  warnings: string[];
  rate(): number | undefined;
}

/** A slow poll, so that what a test sees came by an event, unless it asks for a fast one. */
function given(t: Test, options: Partial<FileOverridesOptions> = {}, folder = t.testdir()): Given {
  const file = join(folder, 'overrides.yaml');
  const snapshots: Snapshot[] = [];
  const failures: string[] = [];
  const warnings: string[] = [];
  const source = new FileOverrides(
    {
      mimirFiles: [file],
      edgeFiles: [],
      defaults: DEFAULT_LIMITS,
      pollIntervalMs: 60_000,
      maxBytes: 100_000,
      ...options,
    },
    {
      changed: (snapshot) => snapshots.push(snapshot),
      failed: (message) => failures.push(message),
      warned: (_file, { path }) => warnings.push(path),
    },
  );
  t.teardown(() => source.stop());
  const rate = () => source.snapshot.tenants.get('a')?.ingestion_rate;
  return { source, folder, file, snapshots, failures, warnings, rate };
}

t.test('a file is read at the start, and again when it is written in place', async (t) => {
  const { source, file, rate, snapshots } = given(t);
  writeFileSync(file, withRate(1));
  await source.start();
  t.equal(rate(), 1);
  writeFileSync(file, withRate(2));
  t.ok(await eventually(() => rate() === 2));
  t.equal(snapshots.length, 2);
  t.match(source.status(), { loaded: true, stale: false, failures: 0 });
});

t.test('a file that is replaced by a rename is seen, again and again', async (t) => {
  const { source, folder, file, rate } = given(t);
  writeFileSync(file, withRate(1));
  await source.start();
  for (const next of [2, 3, 4]) {
    writeFileSync(join(folder, 'new'), withRate(next));
    renameSync(join(folder, 'new'), file);
    t.ok(await eventually(() => rate() === next), `version ${next}`);
  }
});

t.test('symlinks are followed where they are swapped as Kubernetes mounts swap them', async (t) => {
  const { source, folder, file, rate } = given(t);
  const version = (name: string, text: string) => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'overrides.yaml'), text);
    symlinkSync(name, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  };
  version('..2026_1', withRate(1));
  symlinkSync('..data/overrides.yaml', file);
  await source.start();
  t.equal(rate(), 1);
  version('..2026_2', withRate(2));
  rmSync(join(folder, '..2026_1'), { recursive: true });
  t.ok(await eventually(() => rate() === 2));
});

t.test('a file in a folder that gives no events is found by polling', async (t) => {
  const { source, folder, file, rate } = given(t, { pollIntervalMs: 100 });
  mkdirSync(join(folder, 'elsewhere'));
  const real = join(folder, 'elsewhere', 'real.yaml');
  writeFileSync(real, withRate(1));
  symlinkSync(real, file);
  await source.start();
  writeFileSync(real, withRate(2));
  t.ok(await eventually(() => rate() === 2), 'the link does not change, what it points to does');
});

t.test('a file that is truncated before it is filled lifts no limit', async (t) => {
  const { source, file, rate, failures } = given(t);
  writeFileSync(file, withRate(1));
  await source.start();
  writeFileSync(file, '');
  await source.reload();
  t.equal(rate(), 1);
  t.match(failures, [/is empty; write "overrides: \{\}"/]);
  t.equal(source.status().stale, true);
  writeFileSync(file, withRate(2));
  t.ok(await eventually(() => rate() === 2));
  t.equal(source.status().stale, false);
  writeFileSync(file, 'overrides: {}');
  t.ok(await eventually(() => source.snapshot.tenants.size === 0), 'said outright, it holds');
});

t.test(
  'a document that can not be used leaves the last good one, and is reported once with its place',
  async (t) => {
    const { source, file, rate, failures } = given(t);
    writeFileSync(file, withRate(1));
    await source.start();
    for (const [text, message] of [
      [
        'overrides:\n  a: { ingestion_rate: fast }',
        /overrides.yaml:2:\d+: overrides.a.ingestion_rate: expected a number/,
      ],
      ['overrides: {', /overrides.yaml:1/],
      ['x'.repeat(100_001), /more than overrides.max_bytes/],
    ] as const) {
      writeFileSync(file, text);
      await source.reload();
      await source.reload();
      t.equal(rate(), 1);
      t.match(failures.at(-1), message);
    }
    t.equal(failures.length, 3, 'the same problem is not reported twice');
    t.ok(source.status().failures >= 6, 'but counted');
  },
);

t.test('a file that is missing, deleted and made again', async (t) => {
  const { source, file, rate, failures } = given(t);
  await source.start();
  t.match(source.status(), { loaded: false, stale: true });
  t.match(failures, [/ENOENT/]);
  writeFileSync(file, withRate(1));
  t.ok(await eventually(() => rate() === 1));
  t.equal(source.status().loaded, true);
  unlinkSync(file);
  t.ok(await eventually(() => source.status().stale));
  t.equal(rate(), 1);
  writeFileSync(file, withRate(2));
  t.ok(await eventually(() => rate() === 2));
});

t.test('a folder that does not exist yet is watched once it does', async (t) => {
  const folder = t.testdir();
  const file = join(folder, 'later', 'overrides.yaml');
  const { source, rate } = given(t, { mimirFiles: [file], pollIntervalMs: 100 }, folder);
  await source.start();
  mkdirSync(join(folder, 'later'));
  writeFileSync(file, withRate(1));
  t.ok(await eventually(() => rate() === 1));
});

t.test(
  'several files are merged, the edge file beside them, gzipped ones too; unknown keys are told once',
  async (t) => {
    const folder = t.testdir();
    const paths = ['one.yaml', 'two.yaml.gz', 'edge.yaml'].map((name) => join(folder, name));
    const [one = '', two = '', edge = ''] = paths;
    writeFileSync(one, 'overrides: { a: { ingestion_rate: 1, request_rate: 1, nonsense: 1 } }');
    writeFileSync(two, gzipSync('overrides: { a: { ingestion_rate: 2 } }'));
    writeFileSync(edge, 'overrides: { a: { mode: shadow } }');
    const { source, warnings } = given(t, { mimirFiles: [one, two], edgeFiles: [edge] }, folder);
    await source.start();
    t.match(source.snapshot.tenants.get('a'), {
      ingestion_rate: 2,
      request_rate: 1,
      edge: { mode: 'shadow' },
    });
    writeFileSync(one, 'overrides: { a: { ingestion_rate: 1, request_rate: 5, nonsense: 2 } }');
    t.ok(await eventually(() => source.snapshot.tenants.get('a')?.request_rate === 5));
    t.strictSame(warnings, ['overrides.a.nonsense']);
    t.equal(source.status().unknownKeys, 1);
  },
);

t.test('without files there are the defaults', async (t) => {
  const { source } = given(t, { mimirFiles: [] });
  await source.start();
  t.match(source.status(), { loaded: true, stale: false });
  t.equal(source.snapshot.tenants.size, 0);
});
