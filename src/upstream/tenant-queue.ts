/**
 * Calls that wait for a connection: tenants take turns, one that sends from several addresses with each of them, and each one's
 * calls go in the order in which they came.
 */
import type { Call } from './call.js';

export class TenantQueue {
  /** By tenant and address. Whose turn is next is first. */
  readonly #senders = new Map<string, Set<Call>>();
  size = 0;

  add(call: Call): void {
    const sender = senderOf(call);
    const calls = this.#senders.get(sender);
    if (calls === undefined) this.#senders.set(sender, new Set([call]));
    else calls.add(call);
    this.size++;
  }

  remove(call: Call): void {
    const sender = senderOf(call);
    const calls = this.#senders.get(sender);
    if (calls?.delete(call) !== true) return;
    this.size--;
    if (calls.size === 0) this.#senders.delete(sender);
  }

  /** Takes the next call of one that may have one more. */
  next(mayStart: (call: Call) => boolean): Call | undefined {
    for (const [sender, calls] of this.#senders) {
      const [call] = calls;
      if (call === undefined || !mayStart(call)) continue;
      this.remove(call);
      // Whoever still has some comes again after the others.
      if (calls.size > 0) {
        this.#senders.delete(sender);
        this.#senders.set(sender, calls);
      }
      return call;
    }
    return undefined;
  }

  /** Those that have waited too long, as it is now. */
  expired(nowMs: number): Call[] {
    return [...this.all()].filter(({ queueUntilMs }) => queueUntilMs <= nowMs);
  }

  *all(): Generator<Call> {
    for (const calls of this.#senders.values()) yield* calls;
  }
}

/** No tenant's name has a line's end. */
function senderOf({ request: { tenant, address } }: Call): string {
  return `${tenant}\n${address}`;
}
