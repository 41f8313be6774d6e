/**
 * Live updates as server-sent events: every two seconds the status and the table of tenants, and refusals and audit when
 * there are new ones. All streams are served by one timer, and whatever several ask for is made once.
 */
import type { ServerResponse } from 'node:http';
import { changesOf } from './audit-view.js';
import { denialsOf } from './denials.js';
import type { Edge } from './edge.js';
import { type Listing, listTenants } from './listing.js';
import { Problem } from './problem.js';
import { statusOf } from './reads.js';
import { type Replicas, replicasOf } from './replicas-view.js';
import { scopedEdge } from './scope.js';

const TICK_MS = 2000;
const MAX_STREAMS = 50;
/** A reader that is behind by more is gone, or may come again. */
const MAX_BEHIND_BYTES = 1 << 20;
const NEWEST = 50;

interface Stream {
  readonly res: ServerResponse;
  readonly listing: Listing;
  /** It may still be read by whoever opened it. */
  readonly allowed: () => boolean;
  /** As they were sent last. */
  denials: unknown;
  changes: unknown;
}

interface News {
  readonly replicas: Replicas;
  readonly denials: Awaited<ReturnType<typeof denialsOf>>;
  readonly changes: Awaited<ReturnType<typeof changesOf>>;
}

export class Streams {
  readonly #edge: Edge;
  readonly #open = new Set<Stream>();
  #ticker: NodeJS.Timeout | undefined;

  constructor(edge: Edge) {
    this.#edge = edge;
  }

  get size(): number {
    return this.#open.size;
  }

  open(res: ServerResponse, listing: Listing, allowed: () => boolean): void {
    if (this.#open.size >= MAX_STREAMS) {
      throw new Problem(503, `there are ${MAX_STREAMS} streams open`, { 'Retry-After': '10' });
    }
    const stream: Stream = { res, listing, allowed, denials: undefined, changes: undefined };
    this.#open.add(stream);
    res.on('close', () => this.#close(stream));
    res.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      // NGINX would keep events back until it has a bufferful of them.
      'X-Accel-Buffering': 'no',
    });
    void this.#tick([stream]);
    this.#ticker ??= setInterval(() => void this.#tick(this.#open), TICK_MS).unref();
  }

  stop(): void {
    for (const { res } of this.#open) res.destroy();
    clearInterval(this.#ticker);
  }

  #close(stream: Stream): void {
    this.#open.delete(stream);
    if (this.#open.size > 0) return;
    clearInterval(this.#ticker);
    this.#ticker = undefined;
  }

  async #tick(streams: Iterable<Stream>): Promise<void> {
    const edge = this.#edge;
    await edge.refresh();
    const [replicas, denials, changes] = await Promise.all([
      replicasOf(edge, undefined),
      denialsOf(edge, undefined, { limit: NEWEST }),
      changesOf(edge, undefined, { limit: NEWEST }),
    ]);
    this.#send(streams, { replicas, denials, changes });
  }

  #send(streams: Iterable<Stream>, { replicas, denials, changes }: News): void {
    const made = new Map<string, string>();
    const once = (name: string, key: string, make: () => unknown): string => {
      let text = made.get(key);
      if (text === undefined) {
        text = `event: ${name}\ndata: ${JSON.stringify(make())}\n\n`;
        made.set(key, text);
      }
      return text;
    };
    const seen = { denials: JSON.stringify(denials.denials), changes: JSON.stringify(changes.entries) };
    for (const stream of streams) {
      const { res, listing } = stream;
      if (!this.#open.has(stream)) continue;
      if (!stream.allowed() || res.writableLength > MAX_BEHIND_BYTES) {
        res.destroy();
        continue;
      }
      let text = once('status', 'status', () => statusOf(this.#edge, replicas));
      text += once('tenants', JSON.stringify(listing), () => {
        const { edge, scope } = scopedEdge(this.#edge, undefined);
        return { scope, ...listTenants(edge, listing) };
      });
      if (stream.denials !== seen.denials) {
        stream.denials = seen.denials;
        text += once('denials', 'denials', () => denials);
      }
      if (stream.changes !== seen.changes) {
        stream.changes = seen.changes;
        text += once('audit', 'audit', () => changes);
      }
      res.write(text);
    }
  }
}
