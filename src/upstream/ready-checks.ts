/**
 * Asks each address now and then whether it is ready, one question at a time. An address that says no three times in a row is left
 * out, and one that was left out comes back by what it answers here, too, without a push at risk.
 */
import { MessageHeaders } from '../base/http1/headers.js';
import type { Addresses } from './addresses.js';
import type { UpstreamReceiver } from './call.js';
import type { UpstreamAddress } from './upstream-address.js';

/** Nobody's: it waits behind no tenant's requests. */
const NOBODY = '';

export class ReadyChecks {
  readonly #addresses: Addresses;
  readonly #path: string;
  readonly #everyMs: number;
  /** Answers in a row that were none, or said no; of addresses that are asked now, undefined. */
  readonly #failures = new Map<UpstreamAddress, number | undefined>();
  #timer: NodeJS.Timeout | undefined;

  constructor(addresses: Addresses, path: string, everyMs: number) {
    this.#addresses = addresses;
    this.#path = path;
    this.#everyMs = everyMs;
  }

  start(): void {
    this.#timer = setInterval(() => this.#askAll(), this.#everyMs).unref();
    this.#askAll();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #askAll(): void {
    const { all } = this.#addresses;
    for (const address of this.#failures.keys()) if (!all.includes(address)) this.#failures.delete(address);
    for (const address of all) {
      const failures = this.#failures.get(address);
      if (this.#failures.has(address) && failures === undefined) continue;
      this.#failures.set(address, undefined);
      this.#ask(address, failures ?? 0);
    }
  }

  #ask(address: UpstreamAddress, failures: number): void {
    let answered = false;
    const heard = (isReady: boolean): void => {
      if (answered) return;
      answered = true;
      const inARow = isReady ? 0 : failures + 1;
      this.#failures.set(address, inARow);
      this.#addresses.checked(address, isReady, inARow);
    };
    const receiver: UpstreamReceiver = {
      started: () => {},
      response: ({ status }) => heard(status < 500),
      data: () => {},
      end: () => {},
      failed: () => heard(false),
    };
    address.check(
      {
        tenant: NOBODY,
        place: NOBODY,
        address: '',
        method: 'GET',
        path: this.#path,
        headers: new MessageHeaders([]),
        requestId: 'ready-check',
        body: null,
        headRoom: 0,
        headersTimeoutMs: this.#everyMs,
        bodyTimeoutMs: this.#everyMs,
      },
      receiver,
    );
  }
}
