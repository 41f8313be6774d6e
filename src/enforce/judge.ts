/**
 * Runs a push through the steps, and concludes. A verdict is there at once unless a step has to wait for a store; the
 * push is copied before that, because it is a view on memory that the next decode takes. The clock is read when a
 * judgement begins and again after each wait.
 */
import { ownedPush, type Push } from '../payload/push.js';
import { conclude } from './conclude.js';
import { Judgement, type JudgeParts } from './judgement.js';
import { type Outcome, takeSteps } from './steps.js';
import type { Tenant } from './tenant.js';
import type { Verdict } from './verdict.js';

export class Judge {
  readonly #parts: JudgeParts;

  constructor(parts: JudgeParts) {
    this.#parts = parts;
  }

  judge(tenant: Tenant, push: Push, allOrNothing: boolean): Verdict | Promise<Verdict> {
    return this.#run(new Judgement(tenant, push, allOrNothing));
  }

  #run(judgement: Judgement): Verdict | Promise<Verdict> {
    const nowMs = this.#parts.now();
    const outcome = takeSteps(judgement, nowMs, this.#parts);
    if (outcome instanceof Promise) return this.#wait(judgement, outcome);
    return conclude(judgement, outcome, nowMs, this.#parts);
  }

  async #wait(judgement: Judgement, waiting: Promise<Outcome>): Promise<Verdict> {
    judgement.push = ownedPush(judgement.push);
    const outcome = await waiting;
    if (outcome === undefined) return this.#run(judgement);
    return conclude(judgement, outcome, this.#parts.now(), this.#parts);
  }
}
