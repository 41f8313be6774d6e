/** The console's files, compressed when they were built, read once: what is served is what was built, and no path leads elsewhere. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';

interface Asset {
  readonly type: string;
  readonly body: Buffer;
  readonly compressed: Buffer;
  readonly etag: string;
}

const FILES: readonly (readonly [path: string, file: string, type: string])[] = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/page/main.js', 'main.js', 'text/javascript; charset=utf-8'],
  ['/page/style.css', 'style.css', 'text/css; charset=utf-8'],
  ['/page/icon.svg', 'icon.svg', 'image/svg+xml'],
];

export class Assets {
  readonly #byPath = new Map<string, Asset>();

  constructor() {
    for (const [path, file, type] of FILES) {
      const read = (name: string): Buffer => readFileSync(new URL(`console/${name}`, import.meta.url));
      const body = read(file);
      const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
      this.#byPath.set(path, { type, body, compressed: read(`${file}.gz`), etag });
    }
  }

  /** False: there is no such file. */
  answer(req: IncomingMessage, res: ServerResponse, path: string): boolean {
    const asset = this.#byPath.get(path);
    if (asset === undefined) return false;
    const { type, body, compressed, etag } = asset;
    // Asked for every time, sent when it changed: after an upgrade no page is half old.
    res
      .setHeader('Cache-Control', 'no-cache')
      .setHeader('ETag', etag)
      .setHeader('Vary', 'Accept-Encoding')
      .setHeader('Content-Type', type);
    if (req.headers['if-none-match'] === etag) res.writeHead(304).end();
    else if (/\bgzip\b/.test(req.headers['accept-encoding'] ?? ''))
      res.writeHead(200, { 'Content-Encoding': 'gzip' }).end(compressed);
    else res.writeHead(200).end(body);
    return true;
  }
}
