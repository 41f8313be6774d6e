/**
 * What every ledger promises, run against each. Clocks are real where the store's is, so refills are waited for;
 * what is asserted holds however slow the machine is.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import type { Answer, Bucket, BucketShape, ElectionRules, Ledger } from '#src/enforce/ledger.js';

export interface Implementation {
  readonly name: string;
  /** The ledger of one replica; all of one test share what they share. */
  open(t: Test): Promise<Ledger>;
}

const now = (): number => performance.now();
let tenants = 0;

/** Takes as the enforcer does. */
export async function charge(bucket: Bucket, n: number): Promise<Answer> {
  if (bucket.take(n, now())) return { granted: true, available: 0, waitSeconds: 0 };
  return bucket.ask(n, now());
}

export async function eventually(condition: () => boolean | Promise<boolean>, tries = 200): Promise<boolean> {
  for (let i = 0; i < tries; i++) {
    if (await condition()) return true;
    await delay(50);
  }
  return false;
}

export function ledgerContract(t: Test, implementation: Implementation): void {
  const open = async (t: Test, shape: BucketShape) => {
    const ledger = await implementation.open(t);
    return { ledger, bucket: ledger.bucket(`contract-${tenants++}`, 'items', shape, now()) };
  };

  t.test(`${implementation.name}: a new bucket is full, gives all it has and not more`, async (t) => {
    const { bucket } = await open(t, { rate: 0, capacity: 100 });
    t.ok((await charge(bucket, 60)).granted);
    t.notOk((await charge(bucket, 41)).granted, 'more than is left');
    t.ok((await charge(bucket, 40)).granted, 'a refusal takes nothing');
    t.notOk((await charge(bucket, 1)).granted);
  });

  t.test(`${implementation.name}: small pushes get the last token of a bucket`, async (t) => {
    const { bucket } = await open(t, { rate: 0, capacity: 1000 });
    let granted = 0;
    for (let i = 0; i < 1100; i++) if ((await charge(bucket, 1)).granted) granted++;
    t.equal(granted, 1000);
  });

  t.test(`${implementation.name}: a push larger than any lease passes when the bucket has it`, async (t) => {
    const { bucket } = await open(t, { rate: 0, capacity: 10_000 });
    for (let i = 0; i < 100; i++) await charge(bucket, 10);
    t.ok((await charge(bucket, 9000)).granted, 'exactly what is left');
    t.notOk((await charge(bucket, 1)).granted);
  });

  t.test(`${implementation.name}: a refusal says what is left and when to come again`, async (t) => {
    const { bucket } = await open(t, { rate: 0.001, capacity: 100 });
    await charge(bucket, 95);
    const refusal = await charge(bucket, 10);
    t.notOk(refusal.granted);
    t.ok(Math.abs(refusal.available - 5) < 0.5, `${refusal.available} of 5`);
    t.ok(Math.abs(refusal.waitSeconds - 5000) < 500, `${refusal.waitSeconds} of 5000 s`);
    t.equal((await charge(bucket, 101)).waitSeconds, Number.POSITIVE_INFINITY, 'more than it can ever hold');
  });

  t.test(`${implementation.name}: it refills`, async (t) => {
    const { bucket } = await open(t, { rate: 50, capacity: 100 });
    await charge(bucket, 100);
    t.ok(await eventually(async () => (await charge(bucket, 10)).granted));
  });

  t.test(`${implementation.name}: what is given back can be spent, up to the capacity`, async (t) => {
    const { bucket } = await open(t, { rate: 0, capacity: 10 });
    await charge(bucket, 10);
    bucket.giveBack(4, now());
    t.ok((await charge(bucket, 4)).granted);
    bucket.giveBack(1000, now());
    t.notOk((await charge(bucket, 11)).granted);
  });

  t.test(`${implementation.name}: limits that change mint nothing`, async (t) => {
    const { bucket } = await open(t, { rate: 0, capacity: 10 });
    await charge(bucket, 1);
    for (let i = 0; i < 20; i++) {
      bucket.reshape({ rate: 0, capacity: 5 }, now());
      await charge(bucket, 0);
      bucket.reshape({ rate: 0, capacity: 1000 }, now());
      await charge(bucket, 0);
    }
    t.notOk((await charge(bucket, 10)).granted);
    let granted = 0;
    for (let i = 0; i < 20; i++) if ((await charge(bucket, 1)).granted) granted++;
    t.ok(granted <= 9, `${granted} of 9 were left`);
  });

  t.test(`${implementation.name}: pushes at one moment share what there is`, async (t) => {
    const { bucket } = await open(t, { rate: 0, capacity: 1000 });
    const answers = await Promise.all(Array.from({ length: 150 }, () => charge(bucket, 10)));
    t.equal(answers.filter(({ granted }) => granted).length, 100);
  });

  const pair = (replica: string, cluster = 'prod') => ({ cluster, replica });
  const rules: ElectionRules = {
    updateMs: 3_600_000,
    updateJitterMs: 0,
    failoverMs: 7_200_000,
    takeoverMs: 7_200_000,
    mostClusters: 3,
  };

  t.test(
    `${implementation.name}: the first replica that is heard is elected, until it resigns`,
    async (t) => {
      const elections = (await implementation.open(t)).elections(`contract-${tenants++}`);
      t.equal(await elections.hear(pair('one'), rules, now()), 'elected');
      t.equal(await elections.hear(pair('two'), rules, now()), 'other');
      t.equal(await elections.hear(pair('two', 'test'), rules, now()), 'elected', 'each pair has its own');
      elections.resign(pair('two'), now());
      t.equal(await elections.hear(pair('one'), rules, now()), 'elected');
      elections.resign(pair('one'), now());
      t.equal(await elections.hear(pair('two'), rules, now()), 'elected');
      t.equal(await elections.hear(pair('one'), rules, now()), 'other');
    },
  );

  t.test(`${implementation.name}: a silent replica is replaced by the next that is heard`, async (t) => {
    const elections = (await implementation.open(t)).elections(`contract-${tenants++}`);
    const hasty = { ...rules, updateMs: 50, failoverMs: 100, takeoverMs: 100 };
    t.equal(await elections.hear(pair('one'), hasty, now()), 'elected');
    t.ok(await eventually(async () => (await elections.hear(pair('two'), hasty, now())) === 'elected'));
    t.equal(await elections.hear(pair('one'), rules, now()), 'other');
  });

  t.test(`${implementation.name}: a tenant has so many pairs and not more`, async (t) => {
    const elections = (await implementation.open(t)).elections(`contract-${tenants++}`);
    for (const cluster of ['a', 'b', 'c']) {
      t.equal(await elections.hear(pair('one', cluster), rules, now()), 'elected');
    }
    t.equal(await elections.hear(pair('one', 'd'), rules, now()), 'too_many_clusters');
    t.equal(await elections.hear(pair('one', 'a'), rules, now()), 'elected');
  });

  t.test(
    `${implementation.name}: a released bucket and a closed ledger can be released and closed`,
    async (t) => {
      const { ledger, bucket } = await open(t, { rate: 1, capacity: 10 });
      await charge(bucket, 1);
      bucket.release(now());
      bucket.release(now());
      await ledger.close();
    },
  );
}
