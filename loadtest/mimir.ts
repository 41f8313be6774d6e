/**
 * A Mimir of limited capacity, as a process of its own: so many workers, each of which takes so long for a push; what comes while
 * all are busy waits in order. Much more at once makes all of it slower, as garbage collection and contention do. A scenario tells
 * it how to behave. What it takes it writes down first: so it is known what it had taken when it is killed.
 *
 *   node mimir.js PORT [MODEL as JSON]
 */
import { openSync, writeSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { numberOf } from './numbered-push.js';

export interface MimirModel {
  readonly host?: string;
  readonly workers?: number;
  /** Of one worker, for one push. */
  readonly pushMs?: number;
  /** So many pushes at once, beyond those that workers have, make each take twice as long. */
  readonly thrashAt?: number;
  /** The numbers of pushes that it takes are added to this file, one a line. */
  readonly file?: string;
}

export type Behaviour = 'well' | '503' | 'hang' | 'slow';

const SLOW_MS = 1000;

const [port = '0', json = '{}'] = process.argv.slice(2);
const {
  host = '127.0.0.1',
  workers = 8,
  pushMs = 0,
  thrashAt = Number.POSITIVE_INFINITY,
  file,
} = JSON.parse(json) as MimirModel;

const log = file === undefined ? undefined : openSync(file, 'a');
let behaviour: Behaviour = 'well';
let inFlight = 0;
/** Pushes that were answered. */
let taken = 0;
/** When each worker is free again. */
const freeAtMs = new Float64Array(workers);

createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => handle(request, response, chunks));
}).listen(Number(port), host);

function handle({ method, url = '' }: IncomingMessage, response: ServerResponse, body: Buffer[]): void {
  if (url.startsWith('/behave/')) behaviour = url.slice('/behave/'.length) as Behaviour;
  if (method === 'POST') push(response, body);
  else response.end(url === '/taken' ? String(taken) : '');
}

function push(response: ServerResponse, body: Buffer[]): void {
  if (behaviour === '503') {
    response.writeHead(503).end('not now\n');
    return;
  }
  if (log !== undefined) writeSync(log, `${numberOf(Buffer.concat(body)) ?? ''}\n`);
  if (behaviour === 'hang') return;
  inFlight++;
  setTimeout(() => {
    inFlight--;
    taken++;
    response.end();
  }, serviceMs());
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
