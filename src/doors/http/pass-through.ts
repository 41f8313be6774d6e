/** Everything that is not an enforced push: streamed both ways, any method, nothing held. */

import type { Caller } from './caller.js';
import { upstreamHeaders } from './forwarded-headers.js';
import type { PushParts } from './push-exchange.js';
import { Relay } from './relay.js';

/** A query may think for minutes before its first byte. The client, or Mimir's own query timeout, ends it. */
const NO_TIMEOUT = 0;

/** Resolves when nothing more will happen. */
export function passThrough(
  parts: Pick<PushParts, 'upstream' | 'observer' | 'now' | 'options'>,
  caller: Caller,
  requestId: string,
): Promise<void> {
  return new Promise((resolve) => {
    const relay = new Relay(caller, parts.observer, parts.now, parts.now(), undefined, {
      answered: () => {},
      ended: () => resolve(),
    });
    pass(parts, caller, requestId, relay);
  });
}

function pass(
  { upstream, options }: Pick<PushParts, 'upstream' | 'options'>,
  caller: Caller,
  requestId: string,
  relay: Relay,
): void {
  caller.continue();
  const tenant = caller.header(options.tenantHeader) ?? '';
  upstream.pass(
    {
      tenant,
      place: tenant,
      address: caller.remoteAddress,
      method: caller.method,
      path: caller.url,
      headers: upstreamHeaders(caller, options.tenantHeader),
      requestId,
      body: caller.bodyStream(options.bodyTimeoutMs),
      headRoom: 0,
      headersTimeoutMs: NO_TIMEOUT,
      bodyTimeoutMs: NO_TIMEOUT,
    },
    relay,
  );
}
