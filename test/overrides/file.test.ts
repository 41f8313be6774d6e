import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { FileSource, type FileSourceOptions } from '#src/overrides/file.js';
import { eventually } from '../doors/http/fixtures.js';
import { givenOverrides, withRate } from './fixtures.js';

type Options = Partial<FileSourceOptions> & { files?: string[]; edgeFiles?: string[] };

/** A slow poll, so that what a test sees came by an event, unless it asks for a fast one. */
function given(t: Test, { files, edgeFiles = [], ...options }: Options = {}, folder = t.testdir()) {
  const file = join(folder, 'overrides.yaml');
  const open = (kind: 'mimir' | 'edge') => (path: string) =>
    new FileSource({ path, kind, pollIntervalMs: 60_000, maxBytes: 100_000, ...options });
  const sources = [...(files ?? [file]).map(open('mimir')), ...edgeFiles.map(open('edge'))];
  const reload = async () => {
    for (const source of sources) await source.refresh();
    await all.overrides.settled();
  };
  const all = givenOverrides(t, sources);
  return { ...all, folder, file, reload };
}

t.test('a file is read at the start, and again when it is written in place', async (t) => {
  const { overrides, file, rate, snapshots } = given(t);
  writeFileSync(file, withRate(1));
  await overrides.start();
  t.equal(rate(), 1);
  writeFileSync(file, withRate(2));
  t.ok(await eventually(() => rate() === 2));
  t.equal(snapshots.length, 2);
  t.match(overrides.status(), { loaded: true, stale: false, failures: 0 });
});

t.test('a file says when it was written, and not by whom', async (t) => {
  const { overrides, file, said, reload } = given(t);
  writeFileSync(file, withRate(1));
  await overrides.start();
  writeFileSync(file, withRate(2));
  const written = new Date('2026-03-01T10:00:00.700Z');
  utimesSync(file, written, written);
  await reload();
  t.equal(said.at(-1), 'written at 2026-03-01T10:00:00Z; the source does not say by whom');
  t.match(overrides.status(), { sources: [{ lastChange: { atMs: written.getTime() } }] });
});

t.test('a file that is replaced by a rename is seen, again and again', async (t) => {
  const { overrides, folder, file, rate } = given(t);
  writeFileSync(file, withRate(1));
  await overrides.start();
  for (const next of [2, 3, 4]) {
    writeFileSync(join(folder, 'new'), withRate(next));
    renameSync(join(folder, 'new'), file);
    t.ok(await eventually(() => rate() === next), `version ${next}`);
  }
});

t.test('symlinks are followed where they are swapped as Kubernetes mounts swap them', async (t) => {
  const { overrides, folder, file, rate } = given(t);
  const version = (name: string, text: string) => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'overrides.yaml'), text);
    symlinkSync(name, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  };
  version('..2026_1', withRate(1));
  symlinkSync('..data/overrides.yaml', file);
  await overrides.start();
  t.equal(rate(), 1);
  version('..2026_2', withRate(2));
  rmSync(join(folder, '..2026_1'), { recursive: true });
  t.ok(await eventually(() => rate() === 2));
});

t.test('a file in a folder that gives no events is found by polling', async (t) => {
  const { overrides, folder, file, rate } = given(t, { pollIntervalMs: 100 });
  mkdirSync(join(folder, 'elsewhere'));
  const real = join(folder, 'elsewhere', 'real.yaml');
  writeFileSync(real, withRate(1));
  symlinkSync(real, file);
  await overrides.start();
  writeFileSync(real, withRate(2));
  t.ok(await eventually(() => rate() === 2), 'the link does not change, what it points to does');
});

t.test('a file that is truncated before it is filled lifts no limit', async (t) => {
  const { overrides, file, rate, failures, reload } = given(t);
  writeFileSync(file, withRate(1));
  await overrides.start();
  writeFileSync(file, '');
  await reload();
  t.equal(rate(), 1);
  t.match(failures, [/is empty; write "overrides: \{\}"/]);
  t.equal(overrides.status().stale, true);
  writeFileSync(file, withRate(2));
  t.ok(await eventually(() => rate() === 2));
  t.equal(overrides.status().stale, false);
  writeFileSync(file, 'overrides: {}');
  t.ok(await eventually(() => overrides.snapshot.tenants.size === 0), 'said outright, it holds');
});

t.test(
  'a document that can not be used leaves the last good one, and is reported once with its place',
  async (t) => {
    const { overrides, file, rate, failures, reload } = given(t);
    writeFileSync(file, withRate(1));
    await overrides.start();
    for (const [text, message] of [
      [
        'overrides:\n  a: { ingestion_rate: fast }',
        /overrides.yaml:2:\d+: overrides.a.ingestion_rate: expected a number/,
      ],
      ['overrides: {', /overrides.yaml:1/],
      ['x'.repeat(100_001), /more than overrides.max_bytes/],
    ] as const) {
      writeFileSync(file, text);
      await reload();
      await reload();
      t.equal(rate(), 1);
      t.match(failures.at(-1), message);
    }
    t.equal(failures.length, 3, 'the same problem is not reported twice');
    t.ok(overrides.status().failures >= 6, 'but counted');
  },
);

t.test('a file that is missing, deleted and made again', async (t) => {
  const { overrides, file, rate, failures } = given(t);
  await overrides.start();
  t.match(overrides.status(), { loaded: false, stale: true });
  t.match(failures, [/ENOENT/]);
  writeFileSync(file, withRate(1));
  t.ok(await eventually(() => rate() === 1));
  t.equal(overrides.status().loaded, true);
  unlinkSync(file);
  t.ok(await eventually(() => overrides.status().stale));
  t.equal(rate(), 1);
  writeFileSync(file, withRate(2));
  t.ok(await eventually(() => rate() === 2));
});

t.test('a folder that does not exist yet is watched once it does', async (t) => {
  const folder = t.testdir();
  const file = join(folder, 'later', 'overrides.yaml');
  const { overrides, rate } = given(t, { files: [file], pollIntervalMs: 100 }, folder);
  await overrides.start();
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
    const { overrides, warnings } = given(t, { files: [one, two], edgeFiles: [edge] }, folder);
    await overrides.start();
    t.match(overrides.snapshot.tenants.get('a'), {
      ingestion_rate: 2,
      request_rate: 1,
      edge: { mode: 'shadow' },
    });
    writeFileSync(one, 'overrides: { a: { ingestion_rate: 1, request_rate: 5, nonsense: 2 } }');
    t.ok(await eventually(() => overrides.snapshot.tenants.get('a')?.request_rate === 5));
    t.strictSame(warnings, ['overrides.a.nonsense']);
    t.equal(overrides.status().unknownKeys, 1);
  },
);

t.test('without files there are the defaults', async (t) => {
  const { overrides } = given(t, { files: [] });
  await overrides.start();
  t.match(overrides.status(), { loaded: true, stale: false });
  t.equal(overrides.snapshot.tenants.size, 0);
});
