/**
 * Certificate, key and client CA from files, looked at again and again: a certificate is renewed by replacing the
 * files, whole folders of links included. What can not be used leaves the one before in force.
 */
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { Poller } from '../../../base/poller.js';

export interface TlsFileNames {
  readonly cert: string;
  readonly key: string;
  /** Undefined: clients need no certificate. */
  readonly clientCa: string | undefined;
}

export class TlsFiles {
  /** What was last found good. */
  context: SecureContextOptions;
  failures = 0;
  readonly #names: TlsFileNames;
  #poller: Poller | undefined;

  /** Throws when the files can not be used: a listener does not start without. */
  constructor(names: TlsFileNames) {
    this.#names = names;
    this.context = this.#read();
  }

  watch(
    intervalMs: number,
    renewed: (context: SecureContextOptions) => void,
    failed: (error: unknown) => void,
  ): void {
    this.#poller = new Poller({
      run: () => {
        const context = this.#read();
        if (isSame(context, this.context)) return;
        this.context = context;
        renewed(context);
      },
      failed: (error) => {
        this.failures++;
        failed(error);
      },
      waitMs: () => intervalMs,
    });
    this.#poller.startLater();
  }

  /** Once it is watched. */
  async refresh(): Promise<void> {
    await this.#poller?.refresh();
  }

  async close(): Promise<void> {
    await this.#poller?.stop();
  }

  #read(): SecureContextOptions {
    const { cert, key, clientCa } = this.#names;
    const context = {
      cert: readFileSync(cert),
      key: readFileSync(key),
      ...(clientCa === undefined ? {} : { ca: readFileSync(clientCa) }),
    };
    // Throws where certificate and key do not belong together, as in the middle of a renewal.
    createSecureContext(context);
    return context;
  }
}

function isSame(a: SecureContextOptions, b: SecureContextOptions): boolean {
  return String([a.cert, a.key, a.ca]) === String([b.cert, b.key, b.ca]);
}
