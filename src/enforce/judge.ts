/**
 * Runs a push through the steps and concludes. The verdict is synchronous unless a step has to wait for the store. Before a
 * wait the push is copied, because it is a view on memory that the next decode reuses. The clock is read when a judgement
 * begins and after each wait.
 */
import { ownedPush } from '../payload/push.js';
import { conclude } from './conclude.js';
import type { Judgement } from './judgement.js';
import { type Outcome, takeSteps } from './steps.js';
import type { Verdict } from './verdict.js';

export function judge(judgement: Judgement): Verdict | Promise<Verdict> {
  const outcome = takeSteps(judgement);
  return outcome instanceof Promise ? wait(judgement, outcome) : conclude(judgement, outcome);
}

async function wait(judgement: Judgement, waiting: Promise<Outcome>): Promise<Verdict> {
  judgement.push = ownedPush(judgement.push);
  const outcome = await waiting;
  judgement.nowMs = judgement.parts.now();
  return outcome === undefined ? judge(judgement) : conclude(judgement, outcome);
}
