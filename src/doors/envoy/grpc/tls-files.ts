/**
 * Certificate, key and client CA from files, which are polled: a certificate is renewed by replacing the files, even whole
 * folders of links. If the new files are unusable or not valid yet, the old ones stay in use.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { Poller } from '../../../base/poller.js';

interface TlsFileNames {
  readonly cert: string;
  readonly key: string;
  /** Undefined: clients need no certificate. */
  readonly clientCa: string | undefined;
}

interface Certificates {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
}

export class TlsFiles {
  /** The last valid ones. */
  context: Certificates;
  failures = 0;
  readonly #names: TlsFileNames;
  readonly #today: () => number;
  #poller: Poller | undefined;

  /** Throws when the files are unusable: a listener does not start without them. */
  constructor(names: TlsFileNames, today: () => number = Date.now) {
    this.#names = names;
    this.#today = today;
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
        checkDates(context, this.#today());
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

  #read(): Certificates {
    const { cert, key, clientCa } = this.#names;
    const context: Certificates = {
      cert: readFileSync(cert),
      key: readFileSync(key),
      ...(clientCa === undefined ? {} : { ca: readCertificates(clientCa) }),
    };
    // Throws when certificate and key do not match, as in the middle of a renewal.
    createSecureContext(context);
    return context;
  }
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** TLS accepts a file without any, and then trusts the system's CAs, or nobody. */
function readCertificates(file: string): Buffer {
  const text = readFileSync(file);
  const certificates = text.toString('latin1').match(PEM) ?? [];
  if (certificates.length === 0) throw new Error(`client_ca_file ${file} has no certificate in it`);
  // Throws if it only looks like a certificate.
  for (const certificate of certificates) new X509Certificate(certificate);
  return text;
}

/** At the start dates are not checked, as there is no earlier certificate. */
function checkDates({ cert }: Pick<Certificates, 'cert'>, today: number): void {
  const { validFrom, validTo } = new X509Certificate(cert);
  if (Date.parse(validTo) < today) throw new Error(`the new certificate expired on ${validTo}`);
  if (Date.parse(validFrom) > today) throw new Error(`the new certificate is not valid before ${validFrom}`);
}

function isSame(a: Certificates, b: Certificates): boolean {
  return String([a.cert, a.key, a.ca]) === String([b.cert, b.key, b.ca]);
}
