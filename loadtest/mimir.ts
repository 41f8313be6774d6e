/**
 * A Mimir of limited capacity, as a process of its own: so many workers, each of which takes so long for a push; what comes while
 * all are busy waits in order. From there on more at once makes all of it slower, as garbage collection and contention do. A test
 * tells it to fail, and asks what it has taken.
 *
 *   node mimir.js PORT [MODEL as JSON]
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { idOf } from './numbered-push.js';

export interface MimirModel {
  readonly host?: string;
  readonly workers?: number;
  /** Of one worker, for one push. */
  readonly pushMs?: number;
  /** So many pushes at once, beyond those that workers have, make each take twice as long. */
  readonly thrashAt?: number;
}

export type Behaviour = 'well' | '503' | 'hang' | 'slow';

export interface MimirCounts {
  /** Pushes that were taken. */
  readonly taken: number;
  /** Different ones of them that had a number. */
  readonly numbers: readonly number[];
  /** Taken again. */
  readonly doubled: number;
}

const SLOW_MS = 1000;

const [port = '0', json = '{}'] = process.argv.slice(2);
const {
  host = '127.0.0.1',
  workers = 8,
  pushMs = 0,
  thrashAt = Number.POSITIVE_INFINITY,
} = JSON.parse(json) as MimirModel;

let behaviour: Behaviour = 'well';
let taken = 0;
let doubled = 0;
const numbers = new Set<number>();
let inFlight = 0;
/** When each worker is free again. */
const freeAtMs = new Float64Array(workers);

createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => handle(request, response, Buffer.concat(chunks)));
}).listen(Number(port), host);

function handle(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  if (request.url?.startsWith('/behave/')) {
    behaviour = request.url.slice('/behave/'.length) as Behaviour;
    response.end();
  } else if (request.url === '/counts') {
    response.end(JSON.stringify({ taken, numbers: [...numbers], doubled } satisfies MimirCounts));
  } else if (request.method !== 'POST') response.end();
  else push(response, body);
}

function push(response: ServerResponse, body: Buffer): void {
  if (behaviour === '503') {
    response.writeHead(503).end('not now\n');
    return;
  }
  if (behaviour === 'hang') return;
  take(body);
  inFlight++;
  setTimeout(() => {
    inFlight--;
    response.end();
  }, serviceMs());
}

function take(body: Buffer): void {
  taken++;
  const number = idOf(body);
  if (number === undefined) return;
  if (numbers.has(number)) doubled++;
  numbers.add(number);
}

/** Until the worker that is free first has done it. */
function serviceMs(): number {
  if (behaviour === 'slow') return SLOW_MS;
  if (pushMs === 0) return 0;
  let worker = 0;
  for (let i = 1; i < workers; i++) if ((freeAtMs[i] ?? 0) < (freeAtMs[worker] ?? 0)) worker = i;
  const nowMs = performance.now();
  const beyond = Math.max(0, inFlight - workers);
  const endMs = Math.max(nowMs, freeAtMs[worker] ?? 0) + pushMs * (1 + beyond / thrashAt);
  freeAtMs[worker] = endMs;
  return endMs - nowMs;
}
