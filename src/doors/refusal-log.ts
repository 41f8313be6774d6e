/**
 * Logs refusals, one line each, a few a minute for each tenant; the counters have all of them. Never logs a body, nor a
 * header except the request id.
 */
import type { Logger } from 'pino';
import type { Refusal } from '../enforce/refusal.js';
import type { Tenant } from '../enforce/tenant.js';

export class RefusalLog {
  readonly #log: Logger;
  readonly #perMinute: number;
  readonly #now: () => number;
  /** One allowance for all pushes without a tenant in memory. */
  readonly #unattributed = { loggedMinute: 0, loggedInMinute: 0 };

  constructor(log: Logger, perMinute: number, now: () => number) {
    this.#log = log;
    this.#perMinute = perMinute;
    this.#now = now;
  }

  refused(tenant: Tenant | undefined, refusal: Refusal, requestId: string, shadow: boolean): void {
    const allowance = tenant?.isHeld ? tenant : this.#unattributed;
    const minute = Math.floor(this.#now() / 60_000);
    if (allowance.loggedMinute !== minute) {
      allowance.loggedMinute = minute;
      allowance.loggedInMinute = 0;
    }
    allowance.loggedInMinute++;
    if (allowance.loggedInMinute > this.#perMinute) return;
    this.#log.info(
      {
        tenant: tenant?.id,
        reason: refusal.reason,
        status: refusal.status,
        requestId,
        shadow: shadow || undefined,
        lastThisMinute: allowance.loggedInMinute === this.#perMinute || undefined,
      },
      refusal.message,
    );
  }
}
