/** Controls beside a store that answers what a test wants it to: each step of sharing by itself, and without Redis. */
import assert from 'node:assert/strict';
import { mock } from 'node:test';
import t, { type Test } from 'tap';
import type { Control } from '#src/controls/control.js';
import { Controls, MAX_CONTROLS, MAX_ENTRIES } from '#src/controls/controls.js';
import { KeptControls } from '#src/controls/kept-controls.js';
import { type Entries, type Entry, EntryRefused } from '#src/shared/entries.js';
import { limits, snapshot } from '../enforce/fixtures.js';

/** As Redis would have it: the newest control for each thing, and a version that changes with every write. */
class Store implements Entries {
  readonly held: Control[] = [];
  readonly sentAt: number[] = [];
  writes = 0;
  reads = 0;
  failure: Error | undefined;
  connectedWithin: number | undefined;
  closed = false;
  /** Why it does not take one; undefined: it does. */
  refuses: (control: Control) => string | undefined = () => undefined;
  /** What each reader said last that it has put into force. */
  readonly readers = new Map<string, { readonly name: string; readonly version: string }>();
  /** Runs before a write is answered. */
  meanwhile: () => Promise<void> | void = () => {};

  async connect(timeoutMs: number): Promise<void> {
    this.connectedWithin = timeoutMs;
  }

  async version(): Promise<string | null> {
    if (this.failure !== undefined) throw this.failure;
    return this.writes === 0 ? null : `version ${this.writes}`;
  }

  async read(): Promise<string[]> {
    this.reads++;
    return this.held.map((control) => JSON.stringify(control));
  }

  async write({ text, ...entry }: Entry, nowMs: number): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    await this.meanwhile();
    const control = JSON.parse(text) as Control;
    const { tenant, name, id, atMs, untilMs, value, keptUntilMs = untilMs } = control;
    const over = value === null;
    assert.deepEqual(entry, { name: `${tenant} ${name}`, id, atMs, untilMs: keptUntilMs, over });
    const refusal = this.refuses(control);
    if (refusal !== undefined) throw new EntryRefused(refusal);
    this.put(control);
    this.sentAt.push(nowMs);
  }

  put(control: Control): void {
    const at = this.held.findIndex(({ tenant, name }) => tenant === control.tenant && name === control.name);
    if (at >= 0) this.held.splice(at, 1);
    this.held.push(control);
    this.writes++;
  }

  async acknowledge(id: string, name: string, version: string | null): Promise<void> {
    this.readers.set(id, { name, version: version ?? '' });
  }

  async behind(id: string): Promise<string[]> {
    const version = (await this.version()) ?? '';
    const others = [...this.readers].filter(([reader]) => reader !== id);
    return others.filter(([, one]) => one.version !== version).map(([, { name }]) => name);
  }

  async leave(id: string): Promise<void> {
    this.readers.delete(id);
  }

  close(): void {
    this.closed = true;
  }
}

interface Heard {
  changes: number;
  readonly troubles: (string | undefined)[];
  readonly received: [Control, Control | undefined][];
  readonly ended: Control[];
}

interface Replica {
  readonly controls: Controls;
  readonly heard: Heard;
  /** What is in force in this process is in force in its workers, too. */
  obeys: boolean;
}

function replica(store?: Store, now: () => number = () => NOW, kept?: KeptControls, name = 'one'): Replica {
  const heard: Heard = { changes: 0, troubles: [], received: [], ended: [] };
  const listener = {
    changed: () => {
      heard.changes++;
    },
    received: (one: Control, before: Control | undefined) => heard.received.push([one, before]),
    ended: (one: Control) => heard.ended.push(one),
    trouble: (message: string | undefined) => heard.troubles.push(message),
    obeyed: async () => one.obeys,
  };
  const one: Replica = {
    controls: new Controls({ shared: store, kept, name, now }, listener),
    heard,
    obeys: true,
  };
  return one;
}

const NOW = 1_000_000;

function ask(given: Partial<Control> = {}): Omit<Control, 'id' | 'atMs'> {
  return {
    tenant: 'a',
    name: 'ingestion_rate',
    value: 5,
    reason: 'x',
    by: 'alice',
    untilMs: NOW + 1000,
    ...given,
  };
}

function made(given: Partial<Control> = {}): Control {
  return { ...ask(given), id: given.id ?? 'm', atMs: given.atMs ?? NOW };
}

async function started(t: Test, store: Store | undefined, now?: () => number) {
  const one = replica(store, now);
  t.teardown(() => one.controls.stop());
  await one.controls.start(250);
  return one;
}

t.test('what is in force is listed, the newest first; what is taken back and reloads are not', async (t) => {
  let nowMs = NOW;
  const { controls } = replica(undefined, () => nowMs++);
  for (const tenant of ['a', 'b', 'c', 'd']) await controls.write(ask({ tenant }));
  await controls.write(ask({ tenant: 'a', value: 6 }));
  await controls.write(ask({ tenant: 'c', value: null }));
  await controls.write(ask({ tenant: '', name: 'reload', value: true }));
  t.strictSame(
    controls.active().map(({ tenant }) => tenant),
    ['a', 'd', 'b'],
  );
  t.strictSame(controls.status(), { shared: false, reachable: false, lastError: undefined, active: 3 });
  t.match(controls.get('a', 'ingestion_rate'), { tenant: 'a', value: 6 });
  t.equal(controls.get('a', 'request_rate'), undefined, 'of another limit');
  t.equal(controls.get('c', 'ingestion_rate'), undefined, 'taken back');
  t.match(controls.get('', 'reload'), { value: true });
});

t.test('without a store a start succeeds, and nothing is out of reach', async (t) => {
  const { controls } = await started(t, undefined);
  t.strictSame(controls.status(), { shared: false, reachable: false, lastError: undefined, active: 0 });
});

t.test('limits and the mode of all tenants are as the controls say', async (t) => {
  const { controls } = replica();
  const base = snapshot({ a: limits({ ingestion_rate: 100 }) });
  t.equal(controls.overlay(base, true), base);
  t.equal(controls.mode(), undefined);
  await controls.write(ask());
  await controls.write(ask({ tenant: 'new' }));
  await controls.write(ask({ tenant: '', name: 'mode', value: 'shadow' }));
  t.strictSame([...controls.overlay(base, true).tenants.keys()], ['a', 'new']);
  t.strictSame([...controls.overlay(base, false).tenants.keys()], ['a']);
  t.equal(controls.overlay(base, false).tenants.get('a')?.ingestion_rate, 5);
  t.equal(controls.mode(), 'shadow');
});

t.test('the list is full at its bound, and not before', async (t) => {
  const { controls } = replica();
  for (let n = 1; n < MAX_CONTROLS; n++) await controls.write(ask({ tenant: `t${n}` }));
  t.equal(controls.full, false);
  await controls.write(ask({ tenant: 'last' }));
  t.equal(controls.full, true);
});

t.test('a write has the time of the clock, but beats what it replaces', async (t) => {
  let nowMs = NOW;
  const { controls, heard } = replica(undefined, () => nowMs);
  const written = async (given: Partial<Control> = {}) => {
    t.equal(await controls.write(ask(given)), false, 'shared with nobody');
    return controls.get('a', 'ingestion_rate')!;
  };
  const first = await written();
  t.equal(first.atMs, NOW);
  nowMs = NOW - 500;
  const second = await written({ value: 7 });
  t.match(second, { atMs: NOW + 1, value: 7 });
  t.not(second.id, first.id);
  nowMs = NOW + 500;
  t.equal((await written()).atMs, NOW + 500);
  t.equal(heard.changes, 3);
  t.strictSame([heard.received, heard.ended], [[], []]);
});

t.test('a start waits for what the store has, for as long as it is told', async (t) => {
  const store = new Store();
  store.put(made());
  const { controls, heard } = await started(t, store);
  t.equal(store.connectedWithin, 250);
  t.equal(controls.get('a', 'ingestion_rate')?.id, 'm');
  t.strictSame(heard.received, [[made(), undefined]]);
  t.equal(heard.changes, 1);
  t.strictSame(controls.status(), { shared: true, reachable: true, lastError: undefined, active: 1 });
});

t.test('twice a second the store is asked, until the stop', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] });
  t.teardown(() => mock.timers.reset());
  const store = new Store();
  const { controls } = await started(t, store);
  for (const id of ['m', 'n']) {
    store.put(made({ id, atMs: NOW + store.writes }));
    mock.timers.tick(500);
    await controls.sync();
    t.equal(controls.get('a', 'ingestion_rate')?.id, id);
    t.equal(store.reads, 1 + store.writes, 'one read at the start, and one a tick');
  }
  await controls.stop();
  t.ok(store.closed);
  store.put(made({ id: 'o', atMs: NOW + 9 }));
  mock.timers.tick(500);
  t.equal(store.reads, 3);
});

t.test('a stop waits for the sync that is under way', async (t) => {
  const store = new Store();
  const { controls } = replica(store);
  let release = () => {};
  store.version = () =>
    new Promise((resolve) => {
      release = () => resolve(null);
    });
  let stopped = false;
  void controls.sync();
  const stop = controls.stop().then(() => {
    stopped = true;
  });
  await new Promise(setImmediate);
  t.equal(stopped, false);
  release();
  await stop;
});

t.test('a store is read only when its version is another one', async (t) => {
  const store = new Store();
  store.put(made());
  const { controls, heard } = replica(store);
  await controls.sync();
  await controls.sync();
  t.equal(store.reads, 1);
  store.put(made({ id: 'n', value: 6, atMs: NOW + 1 }));
  await controls.sync();
  t.equal(store.reads, 2);
  t.match(heard.received[1], [
    { id: 'n', value: 6 },
    { id: 'm', value: 5 },
  ]);
  t.equal(heard.changes, 2);
});

t.test('a write is shared when it returns, with the clock of the one who wrote it', async (t) => {
  const store = new Store();
  const { controls } = replica(store);
  t.equal(await controls.write(ask()), true);
  t.match(store.held, [{ tenant: 'a', value: 5, atMs: NOW }]);
  t.strictSame(store.sentAt, [NOW]);
  await controls.sync();
  t.equal(store.writes, 1, 'once');
});

t.test('what is received and known, older, or over by now changes nothing', async (t) => {
  for (const [what, given] of [
    ['known', {}],
    ['older', { id: 'z', atMs: NOW - 1, value: 1 }],
    ['over', { id: 'z', tenant: 'b', untilMs: NOW }],
  ] as const) {
    const store = new Store();
    store.put(made());
    const { controls, heard } = replica(store);
    await controls.sync();
    store.held.splice(0);
    store.put(made(given));
    await controls.sync();
    t.equal(heard.received.length, 1, what);
    t.equal(heard.changes, 1, what);
    t.equal(controls.get('a', 'ingestion_rate')?.id, 'm', what);
    t.equal(controls.get('b', 'ingestion_rate'), undefined, what);
  }
});

t.test('what the store has lost, or has an older one of, is sent to it again', async (t) => {
  for (const [what, left] of [
    ['lost', []],
    ['older', [made({ id: 'z', atMs: NOW - 1 })]],
  ] as const) {
    const store = new Store();
    store.put(made());
    const { controls } = replica(store);
    await controls.sync();
    store.held.splice(0, 1, ...left);
    store.writes++;
    await controls.sync();
    t.strictSame(store.held, [made()], what);
  }
});

t.test('what an edge of another version wrote is passed over, and the rest is in force', async (t) => {
  const store = new Store();
  for (const one of [made({ name: 'of_the_future' }), made({ tenant: 'b' })]) store.put(one);
  const { controls } = replica(store);
  await controls.sync();
  t.strictSame(inForce({ controls }), [['b 5']]);
  t.match(controls.status(), { reachable: true, lastError: undefined });
});

t.test('what it received is not sent back', async (t) => {
  const store = new Store();
  store.put(made());
  const { controls } = replica(store);
  await controls.sync();
  store.put(made({ id: 'n', atMs: NOW + 1 }));
  const { writes } = store;
  await controls.sync();
  await controls.sync();
  t.equal(store.writes, writes);
});

t.test('a store that fails takes nothing back, says why, and is read whole when it answers', async (t) => {
  const store = new Store();
  store.put(made());
  const { controls } = replica(store);
  await controls.sync();
  store.failure = new Error('gone fishing');
  t.equal(await controls.write(ask({ tenant: 'b' })), false);
  t.strictSame(controls.status(), { shared: true, reachable: false, lastError: 'gone fishing', active: 2 });
  store.failure = undefined;
  store.held.splice(0);
  // It comes back with the version it had, as when a replica of it takes over.
  await controls.sync();
  t.strictSame(store.held.map(({ tenant }) => tenant).sort(), ['a', 'b']);
  t.equal(store.reads, 2);
  t.match(controls.status(), { reachable: true, lastError: undefined });
});

t.test('a version that was read before a failure is not trusted after it', async (t) => {
  const store = new Store();
  store.put(made());
  const { controls } = replica(store);
  await controls.sync();
  store.failure = new Error('x');
  await controls.sync();
  store.failure = undefined;
  await controls.sync();
  t.equal(store.reads, 2);
});

t.test('of two syncs at once there is one', async (t) => {
  const store = new Store();
  store.put(made());
  const { controls } = replica(store);
  const [one, other] = [controls.sync(), controls.sync()];
  t.equal(one, other);
  await one;
  t.equal(store.reads, 1);
  t.not(controls.sync(), one);
});

t.test('a write that comes while another is being sent is sent, too', async (t) => {
  const store = new Store();
  const { controls } = replica(store);
  let second: Promise<boolean> | undefined;
  store.meanwhile = () => {
    second ??= controls.write(ask({ value: 9 }));
  };
  await controls.write(ask());
  t.equal(await second, true);
  t.match(store.held, [{ value: 9 }]);
});

t.test('a write waits for the sync that is under way, and has one of its own', async (t) => {
  const store = new Store();
  const { controls } = replica(store);
  let release = () => {};
  store.version = () =>
    new Promise((resolve) => {
      release = () => resolve(null);
    });
  const polled = controls.sync();
  const written = controls.write(ask());
  store.version = async () => null;
  release();
  await polled;
  t.equal(await written, true);
  t.equal(store.writes, 1);
});

t.test('what ends is told once, unless it was taken back, and is not sent any more', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] });
  t.teardown(() => mock.timers.reset());
  let nowMs = NOW;
  const store = new Store();
  const { controls, heard } = await started(t, store, () => nowMs);
  await controls.write(ask({ untilMs: NOW + 10 }));
  await controls.write(ask({ tenant: 'b', value: null, untilMs: NOW + 10 }));
  await controls.write(ask({ tenant: 'c' }));
  store.failure = new Error('away');
  await controls.write(ask({ tenant: 'd', untilMs: NOW + 10 }));
  nowMs = NOW + 9;
  mock.timers.tick(500);
  t.equal(heard.changes, 4, 'the writes');
  nowMs = NOW + 10;
  for (let ticks = 0; ticks < 2; ticks++) {
    mock.timers.tick(500);
    t.strictSame(
      heard.ended.map(({ tenant }) => tenant),
      ['a', 'd'],
    );
    t.equal(heard.changes, 5, 'one for all that ended');
    t.strictSame(
      controls.active().map(({ tenant }) => tenant),
      ['c'],
    );
  }
  await controls.sync();
  store.failure = undefined;
  store.held.splice(0);
  await controls.sync();
  t.strictSame(
    store.held.map(({ tenant }) => tenant),
    ['c'],
  );
});

t.test('that what was taken back is over changes nothing', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] });
  t.teardown(() => mock.timers.reset());
  let nowMs = NOW;
  const { controls, heard } = await started(t, undefined, () => nowMs);
  await controls.write(ask({ value: null }));
  nowMs = NOW + 1000;
  mock.timers.tick(500);
  t.equal(heard.changes, 1);
  t.equal(heard.ended.length, 0);
});

/** What each of them has in force, by limit. */
const inForce = (...all: { controls: Controls }[]) =>
  all.map(({ controls }) => controls.active().map(({ tenant, value }) => `${tenant} ${value}`));

t.test(
  'a control that was replaced does not come back when the one that replaced it has ended',
  async (t) => {
    mock.timers.enable({ apis: ['setInterval'] });
    t.teardown(() => mock.timers.reset());
    for (const ending of ['ends', 'is taken back'] as const) {
      let nowMs = NOW;
      const store = new Store();
      const [one, other] = [await started(t, store, () => nowMs), await started(t, store, () => nowMs)];
      const off = ask({ tenant: '', name: 'mode', value: 'off', untilMs: NOW + 60_000 });
      await one.controls.write(off);
      await other.controls.sync();
      t.equal(other.controls.mode(), 'off');
      // The other one is cut off from here on.
      nowMs++;
      await one.controls.write({ ...off, untilMs: NOW + 1000 });
      if (ending === 'is taken back') await one.controls.write({ ...off, value: null, untilMs: NOW + 1000 });
      nowMs = NOW + 1000;
      mock.timers.tick(500);
      await one.controls.sync();
      t.equal(one.controls.mode(), undefined, `it ${ending}`);
      t.match(
        store.held,
        [{ value: null, keptUntilMs: NOW + 60_000 }],
        'nor does it take a place in the store',
      );
      // A store that forgets those whose time is over, as Redis does.
      for (const [at, { untilMs, keptUntilMs = untilMs }] of [...store.held].entries()) {
        if (keptUntilMs <= nowMs) store.held.splice(at, 1);
      }
      store.writes++;
      nowMs++;
      for (let rounds = 0; rounds < 2; rounds++) {
        for (const { controls } of [other, one]) await controls.sync();
      }
      t.strictSame(inForce(one, other), [[], []], `it ${ending}: neither here nor there`);
      t.equal(other.controls.mode(), undefined);
      nowMs = NOW + 60_000;
      mock.timers.tick(500);
      t.strictSame(one.heard.received, [], 'and nobody hears of it again');
    }
  },
);

t.test('a replaced control that is met late is outlived, too', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] });
  t.teardown(() => mock.timers.reset());
  let nowMs = NOW;
  const store = new Store();
  const one = await started(t, store, () => nowMs);
  const cutOff = await started(t, undefined, () => nowMs);
  await cutOff.controls.write(ask({ untilMs: NOW + 60_000 }));
  const [old] = cutOff.controls.active() as [Control];
  nowMs++;
  await one.controls.write(ask({ value: 6, untilMs: NOW + 1000 }));
  // It comes to the store while the newer one is in force, and again when that is over.
  store.put(old);
  await one.controls.sync();
  t.match(store.held, [{ value: 6, keptUntilMs: NOW + 60_000 }], 'the newer one is there again, for longer');
  nowMs = NOW + 1000;
  mock.timers.tick(500);
  await one.controls.sync();
  store.put(old);
  await one.controls.sync();
  t.strictSame(inForce(one), [[]]);
});

t.test('a write that the store refuses is told, and neither others nor reads wait for it', async (t) => {
  const store = new Store();
  const one = replica(store);
  store.refuses = ({ tenant }) => (tenant === 'a' ? 'no room for this' : undefined);
  t.equal(await one.controls.write(ask()), false);
  t.match(one.controls.get('a', 'ingestion_rate'), { value: 5 }, 'in force here');
  t.equal(await one.controls.write(ask({ tenant: 'b' })), true, 'another is taken');
  store.put(made({ tenant: 'c', id: 'c' }));
  await one.controls.sync();
  t.ok(one.controls.get('c', 'ingestion_rate'), 'and what others write is read');
  t.match(one.controls.status(), { reachable: true, lastError: 'no room for this' });
  t.strictSame(one.heard.troubles, ['no room for this'], 'once');
  store.refuses = () => undefined;
  await one.controls.sync();
  t.equal(store.held.length, 3);
  t.strictSame(one.heard.troubles, ['no room for this', undefined]);
  t.equal(one.controls.status().lastError, undefined);
});

t.test(
  'a store that fails while it is written to is out of reach, and what was not taken is sent again',
  async (t) => {
    const store = new Store();
    const one = replica(store);
    store.refuses = () => {
      throw new Error('gone');
    };
    t.equal(await one.controls.write(ask()), false);
    t.match(one.controls.status(), { reachable: false, lastError: 'gone' });
    store.refuses = () => undefined;
    await one.controls.sync();
    t.equal(store.held.length, 1);
    t.match(one.controls.status(), { reachable: true, lastError: undefined });
  },
);

t.test('what is forgotten before the store answers is not sent', async (t) => {
  const store = new Store();
  store.failure = new Error('away');
  let nowMs = NOW;
  const one = replica(store, () => nowMs++);
  for (let n = 0; n < MAX_ENTRIES + 10; n++) await one.controls.write(ask({ tenant: `t${n}`, value: null }));
  store.failure = undefined;
  await one.controls.sync();
  t.match(one.controls.status(), { reachable: true, lastError: undefined });
  t.equal(store.held.length, MAX_ENTRIES);
});

t.test(
  'whoever waits for this replica hears from it every five seconds, and when something changes',
  async (t) => {
    let nowMs = 1e6;
    t.teardown(() => mock.restoreAll());
    mock.method(performance, 'now', () => nowMs);
    const store = new Store();
    const heard: (string | null)[] = [];
    store.acknowledge = async (_id, _name, version) => {
      heard.push(version);
    };
    const { controls } = replica(store);
    for (const ms of [0, 1, 4998, 1, 4999, 1]) {
      nowMs += ms;
      await controls.sync();
    }
    t.strictSame(heard, [null, null, null]);
    store.put(made());
    await controls.sync();
    t.equal(heard.at(-1), 'version 1');
    t.equal(heard.length, 4);
  },
);

t.test("what was taken back takes nobody's place", async (t) => {
  let nowMs = NOW;
  const { controls } = replica(undefined, () => nowMs++);
  for (let n = 0; n < 3 * MAX_CONTROLS; n++) {
    await controls.write(ask({ tenant: `t${n}` }));
    await controls.write(ask({ tenant: `t${n}`, value: null }));
    t.equal(controls.full, false);
  }
  t.strictSame(controls.active(), []);
  t.ok(controls.remembered <= MAX_ENTRIES, `${controls.remembered} of those that were taken back`);
});

t.test('what is in force outlives a restart on disk, though the store does not answer', async (t) => {
  const folder = t.testdir();
  const away = () => {
    const store = new Store();
    store.failure = new Error('away');
    return store;
  };
  const run = async (now: number, store: Store | undefined = away()) => {
    const one = replica(store, () => now, new KeptControls(folder));
    await one.controls.start(0);
    return one;
  };
  const first = await run(NOW);
  await first.controls.write(ask({ tenant: '', name: 'mode', value: 'off' }));
  await first.controls.write(ask({ tenant: 'b', untilMs: NOW + 10 }));
  await first.controls.write(ask({ tenant: 'c' }));
  await first.controls.write(ask({ tenant: 'c', value: null }));
  await first.controls.write(ask({ tenant: 'd' }));
  // It is not stopped: a process that is killed is not, either.
  const second = await run(NOW + 10);
  t.equal(second.controls.mode(), 'off');
  t.strictSame(inForce(second)[0]?.sort(), [' off', 'd 5'], 'neither what has ended nor what was taken back');
  t.strictSame(second.heard.received, [], 'nor is it news');
  t.equal(second.heard.changes, 1);
  t.strictSame(inForce(await run(NOW + 1000, undefined)), [[]], 'they end all the same');
  for (const one of [first, second]) await one.controls.stop();
});

t.test('what was taken back while a replica was down stays so, whatever its disk says', async (t) => {
  const folder = t.testdir();
  const store = new Store();
  const one = replica(store, undefined, new KeptControls(folder));
  const other = replica(store);
  await one.controls.start(0);
  await one.controls.write(ask());
  await one.controls.stop();
  await other.controls.sync();
  await other.controls.write(ask({ value: null }));
  const again = replica(store, undefined, new KeptControls(folder));
  await again.controls.start(0);
  t.strictSame(inForce(again), [[]]);
  await again.controls.stop();
});

t.test('a copy on disk that is broken is none, and a folder that can not be written is told', async (t) => {
  const folder = t.testdir({ 'controls.jsonl': `{"broken\n${JSON.stringify(made())}\n` });
  const one = replica(undefined, undefined, new KeptControls(folder));
  await one.controls.start(0);
  t.strictSame(inForce(one), [['a 5']], 'a line that is none is passed over');
  await one.controls.stop();
  const fresh = replica(undefined, undefined, new KeptControls(`${folder}/not-there-yet`));
  await fresh.controls.start(0);
  t.strictSame(fresh.heard.troubles, [], 'a copy that is not there yet is no trouble');
  await fresh.controls.stop();
  const without = replica(undefined);
  await without.controls.start(0);
  t.strictSame(without.heard.troubles, [], 'nor is that there is to be none');
  await without.controls.stop();
  const nowhere = replica(undefined, undefined, new KeptControls('/dev/null/nowhere'));
  await nowhere.controls.start(0);
  t.match(nowhere.heard.troubles, [/^state.dir: ENOTDIR.*open/], 'that it can not be read');
  await nowhere.controls.write(ask());
  t.match(nowhere.heard.troubles, [/^state.dir: /, /^state.dir: ENOTDIR.*mkdir/], 'nor be written');
  await nowhere.controls.stop();
});

t.test('who has put everything into force says so, and who has not is named', async (t) => {
  const store = new Store();
  const [one, two] = [replica(store), replica(store, undefined, undefined, 'two')];
  for (const { controls } of [one, two]) await controls.sync();
  t.strictSame(await one.controls.behind(0), []);
  await one.controls.write(ask());
  t.strictSame(await one.controls.behind(0), ['two'], 'it has not read it');
  two.obeys = false;
  await two.controls.sync();
  t.strictSame(await one.controls.behind(0), ['two'], 'read, and not obeyed');
  two.obeys = true;
  await two.controls.sync();
  t.strictSame(await one.controls.behind(0), []);
  await one.controls.write(ask({ value: 6 }));
  const waiting = one.controls.behind(60_000);
  await two.controls.sync();
  t.strictSame(await waiting, [], 'it is waited for');
  for (const [id, name] of Object.entries({ x: 'zoe', y: 'adam' })) await store.acknowledge(id, name, 'old');
  t.strictSame(await one.controls.behind(0), ['adam', 'zoe'], 'in the order of their names');
  for (const id of ['x', 'y']) await store.leave(id);
  await two.controls.stop();
  await one.controls.write(ask({ value: 7 }));
  t.strictSame(await one.controls.behind(0), [], 'who has left owes nothing');
  store.failure = new Error('away');
  t.equal(await one.controls.behind(0), undefined, 'nobody can be asked');
  t.strictSame(await replica().controls.behind(0), [], 'without a store there is nobody else');
});
