/** A line in the log when an address of Mimir answers no longer, or answers again. */
import type { Logger } from 'pino';
import { type AddressChange, WINDOW_SECONDS } from '../upstream/address-health.js';

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
