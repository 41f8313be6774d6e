/**
 * Acts on a spent budget by setting a temporary control. Only the bookkeeper of the fleet does so, and never against
 * people: what somebody has set stays, and what somebody took back is not set again before its end.
 */
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Audit } from '../admin/audit.js';
import type { Advisor } from '../advice/advisor.js';
import { type RateCut, rateCuts } from '../advice/over-budget.js';
import { messageOf } from '../base/message-of.js';
import { type Controls, MAX_CONTROLS } from '../controls/controls.js';

interface BudgetActsParts {
  readonly advisor: Advisor;
  readonly controls: Controls;
  readonly audit: Audit;
  readonly log: Logger;
  readonly isKeeper: () => boolean;
  readonly mayAddTenants: boolean;
  readonly nowMs: () => number;
}

const RATE = 'ingestion_rate';
/** The remaining controls are left to people. */
const MOST_CONTROLS = MAX_CONTROLS / 2;

export class BudgetActs {
  readonly #parts: BudgetActsParts;
  #saidTooMany = false;

  constructor(parts: BudgetActsParts) {
    this.#parts = parts;
  }

  async act(): Promise<void> {
    const { advisor, controls, isKeeper, mayAddTenants, nowMs } = this.#parts;
    if (!isKeeper() || advisor.atMs === undefined) return;
    const spenders = [...advisor.known.values()].filter(({ named }) => named || mayAddTenants);
    for (const cut of rateCuts(advisor.budgets, spenders, nowMs())) {
      const { tenant } = cut;
      if (controls.get(tenant, RATE) !== undefined || controls.isTakenBack(tenant, RATE)) continue;
      if (controls.active().length >= MOST_CONTROLS) return this.#tooMany();
      await this.#set(cut);
    }
  }

  /** Logged once. */
  #tooMany(): void {
    if (this.#saidTooMany) return;
    this.#saidTooMany = true;
    this.#parts.log.warn(
      { most: MOST_CONTROLS },
      'budgets are spent by more tenants than rates can be halved of: half of all controls are left to people',
    );
  }

  async #set({ tenant, ingestionRate, untilMs, budget, reason }: RateCut): Promise<void> {
    const { controls, audit, log, nowMs } = this.#parts;
    const id = randomUUID();
    const by = `budget ${budget}`;
    try {
      // The audit comes first: what can not be recorded is not done.
      audit.add({
        at: new Date(nowMs()).toISOString(),
        who: by,
        from: 'here',
        action: 'set',
        tenant,
        name: RATE,
        before: ingestionRate * 2,
        after: ingestionRate,
        reason,
        until: new Date(untilMs).toISOString(),
        id,
      });
    } catch (error) {
      log.error(
        { error: messageOf(error), tenant },
        'a budget is spent, and nothing is done: the audit log can not be written',
      );
      return;
    }
    await controls.write({ id, tenant, name: RATE, value: ingestionRate, reason, by, untilMs });
  }
}
