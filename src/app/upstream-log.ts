/** Logs when an address of Mimir fails or recovers. */
import type { Logger } from 'pino';
import { messageOf } from '../base/message-of.js';
import type { AddressChange } from '../upstream/address-health.js';
import type { AddressEvents } from '../upstream/addresses.js';
import type { BreakerStatus } from '../upstream/breaker.js';
import { WINDOW_SECONDS } from '../upstream/recent-counts.js';

export function logAddressChange(log: Logger, { before, beforeSeconds, now }: AddressChange): void {
  const { address, state, answered, failed, lastFailure } = now;
  if (state === 'well') {
    if (before === 'idle') return;
    const seconds = Math.round(beforeSeconds);
    log.info({ address, state, seconds }, `${address} is well again, after ${seconds} s`);
    return;
  }
  const all = answered + failed;
  const what =
    state === 'down'
      ? `none of ${all} requests was answered well`
      : `${failed} of ${all} requests were not answered well`;
  log.warn(
    { address, state, answered, failed, lastFailure: lastFailure?.message },
    `${address} is ${state}: in the last ${WINDOW_SECONDS} s ${what}; the last failure was: ${lastFailure?.message}`,
  );
}

/** How many addresses of a name are logged in one line. */
const LOGGED_ADDRESSES = 20;

/** Logs names that resolve to other addresses than before, and addresses that are left out or taken back. */
export function upstreamEvents(log: Logger): AddressEvents {
  return {
    resolved(name, addresses, before, unused) {
      const some = addresses.slice(0, LOGGED_ADDRESSES);
      const more = addresses.length - some.length;
      const text = `${name}: ${before} known before, now it is ${some.join(', ')}`;
      const facts = { name, addresses: some };
      log.info(facts, more === 0 ? text : `${text} and ${more} more`);
      if (unused > 0) log.warn({ name, unused }, `${name} has ${unused} more addresses than can be used`);
    },
    notResolved(name, error, kept) {
      const text = `${name} can not be resolved: ${messageOf(error)}; `;
      log.warn(
        { name },
        text + (kept === 0 ? 'it has no address' : `its last ${kept} addresses are used on`),
      );
    },
    moved({ address, sentTo, backInSeconds, lastFailure }) {
      if (sentTo === 'in') log.info({ address }, `${address} is sent to again`);
      if (sentTo !== 'out') return;
      const seconds = Math.ceil(backInSeconds ?? 0);
      log.warn(
        { address, seconds, lastFailure: lastFailure?.message },
        `${address} is left out for ${seconds} s, others are not: ${lastFailure?.message ?? 'it says that it is not ready'}`,
      );
    },
  };
}

const OPEN = {
  off: '',
  observe: 'all pushes are sent on all the same (upstream.breaker is observe)',
  act: 'pushes are answered 503 for a time, and not sent',
} as const;

/** The upstream's circuit breaker opens, tries, or closes. */
export function logBreaker(log: Logger, { mode, state, cause }: BreakerStatus): void {
  if (state === 'closed') log.info({ breaker: state }, 'Mimir answers again: pushes are sent as ever');
  else if (state === 'open')
    log.warn({ breaker: state, mode, cause }, `no address of Mimir is well: ${cause}; ${OPEN[mode]}`);
}
