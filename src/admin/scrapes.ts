/**
 * GET /metrics. Who asks while another's text is being made gets the same; it is packed where the scraper takes that, and
 * given at the scraper's pace, for a time. So what many scrapes hold is a few texts.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { CONTENT_TYPES, type TextFormat } from '../telemetry/exposition.js';

export type MetricsText = (format: TextFormat) => AsyncIterable<string>;

/** Answers that are on their way at one time. One more, and the oldest is cut. */
const MAX_UNREAD = 8;
/** Until an answer has been read. */
const READ_MS = 10_000;
/** The fastest packs these lines to a tenth already. */
const GZIP_LEVEL = 1;

export class Scrapes {
  readonly #text: MetricsText;
  /** Texts that are being made, by format and packing. */
  readonly #made = new Map<string, Promise<readonly Buffer[]>>();
  readonly #unread = new Set<ServerResponse>();

  constructor(text: MetricsText) {
    this.#text = text;
  }

  async answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const format = formatOf(req.headers.accept);
    const isPacked = takesGzip(req.headers['accept-encoding']);
    const text = await this.#make(format, isPacked);
    res.writeHead(200, {
      'Content-Type': CONTENT_TYPES[format],
      'Content-Length': text.reduce((sum, { length }) => sum + length, 0),
      Vary: 'Accept, Accept-Encoding',
      ...(isPacked ? { 'Content-Encoding': 'gzip' } : {}),
    });
    if (req.method === 'HEAD') res.end();
    else await this.#give(res, text);
  }

  async #give(res: ServerResponse, text: readonly Buffer[]): Promise<void> {
    this.#unread.add(res);
    for (const oldest of this.#unread) {
      if (this.#unread.size <= MAX_UNREAD) break;
      this.#unread.delete(oldest);
      oldest.destroy();
    }
    try {
      await pipeline(Readable.from(text), res, { signal: AbortSignal.timeout(READ_MS) });
    } catch {
      // Whoever went away, or does not read, has lost nothing that the next scrape will not have.
      res.destroy();
    } finally {
      this.#unread.delete(res);
    }
  }

  #make(format: TextFormat, isPacked: boolean): Promise<readonly Buffer[]> {
    const kind = `${format} ${isPacked}`;
    const underWay = this.#made.get(kind);
    if (underWay !== undefined) return underWay;
    const made = (isPacked ? this.#pack(format) : collect(this.#text(format))).finally(() => {
      this.#made.delete(kind);
    });
    this.#made.set(kind, made);
    return made;
  }

  async #pack(format: TextFormat): Promise<readonly Buffer[]> {
    const packed: Buffer[] = [];
    await pipeline(this.#text(format), createGzip({ level: GZIP_LEVEL }), async (chunks) => {
      for await (const chunk of chunks) packed.push(chunk as Buffer);
    });
    return packed;
  }
}

async function collect(parts: AsyncIterable<string>): Promise<readonly Buffer[]> {
  const collected: Buffer[] = [];
  for await (const part of parts) collected.push(Buffer.from(part));
  return collected;
}

/** OpenMetrics 1.0 where the scraper likes it no less than the plain format. */
export function formatOf(accept = ''): TextFormat {
  let open = 0;
  let plain = 0;
  for (const one of accept.split(',')) {
    const [type = '', ...parameters] = one.split(';').map((part) => part.trim().toLowerCase());
    const quality = qualityOf(parameters);
    if (type === 'application/openmetrics-text') {
      const version = parameters.find((parameter) => parameter.startsWith('version='))?.slice(8);
      if (version === undefined || version === '1.0.0') open = Math.max(open, quality);
    } else if (type === 'text/plain' || type === 'text/*' || type === '*/*') {
      plain = Math.max(plain, quality);
    }
  }
  return open > 0 && open >= plain ? 'openmetrics' : 'prometheus';
}

export function takesGzip(encodings = ''): boolean {
  for (const one of encodings.split(',')) {
    const [name = '', ...parameters] = one.split(';').map((part) => part.trim().toLowerCase());
    if (name === 'gzip' || name === '*') return qualityOf(parameters) > 0;
  }
  return false;
}

function qualityOf(parameters: readonly string[]): number {
  const written = parameters.find((parameter) => parameter.startsWith('q='));
  const quality = written === undefined ? 1 : Number(written.slice(2));
  return quality >= 0 && quality <= 1 ? quality : 0;
}
