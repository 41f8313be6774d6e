import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { UsageFolder } from '#src/usage/usage-folder.js';
import { usageContract } from '../shared/usage-contract.js';

const bytes = (text: string) => Buffer.from(text);
const warnings: string[] = [];
const log = { warn: (_: object, message: string) => warnings.push(message) };

async function open(folder: string): Promise<UsageFolder> {
  const store = new UsageFolder({ folder, now: Date.now, log });
  await store.connect();
  return store;
}

async function write(store: UsageFolder, tenants: readonly string[]): Promise<void> {
  const fence = await store.elect('me', 60_000);
  await store.commit('me', fence!, {
    state: 'a state',
    pages: [['1/0', bytes('page')]],
    gonePages: [],
    steps: [],
    records: tenants.flatMap((tenant) => [
      { kind: 'hours' as const, tenant, bytes: bytes(`hours of ${tenant}`) },
      { kind: 'days' as const, tenant, bytes: bytes(`days of ${tenant}`) },
    ]),
    appliedId: '0-0',
  });
  await store.stop();
}

usageContract(t, async (t) => {
  const store = await open(t.testdir());
  t.teardown(() => store.stop());
  return store;
});

t.test('what was written is there after a restart', async (t) => {
  const folder = join(t.testdir(), 'not', 'yet', 'there');
  await write(await open(folder), ['a', 'b', 'c']);
  const store = await open(folder);
  t.teardown(() => store.stop());
  t.equal(await store.state(), 'a state');
  t.same(await store.pages(), new Map([['1/0', bytes('page')]]));
  t.same(await store.records('hours', ['a', 'c']), [bytes('hours of a'), bytes('hours of c')]);
  t.same([...(await store.tenants('days'))].sort(), ['a', 'b', 'c']);
  t.notOk(
    readdirSync(folder).some((name) => name.endsWith('.new')),
    'nothing is left half-way',
  );
});

t.test('a damaged file is set aside and said, and the others are used', async (t) => {
  const folder = t.testdir();
  const tenants = Array.from({ length: 40 }, (_, i) => `tenant-${i}`);
  await write(await open(folder), tenants);
  const files = readdirSync(folder).filter((name) => name.startsWith('records-'));
  t.ok(files.length > 4);
  const damage: [string, (file: Buffer) => Buffer][] = [
    [files[0]!, (file) => file.subarray(0, file.length - 3)],
    [files[1]!, (file) => Buffer.concat([bytes('another version\n'), file])],
    [files[2]!, () => Buffer.alloc(0)],
  ];
  for (const [name, change] of damage) {
    const path = join(folder, name);
    writeFileSync(path, change(readFileSync(path)));
  }
  warnings.length = 0;
  const store = await open(folder);
  t.teardown(() => store.stop());
  t.equal(warnings.length, 3);
  t.match(warnings[0], /is damaged and was set aside/);
  t.equal(readdirSync(folder).filter((name) => name.includes('.damaged-')).length, 3);
  const known = await store.tenants('hours');
  t.ok(known.length > 0 && known.length < 40);
  t.equal(await store.state(), 'a state');
});

t.test('a folder that can not be written is said once, and usage goes on in memory', async (t) => {
  const folder = t.testdir({ file: '' });
  warnings.length = 0;
  const store = await open(join(folder, 'file', 'below'));
  await write(store, ['a']);
  await store.write();
  t.match(store.failure, /ENOTDIR|EEXIST/);
  t.same(
    warnings.filter((one) => one.includes('can not be written')),
    ['usage.dir can not be written: usage is in memory alone'],
  );
  t.same(await store.records('hours', ['a']), [bytes('hours of a')]);
});
