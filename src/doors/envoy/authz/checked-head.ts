/**
 * The properties by which senders are distinguished, of a push that Envoy describes. Unlike a connection's head it is not
 * reused.
 */
import type { KnownSender, SenderHead } from '../../senders.js';
import type { CheckedRequest } from './check-request.js';

export class CheckedHead implements SenderHead {
  readonly #request: CheckedRequest;
  sender: KnownSender | undefined;

  constructor(request: CheckedRequest) {
    this.#request = request;
  }

  get remoteAddress(): string {
    return this.#request.remoteAddress;
  }

  header(name: string): string | undefined {
    switch (name) {
      case 'user-agent':
        return this.#request.userAgent;
      case 'x-forwarded-for':
        return this.#request.forwardedFor;
      case 'content-encoding':
        return this.#request.contentEncoding;
      case 'retry-attempt':
        return this.#request.retryAttempt;
      default:
        return undefined;
    }
  }
}
