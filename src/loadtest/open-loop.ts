/**
 * Sends pushes when they are due, however the target answers. Latency counts from the due time, so a target that stalls is
 * charged for everything that it delayed: there is no coordinated omission to correct.
 */
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import type { ReadyBody } from './bodies.js';
import { damaged } from './damage.js';
import type { LoadPlan } from './plan.js';
import type { Sent } from './recorder.js';
import { type DuePush, Schedule, seededRandom } from './schedule.js';
import { type Answer, Sender } from './sender.js';

/** Pushes sent in a batch before sockets get their turn. */
const BATCH = 32;
/** How long a slow sender takes for a body. */
const SLOW_MS = 5000;
/** Prometheus' backoff when there is no Retry-After. */
const BACKOFF_MIN_MS = 30;
const BACKOFF_MAX_MS = 5000;
/** After Ctrl-C nobody wants to wait long. */
const PATIENCE_MS = 3000;

interface OpenPush extends Sent {
  readonly body: ReadyBody;
  readonly bytesToSend: Buffer;
  readonly slowMs: number;
  attempts: number;
}

export async function runOpenLoop(plan: LoadPlan): Promise<void> {
  const loop = new OpenLoop(plan);
  await loop.send();
  await loop.drain();
}

class OpenLoop {
  readonly #plan: LoadPlan;
  readonly #sender: Sender;
  readonly #schedule: Schedule;
  readonly #random: () => number;
  #closed = false;

  constructor(plan: LoadPlan) {
    const { options, tenants, profile, now } = plan;
    this.#plan = plan;
    this.#sender = new Sender(options, now);
    this.#random = seededRandom(options.seed);
    this.#schedule = new Schedule(tenants, {
      intervalMs: options.intervalMs,
      durationMs: options.durationMs,
      rate: (tenant, atMs) => profile.rate(tenant, atMs / options.durationMs),
      random: this.#random,
    });
  }

  async send(): Promise<void> {
    const { options, signal, now, startedMs } = this.#plan;
    const elapsedMs = (): number => now() - startedMs;
    // Due pushes are sent even if late, and a run lasts its whole length even if nothing more is due.
    while (!signal.aborted && Math.min(this.#schedule.nextMs, elapsedMs()) < options.durationMs) {
      const waitMs = Math.min(this.#schedule.nextMs, options.durationMs) - elapsedMs();
      if (waitMs > 0) {
        await delay(waitMs, undefined, { signal }).catch(() => {});
        continue;
      }
      for (let i = 0; i < BATCH && this.#schedule.nextMs <= elapsedMs(); i++) {
        this.#sendDue(this.#schedule.take());
      }
      await nextTurn();
    }
  }

  /** Waits for answers, as long as one may take. */
  async drain(): Promise<void> {
    const { recorder, options, signal, now } = this.#plan;
    const startMs = now();
    const patienceMs = (): number => (signal.aborted ? PATIENCE_MS : options.timeoutMs);
    while (recorder.inFlight > 0 && now() - startMs < patienceMs()) await delay(10);
    recorder.totals.cutOff = recorder.inFlight;
    this.#closed = true;
    await this.#sender.close();
  }

  #sendDue(due: DuePush): void {
    const { recorder, options, bodies, profile, startedMs, startedAtMs, now } = this.#plan;
    recorder.totals.due++;
    if (recorder.inFlight >= options.maxInFlight) {
      recorder.notSent(now());
      return;
    }
    const body = bodies.take({
      ...due,
      timestampMs: startedAtMs + due.dueMs,
      allNew: profile.explodes(due.tenant, due.dueMs / options.durationMs),
    });
    const lot = this.#random();
    const broken = lot < profile.brokenShare;
    const bytesToSend = broken ? damaged(body.bytes, this.#random) : body.bytes;
    recorder.inFlight++;
    this.#attempt({
      tenant: due.tenant,
      samples: body.template.series,
      bytes: bytesToSend.length,
      dueMs: startedMs + due.dueMs,
      body,
      bytesToSend,
      slowMs: lot >= profile.brokenShare && lot < profile.brokenShare + profile.slowShare ? SLOW_MS : 0,
      attempts: 0,
    });
  }

  #attempt(push: OpenPush): void {
    const { recorder, tenants, now } = this.#plan;
    const { bytesToSend, slowMs } = push;
    recorder.sent(push, now(), push.attempts > 0);
    push.attempts++;
    const tenant = tenants[push.tenant]?.id ?? '';
    this.#sender.send({ tenant, body: bytesToSend, slowMs }, (answer) => this.#answered(push, answer));
  }

  #answered(push: OpenPush, answer: Answer): void {
    if (this.#closed) return;
    const { recorder, profile, bodies, signal } = this.#plan;
    recorder.answered(push, answer);
    const accepted = answer.status >= 200 && answer.status < 300;
    if (!accepted && profile.retry && comesAgain(answer.status) && !signal.aborted) {
      const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** (push.attempts - 1));
      setTimeout(() => this.#again(push), answer.retryAfterMs ?? backoffMs);
      return;
    }
    if (!accepted) recorder.totals.givenUp++;
    recorder.inFlight--;
    bodies.giveBack(push.body);
  }

  #again(push: OpenPush): void {
    if (!this.#closed) this.#attempt(push);
  }
}

/** What senders keep and retry: no answer, 429, and 5xx. */
function comesAgain(status: number): boolean {
  return status === 0 || status === 429 || status >= 500;
}
