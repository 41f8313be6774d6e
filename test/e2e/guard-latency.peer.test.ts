/**
 * How long Mimir takes as a load, through two workers: one slow tenant makes no guard act, a Mimir that is slow for all does. It needs
 * no other program, but two minutes: so it is with those that do.
 */
import t, { type Test } from 'tap';
import { type GivenAdmin, inTwoWorkers } from '../admin/fixtures.js';
import { eventually, PUSH_500, upstream } from '../doors/http/fixtures.js';

const QUICK = {
  'guard.mode': 'act',
  'guard.warn.hold': '0s',
  'guard.emergency.hold': '0s',
  'guard.panic.hold': '0s',
  'guard.panic.admit': '50',
  'guard.recovery.after': '100ms',
  'guard.recovery.every': '100ms',
  'guard.recovery.step': '50',
};
const USUAL_MS = 30;
const SLOW_MS = 2000;
/** It takes a minute until it is known what is usual. */
const LONG_MS = 180_000;

interface Panic {
  readonly admitted: { readonly normal: number };
  readonly guard: { readonly guards: readonly { readonly rules: readonly Rule[] }[] };
}

interface Rule {
  readonly rule: string;
  readonly load: number | null;
}

const panic = (edge: GivenAdmin) => edge.json<Panic>('panic');

async function latencyLoad(edge: GivenAdmin): Promise<number | null | undefined> {
  const [own] = (await panic(edge)).guard.guards;
  return own?.rules.find(({ rule }) => rule === 'upstream_latency')?.load;
}

/** Pushes all the time, each beginning on its own. Counts those that were answered. */
function send(t: Test, edge: GivenAdmin, tenant: string, everyMs: number): { answered: number } {
  const sender = { answered: 0 };
  const timer = setInterval(() => {
    edge
      .push(PUSH_500, { 'x-scope-orgid': tenant })
      .then(() => sender.answered++)
      .catch(() => {});
  }, everyMs);
  t.teardown(() => clearInterval(timer));
  return sender;
}

t.test('a slow tenant raises nothing, and Mimir does when it is slow for all', async (t) => {
  const slow = new Set<string>();
  const mimir = await upstream((req, res) => {
    setTimeout(() => res.end(), slow.has(String(req.headers['x-scope-orgid'])) ? SLOW_MS : USUAL_MS);
  });
  t.teardown(() => mimir.close());
  const edge = await inTwoWorkers(t, { ...QUICK, 'upstream.url': mimir.url });
  send(t, edge, 'a', 250);
  send(t, edge, 'b', 250);
  const its = send(t, edge, 'slow', 50);
  t.ok(await eventually(async () => typeof (await latencyLoad(edge)) === 'number', LONG_MS), 'it is known');

  slow.add('slow');
  const before = its.answered;
  // More than all that is looked at.
  t.ok(await eventually(() => its.answered - before > 400, LONG_MS));
  t.equal((await panic(edge)).admitted.normal, 1);
  t.match(await (await edge.get('/metrics')).text(), /guard_steps_total\{guard="edge",step="raised"\} 0\n/);

  slow.add('a').add('b');
  t.ok(await eventually(async () => (await panic(edge)).admitted.normal < 1, LONG_MS), 'it acts');
  slow.clear();
  t.ok(await eventually(async () => (await panic(edge)).admitted.normal === 1, LONG_MS), 'all comes back');
});
