/**
 * Sends as fast as the target answers, over a fixed number of connections, with autocannon. Shows the maximum throughput;
 * its latencies say little, because a slow target is simply sent less.
 */
import autocannon from 'autocannon';
import { damaged } from './damage.js';
import type { LoadPlan } from './plan.js';
import type { Sent } from './recorder.js';
import { Schedule, seededRandom } from './schedule.js';
import { asSent, pushHeaders, pushPath } from './sender.js';

/** autocannon's context of a connection, passed to both of our callbacks. */
interface Context {
  push?: Sent;
}

export async function runClosedLoop(plan: LoadPlan): Promise<void> {
  const { options, recorder, signal, now } = plan;
  const nextPush = pushesInOrder(plan);
  let answered: Sent | undefined;
  const request = {
    method: 'POST',
    headers: pushHeaders(options),
    setupRequest(request: object, context: Context) {
      const { sent, tenant, body } = nextPush();
      context.push = sent;
      recorder.totals.due++;
      recorder.sent(sent, sent.dueMs, false);
      return {
        ...request,
        headers: { ...pushHeaders(options), [options.tenantHeader]: tenant },
        body: asSent(body, options),
      };
    },
    onResponse(_status: number, _body: string, context: Context) {
      answered = context.push;
    },
  };
  await new Promise<void>((resolve, reject) => {
    const { connections, durationMs, timeoutMs, target } = options;
    const load = autocannon(
      {
        url: new URL(target).origin + pushPath(target, options.version),
        connections,
        duration: durationMs / 1000,
        timeout: timeoutMs / 1000,
        requests: [request],
      },
      (error) => (error === null ? resolve() : reject(error)),
    );
    const failed = { retryAfterMs: undefined, failure: undefined };
    // Called right after onResponse, for the same answer.
    load.on('response', (_client: unknown, status: number, _bytes: number, ms: number) => {
      if (answered === undefined) return;
      const endedMs = now();
      recorder.answered(answered, { ...failed, status, sentMs: endedMs - ms, endedMs });
    });
    load.on('reqError', (error: Error & { code?: string }) => {
      const nobodys = { tenant: -1, samples: 0, bytes: 0, dueMs: now() };
      const failure = error.code ?? error.message;
      recorder.answered(nobodys, { ...failed, failure, status: 0, sentMs: now(), endedMs: now() });
    });
    signal.addEventListener('abort', () => load.stop(), { once: true });
  });
}

/** Only the order of pushes matters here, not their times. */
const ANY_INTERVAL_MS = 1000;

/** The same mix as in the open loop. */
function pushesInOrder({ options, tenants, profile, bodies, startedMs, startedAtMs, now }: LoadPlan) {
  const random = seededRandom(options.seed);
  const part = (): number => Math.min(1, (now() - startedMs) / options.durationMs);
  const schedule = new Schedule(tenants, {
    intervalMs: ANY_INTERVAL_MS,
    durationMs: Number.POSITIVE_INFINITY,
    rate: (tenant) => profile.rate(tenant, part()),
    random,
  });
  return () => {
    const due = schedule.take();
    const elapsedMs = Math.floor(now() - startedMs);
    // A series that is sent twice in a millisecond needs different timestamps.
    const timestampMs = startedAtMs + elapsedMs + due.cycle;
    const allNew = profile.explodes(due.tenant, part());
    const ready = bodies.take({ ...due, dueMs: elapsedMs, timestampMs, allNew });
    // autocannon copies the body before anybody else can take the buffer.
    bodies.giveBack(ready);
    const body = random() < profile.brokenShare ? damaged(ready.bytes, random) : ready.bytes;
    const sent: Sent = {
      tenant: due.tenant,
      samples: ready.template.series,
      bytes: body.length,
      dueMs: now(),
    };
    return { sent, body, tenant: tenants[due.tenant]?.id ?? '' };
  };
}
