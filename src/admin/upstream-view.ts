/** Mimir as one replica sees it. */
import { rounded } from '../base/rounded.js';
import { upstreamState } from '../upstream/address-health.js';
import type { EdgeStatus } from './edge.js';
import { timesView } from './times-view.js';

export type UpstreamView = ReturnType<typeof upstreamView>;
export type AddressView = ReturnType<typeof addressView>;

export function upstreamView({
  addresses,
  breaker,
  admission,
  recentTimes,
  ...upstream
}: EdgeStatus['upstream']) {
  return {
    ...upstream,
    times: timesView(recentTimes),
    state: upstreamState(addresses),
    breaker:
      breaker === undefined
        ? null
        : { ...breaker, sinceSeconds: rounded(breaker.sinceSeconds), cause: breaker.cause ?? null },
    admission: admission === undefined ? null : { ...admission, limit: admission.limit ?? null },
    addresses: addresses.map(addressView),
  };
}

function addressView({
  sinceSeconds,
  lastFailure,
  backInSeconds,
  limit,
  gradient,
  ...one
}: EdgeStatus['upstream']['addresses'][number]) {
  return {
    ...one,
    sinceSeconds: rounded(sinceSeconds),
    limit: limit ?? null,
    gradient: gradient ?? null,
    backInSeconds: backInSeconds === undefined ? null : rounded(backInSeconds),
    lastFailure:
      lastFailure === undefined
        ? null
        : { message: lastFailure.message, secondsAgo: rounded(lastFailure.secondsAgo) },
  };
}
