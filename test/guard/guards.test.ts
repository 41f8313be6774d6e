/** Guards with controls of several replicas between them: who acts, who obeys, and what those do that see nothing. */
import t from 'tap';
import { Controls } from '#src/controls/controls.js';
import { GUARD, GUARD_MODE, type GuardMode, ownGuard } from '#src/controls/guard-control.js';
import { ALL_ADMITTED } from '#src/enforce/panic.js';
import { EdgeLoads, type EdgeSample } from '#src/guard/edge-loads.js';
import { Guard } from '#src/guard/guard.js';
import { Guards } from '#src/guard/guards.js';
import { KeptStanding } from '#src/guard/kept-standing.js';
import type { LadderSettings, Step } from '#src/guard/ladder.js';
import { PrometheusLoads } from '#src/guard/prometheus-loads.js';
import type { Entries, Entry } from '#src/shared/entries.js';

const S = 1000;
const SETTINGS: LadderSettings = {
  alarms: {
    warn: { at: 75, holdMs: 0, admit: 100, admitCritical: 100 },
    emergency: { at: 90, holdMs: 0, admit: 75, admitCritical: 100 },
    panic: { at: 95, holdMs: 0, admit: 50, admitCritical: 80 },
  },
  recovery: { below: 70, afterMs: 20 * S, step: 25, everyMs: 10 * S },
};
const KEEP_MS = 60 * S;

/** What replicas share, of which the newest of a name stays. */
class Store implements Entries {
  readonly held = new Map<string, Entry>();
  writes = 0;
  isAway = false;

  async connect(): Promise<void> {}

  async version(): Promise<string | null> {
    if (this.isAway) throw new Error('away');
    return String(this.writes);
  }

  async read(): Promise<string[]> {
    return [...this.held.values()].map(({ text }) => text);
  }

  async write(entry: Entry): Promise<void> {
    if (this.isAway) throw new Error('away');
    const before = this.held.get(entry.name);
    if (before !== undefined && before.atMs >= entry.atMs) return;
    this.held.set(entry.name, entry);
    this.writes++;
  }

  async acknowledge(): Promise<void> {}
  async behind(): Promise<string[]> {
    return [];
  }
  async leave(): Promise<void> {}
  close(): void {}
}

interface Clock {
  ms: number;
}

interface GivenReplica {
  readonly guards: Guards;
  readonly controls: Controls;
  readonly steps: string[];
  readonly troubles: (string | undefined)[];
  /** What its Prometheus says of the one expression. */
  load: number | Error;
  sample: EdgeSample;
}

let machines = 0;

function replica(
  clock: Clock,
  store: Entries | undefined,
  configured: GuardMode = 'act',
  machine = `pod-${machines++}`,
): GivenReplica {
  const now = () => clock.ms;
  const controls = new Controls(
    { shared: store, kept: undefined, name: 'x', now },
    { changed() {}, received() {}, ended() {}, trouble() {}, obeyed: async () => true },
  );
  const steps: string[] = [];
  const troubles: (string | undefined)[] = [];
  const mode = () => controls.guardMode() ?? configured;
  const kept = (name: string) =>
    new KeptStanding({ controls, name, settings: SETTINGS, acts: () => mode() === 'act', now });
  const [own, standing] = [kept(ownGuard(machine)), kept(GUARD)];
  const stepped = ({ kind, standing: { level, admitted, critical } }: Step) =>
    steps.push(`${kind} ${level} ${admitted}/${critical}`);
  const common = { settings: SETTINGS, longestGapMs: 30 * S, now, stepped };
  const guards = new Guards({
    mode,
    edge: {
      guard: new Guard({ ...common, standings: own }),
      loads: new EdgeLoads({ bytesInFlight: true, failures: 0, latency: 0 }, [1]),
      standing: own,
      sample: async () => given.sample,
    },
    fleet: {
      guard: new Guard({ ...common, standings: standing }),
      loads: new PrometheusLoads({
        rules: [{ rule: 'memory', expression: 'x' }],
        ask: async () => {
          if (typeof given.load !== 'number') throw given.load;
          return given.load;
        },
        keepMs: KEEP_MS,
        now,
      }),
      standing,
      intervalMs: 5 * S,
      keepMs: KEEP_MS,
      close: async () => {},
    },
    random: () => 0,
    trouble: (_rule, error) => troubles.push(error),
    failed: (error) => {
      throw error;
    },
  });
  const given: GivenReplica = {
    guards,
    controls,
    steps,
    troubles,
    load: 0,
    sample: {
      bytesInFlight: { used: 0, capacity: 100 },
      pushes: { requests: 0, failed: 0 },
      answers: [],
      broken: false,
    },
  };
  return given;
}

/** All of them look every five seconds, one after the other. */
async function pass(clock: Clock, seconds: number, ...replicas: GivenReplica[]): Promise<void> {
  for (let i = 0; i < seconds; i += 5) {
    for (const { guards, controls } of replicas) {
      await guards.lookAtPrometheus();
      await controls.sync();
    }
    clock.ms += 5 * S;
  }
}

const HALF = { critical: 0.8, normal: 0.5, low: 0.5 };

t.test('of replicas that see the same one takes each step, and all obey it', async (t) => {
  const clock = { ms: 1e9 };
  const store = new Store();
  const all = [replica(clock, store), replica(clock, store), replica(clock, store)];
  for (const one of all) one.load = 0.97;
  await pass(clock, 10, ...all);
  for (const { guards } of all) t.same(guards.admitted(), HALF);
  for (const one of all) one.load = 0.1;
  await pass(clock, 90, ...all);
  for (const { guards } of all) t.same(guards.admitted(), ALL_ADMITTED);
  t.strictSame(all.flatMap(({ steps }) => steps).sort(), [
    'eased recovering 75/100',
    'ended calm 100/100',
    'raised panic 50/80',
  ]);
  t.strictSame(all[0]?.controls.active(), [], 'and it is no control that people have set');
});

t.test('a replica that can not see does not ease what another sees', async (t) => {
  const clock = { ms: 1e9 };
  const store = new Store();
  const [sees, blind] = [replica(clock, store), replica(clock, store)];
  for (const one of [sees, blind]) one.load = 0.97;
  await pass(clock, 10, sees, blind);
  blind.load = new Error('is away');
  await pass(clock, 600, sees, blind);
  t.same(blind.guards.admitted(), HALF);
  t.strictSame(blind.steps, []);
  t.strictSame(blind.troubles, ['is away'], 'it is said once');
  sees.load = new Error('is away, too');
  await pass(clock, KEEP_MS / S, sees, blind);
  t.same(sees.guards.admitted(), HALF, 'for a time it stays');
  await pass(clock, 300, sees, blind);
  t.same(sees.guards.admitted(), ALL_ADMITTED, 'then it recovers by steps');
  t.strictSame([...sees.steps, ...blind.steps].sort(), [
    'eased recovering 75/100',
    'ended calm 100/100',
    'raised panic 50/80',
  ]);
  sees.load = 0.1;
  await pass(clock, 5, sees);
  t.strictSame(sees.troubles, ['is away, too', undefined]);
});

t.test('a guard that observes says what it would do, and does nothing, nor what others did', async (t) => {
  const clock = { ms: 1e9 };
  const store = new Store();
  const [acts, observes] = [replica(clock, store), replica(clock, store, 'observe')];
  observes.load = 0.97;
  await pass(clock, 10, acts, observes);
  t.strictSame(observes.steps, ['raised panic 50/80']);
  t.strictSame([store.writes, acts.steps], [0, []]);
  t.same(observes.guards.admitted(), ALL_ADMITTED);
  t.match(observes.guards.status(), [
    {},
    { guard: 'prometheus', standing: { level: 'panic', admitted: 50 } },
  ]);
  acts.load = 0.97;
  await pass(clock, 10, acts, observes);
  t.same(acts.guards.admitted(), HALF);
  t.same(observes.guards.admitted(), ALL_ADMITTED);
  observes.load = 0;
  await pass(clock, 90, observes);
  t.strictSame(observes.steps.slice(1), ['eased recovering 75/100', 'ended calm 100/100']);
});

t.test(
  'a mode that people set for guards holds for all, and its end brings back that of the settings',
  async (t) => {
    const clock = { ms: 1e9 };
    const store = new Store();
    const [one, other] = [replica(clock, store), replica(clock, store)];
    one.load = 0.97;
    other.load = 0.97;
    await pass(clock, 10, one, other);
    const ask = { tenant: '', name: GUARD_MODE, reason: 'x', by: 'alice', untilMs: clock.ms + 60 * S };
    await one.controls.write({ ...ask, value: 'observe' });
    await other.controls.sync();
    t.strictSame([one.guards.mode, other.guards.mode], ['observe', 'observe']);
    t.same([one.guards.admitted(), other.guards.admitted()], [ALL_ADMITTED, ALL_ADMITTED]);
    await one.controls.write({ ...ask, value: null });
    t.same(one.guards.admitted(), HALF, 'what was done is there again');
  },
);

t.test('while Redis is away a replica acts for itself', async (t) => {
  const clock = { ms: 1e9 };
  const store = new Store();
  const [one, other] = [replica(clock, store), replica(clock, store)];
  store.isAway = true;
  one.load = 0.97;
  await pass(clock, 10, one, other);
  t.same([one.guards.admitted(), other.guards.admitted()], [HALF, ALL_ADMITTED]);
  store.isAway = false;
  other.load = 0.97;
  await pass(clock, 10, one, other);
  t.same(other.guards.admitted(), HALF);
});

t.test('what nobody renews ends by itself, after the time that it takes to recover', async (t) => {
  const clock = { ms: 1e9 };
  const one = replica(clock, new Store());
  one.load = 0.97;
  await pass(clock, 600, one);
  t.same(one.guards.admitted(), HALF, 'it is renewed');
  const untilMs = one.controls.get('', GUARD)?.untilMs ?? 0;
  t.ok(untilMs - clock.ms > 40 * S && untilMs - clock.ms < 10 * 60 * S, `${untilMs - clock.ms} ms`);
});

t.test("what the edge measures is this machine's own, and both guards hold", async (t) => {
  const clock = { ms: 1e9 };
  const store = new Store();
  const [one, other] = [replica(clock, store), replica(clock, store)];
  one.sample = { ...one.sample, bytesInFlight: { used: 91, capacity: 100 } };
  for (const { guards } of [one, other]) await guards.lookAtEdge();
  t.same(one.guards.admitted(), { critical: 1, normal: 0.75, low: 0.75 });
  t.same(other.guards.admitted(), ALL_ADMITTED);
  await other.controls.sync();
  t.same(other.guards.admitted(), ALL_ADMITTED, 'nor does the other obey it');
  t.strictSame(one.controls.active(), [], 'and it is no control that people have set');
  one.load = 0.97;
  await pass(clock, 5, one);
  t.same(one.guards.admitted(), HALF, 'the least of both');
  t.match(one.guards.status(), [
    {
      guard: 'edge',
      standing: { level: 'emergency', cause: /^bytes_in_flight is at 91 %: the edge holds 91 of/ },
    },
    {
      guard: 'prometheus',
      standing: { level: 'panic', cause: 'memory is at 97 %: its expression comes to 0.97' },
    },
  ]);
});

t.test('a machine that is started again stands where it stood, and comes back by steps', async (t) => {
  const clock = { ms: 1e9 };
  const store = new Store();
  const before = replica(clock, store, 'act', 'pod-x');
  const full = { ...before.sample, bytesInFlight: { used: 99, capacity: 100 } };
  before.sample = full;
  await before.guards.lookAtEdge();
  await before.controls.sync();
  t.same(before.guards.admitted(), HALF);

  clock.ms += 60 * S;
  const after = replica(clock, store, 'act', 'pod-x');
  await after.controls.sync();
  t.same(after.guards.admitted(), HALF);
  t.match(after.guards.status(), [{ standing: { level: 'panic', cause: /^bytes_in_flight is at 99 %/ } }]);
  const admitted = [];
  for (let i = 0; i < 20; i++) {
    await after.guards.lookAtEdge();
    admitted.push(after.guards.admitted().normal);
    clock.ms += 2 * S;
  }
  t.strictSame([...new Set(admitted)], [0.5, 0.75, 1], 'once it was below for as long as ever');
  t.equal(admitted.indexOf(0.75), SETTINGS.recovery.afterMs / (2 * S));

  const other = replica(clock, store);
  await other.controls.sync();
  t.same(other.guards.admitted(), ALL_ADMITTED, 'another machine begins anew');
});

t.test('where a machine stood is forgotten once it would have recovered', async (t) => {
  const clock = { ms: 1e9 };
  const store = new Store();
  const before = replica(clock, store, 'act', 'pod-x');
  before.sample = { ...before.sample, bytesInFlight: { used: 99, capacity: 100 } };
  await before.guards.lookAtEdge();
  await before.controls.sync();
  clock.ms += 60 * 60 * S;
  const after = replica(clock, store, 'act', 'pod-x');
  await after.controls.sync();
  t.same(after.guards.admitted(), ALL_ADMITTED);
});
