/** Everything that is not an enforced push: streamed both ways, any method, nothing held. */

import type { Caller } from './caller.js';
import { upstreamHeaders } from './forwarded-headers.js';
import type { PushParts } from './push-exchange.js';
import { Relay } from './relay.js';

/** A query may think for minutes before its first byte. The client, or Mimir's own query timeout, ends it. */
const NO_TIMEOUT = 0;

export function passThrough(
  parts: Pick<PushParts, 'upstream' | 'observer' | 'now' | 'options'>,
  caller: Caller,
  requestId: string,
): Promise<void> {
  caller.continue();
  const relay = new Relay(caller, parts.observer, parts.now, undefined, () => {});
  const tenant = caller.header(parts.options.tenantHeader) ?? '';
  parts.upstream.pass(
    {
      tenant,
      place: tenant,
      address: caller.remoteAddress,
      method: caller.method,
      path: caller.url,
      headers: upstreamHeaders(caller, parts.options.tenantHeader),
      requestId,
      body: caller.bodyStream(parts.options.bodyTimeoutMs),
      headRoom: 0,
      headersTimeoutMs: NO_TIMEOUT,
      bodyTimeoutMs: NO_TIMEOUT,
    },
    relay,
  );
  return relay.done;
}
