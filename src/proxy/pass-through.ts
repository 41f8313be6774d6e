/** Everything that is not an enforced push: streamed both ways, any method, nothing held. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { requestIdOf, upstreamHeaders } from './headers.js';
import type { PushParts } from './push.js';
import { Relay } from './relay.js';

/** A query may think for minutes before its first byte. The client, or Mimir's own query timeout, ends it. */
const NO_TIMEOUT = 0;

export function passThrough(
  parts: Pick<PushParts, 'upstream' | 'observer' | 'now' | 'options'>,
  req: IncomingMessage,
  res: ServerResponse,
  expectsContinue: boolean,
): Promise<void> {
  if (expectsContinue) res.writeContinue();
  const relay = new Relay(req, res, parts.observer, parts.now, () => {});
  const body = hasBody(req) ? req : null;
  if (body !== null) endWhenSilent(req, parts.options.bodyTimeoutMs);
  parts.upstream.send(
    {
      method: req.method ?? 'GET',
      path: req.url ?? '/',
      headers: upstreamHeaders(req, requestIdOf(req)),
      body,
      headersTimeoutMs: NO_TIMEOUT,
      bodyTimeoutMs: NO_TIMEOUT,
    },
    relay,
  );
  return relay.done;
}

function hasBody(req: IncomingMessage): boolean {
  return req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
}

/**
 * A sender that stops in the middle of a body gives up its connection. The socket's count of bytes is watched, not
 * the stream: a second reader would set it flowing before the upstream is ready for it.
 */
function endWhenSilent(req: IncomingMessage, timeoutMs: number): void {
  let seen = -1;
  const timer = setInterval(() => {
    if (req.socket.bytesRead === seen) req.destroy();
    seen = req.socket.bytesRead;
  }, timeoutMs);
  const clear = () => clearInterval(timer);
  req.once('end', clear).once('close', clear);
}
