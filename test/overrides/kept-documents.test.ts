import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { KeptDocuments } from '#src/overrides/kept-documents.js';

const MIMIR = { name: 'x', kind: 'mimir' } as const;
const EDGE = { name: 'x', kind: 'edge' } as const;
const OTHER = { name: 'y', kind: 'mimir' } as const;

t.test('what was written last is read, for each document apart', async (t) => {
  const folder = join(t.testdir(), 'made', 'when needed');
  const kept = new KeptDocuments(folder, 100);
  t.equal(await kept.read(MIMIR), undefined);
  await Promise.all([
    kept.write(MIMIR, 'first'),
    kept.write(EDGE, 'edge'),
    kept.write(OTHER, 'other'),
    kept.write(MIMIR, 'last'),
  ]);
  const again = new KeptDocuments(folder, 100);
  t.equal(await again.read(MIMIR), 'last');
  t.equal(await again.read(EDGE), 'edge');
  t.equal(await again.read(OTHER), 'other');
  t.equal(readdirSync(folder).length, 3, 'and nothing is left of the writing');
});

t.test('nobody else can read it', async (t) => {
  const folder = t.testdir();
  await new KeptDocuments(folder, 100).write(MIMIR, 'x');
  for (const name of readdirSync(folder)) t.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
});

t.test('a copy that is larger than a document may be is no copy', async (t) => {
  const folder = t.testdir();
  const kept = new KeptDocuments(folder, 10);
  await kept.write(MIMIR, '0123456789');
  t.equal(await kept.read(MIMIR), '0123456789');
  await kept.write(MIMIR, '0123456789a');
  t.equal(await kept.read(MIMIR), undefined);
});

t.test('a write that fails is told, and the next one is tried', async (t) => {
  const folder = t.testdir({ file: '' });
  const kept = new KeptDocuments(join(folder, 'file'), 100);
  await t.rejects(kept.write(MIMIR, 'x'), { code: /ENOTDIR|EEXIST/ });
  await t.rejects(kept.write(MIMIR, 'x'), { code: /ENOTDIR|EEXIST/ });
  await kept.close();
});

t.test('when it is closed all is written', async (t) => {
  const folder = t.testdir();
  const kept = new KeptDocuments(folder, 1 << 20);
  for (let i = 0; i < 20; i++) void kept.write(MIMIR, String(i).repeat(10_000));
  await kept.close();
  t.equal(await kept.read(MIMIR), '19'.repeat(10_000));
});
