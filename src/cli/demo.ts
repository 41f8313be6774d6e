/**
 * mimir-edge demo: the real proxy in front of a built-in sink, with tenants that send real pushes to it over HTTP.
 * Nothing is simulated between them: the table shows what the proxy counted.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { Agent, request } from 'undici';
import { type RunningApp, startApp } from '../app/start-app.js';
import { listen } from '../base/listen.js';
import { loadConfig } from '../config/config.js';
import { REASON_NAMES } from '../enforce/reasons.js';
import { DISCARDED_REQUESTS, discarded } from '../enforce/tally.js';
import type { Tenant } from '../enforce/tenant.js';
import { compress, encodeVersion1, encodeVersion2, type SeriesToSend } from '../payload/encode.js';
import { asUsage, type Io, table, UsageError } from './io.js';

const HELP = `Usage: mimir-edge demo [--seconds N] [--proxy-port PORT] [--admin-port PORT]

Runs the proxy in front of a built-in sink, and five tenants that send to it: one of them far over its limit, one whose
bodies are broken, one in shadow mode. Shows live what is accepted and what is refused, and why. Edit the overrides
file that it names, and watch the limits change.

  --seconds N         stop by itself, with a summary (default: until Ctrl-C)
  --proxy-port PORT   default: a free one
  --admin-port PORT   default: a free one
  --help

Examples:
  mimir-edge demo
  mimir-edge demo --seconds 10 --admin-port 8082
`;

interface DemoTenant {
  readonly id: string;
  readonly seriesPerPush: number;
  readonly pushesPerSecond: number;
  readonly version: 1 | 2;
  /** Every so many pushes one is cut short; 0: never. */
  readonly breaksEvery: number;
}

const TENANTS: readonly DemoTenant[] = [
  { id: 'team-checkout', seriesPerPush: 100, pushesPerSecond: 4, version: 1, breaksEvery: 0 },
  { id: 'team-search', seriesPerPush: 200, pushesPerSecond: 4, version: 2, breaksEvery: 0 },
  { id: 'team-noisy', seriesPerPush: 500, pushesPerSecond: 10, version: 1, breaksEvery: 0 },
  { id: 'team-broken', seriesPerPush: 100, pushesPerSecond: 2, version: 1, breaksEvery: 2 },
  { id: 'team-shadow', seriesPerPush: 300, pushesPerSecond: 4, version: 1, breaksEvery: 0 },
];

const OVERRIDES = `# Mimir's overrides. Change a limit, save, and watch the table.
overrides:
  team-checkout: { ingestion_rate: 1000, ingestion_burst_size: 2000 }
  team-search: { ingestion_rate: 1000, ingestion_burst_size: 2000 }
  team-noisy: { ingestion_rate: 1000, ingestion_burst_size: 2000 }
  team-broken: { ingestion_rate: 1000, ingestion_burst_size: 2000 }
  team-shadow: { ingestion_rate: 600, ingestion_burst_size: 1200 }
`;

const EDGE_OVERRIDES = `# What Mimir does not know.
overrides:
  team-shadow: { mode: shadow }
`;

const REDRAW_MS = 1000;
/** Without a terminal, a line is enough now and then. */
const REPORT_MS = 5000;

export async function demo(args: string[], io: Io): Promise<number> {
  const options = readOptions(args);
  if (options === undefined) {
    io.stdout.write(HELP);
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), 'mimir-edge-demo-'));
  const sink = await startSink();
  const app = await startEdge(folder, sink.port, options, io);
  io.stdout.write(introduction(app, folder));

  const stopping = new AbortController();
  const onSignal = (): void => stopping.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const timer = options.seconds === undefined ? undefined : setTimeout(onSignal, options.seconds * 1000);

  const agent = new Agent({ connections: 8 });
  const url = `http://127.0.0.1:${app.proxy?.port}/api/v1/push`;
  const view = new View(app, io);
  const senders = TENANTS.map((tenant) => sendUntil(stopping.signal, tenant, url, agent));
  const interactive = 'isTTY' in io.stdout && io.stdout.isTTY === true;
  await viewUntil(stopping.signal, view, interactive);

  clearTimeout(timer);
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  await Promise.all(senders);
  view.summary(sink.received());
  await agent.close();
  await app.stop();
  sink.close();
  rmSync(folder, { recursive: true });
  return 0;
}

interface DemoOptions {
  readonly seconds: number | undefined;
  readonly proxyPort: number;
  readonly adminPort: number;
}

/** Undefined: help was asked for. */
function readOptions(args: string[]): DemoOptions | undefined {
  const { values } = asUsage(() =>
    parseArgs({
      args,
      options: {
        seconds: { type: 'string' },
        'proxy-port': { type: 'string', default: '0' },
        'admin-port': { type: 'string', default: '0' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }),
  );
  if (values.help) return undefined;
  return {
    seconds: values.seconds === undefined ? undefined : number('seconds', values.seconds, 1, 86_400),
    proxyPort: number('proxy-port', values['proxy-port'], 0, 65_535),
    adminPort: number('admin-port', values['admin-port'], 0, 65_535),
  };
}

function number(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < min || value > max) {
    throw new UsageError(`--${name} needs a number from ${min} to ${max}, not ${JSON.stringify(text)}`);
  }
  return value;
}

interface Sink {
  readonly port: number;
  /** Pushes that arrived. */
  received(): number;
  close(): void;
}

/** Takes whatever comes, as a Mimir would that has no limits. */
async function startSink(): Promise<Sink> {
  let pushes = 0;
  const server = createServer((req, res) => {
    req.resume().on('end', () => {
      pushes++;
      res.end();
    });
  });
  const { port } = await listen(server, 0, '127.0.0.1', 'the sink');
  return {
    port,
    received: () => pushes,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function startEdge(
  folder: string,
  sinkPort: number,
  options: DemoOptions,
  io: Io,
): Promise<RunningApp> {
  writeFileSync(join(folder, 'overrides.yaml'), OVERRIDES);
  writeFileSync(join(folder, 'edge-overrides.yaml'), EDGE_OVERRIDES);
  const loaded = loadConfig({
    env: {},
    flags: {
      'upstream.url': `http://127.0.0.1:${sinkPort}`,
      'listen.proxy': `127.0.0.1:${options.proxyPort}`,
      'listen.admin': `127.0.0.1:${options.adminPort}`,
      'overrides.file': join(folder, 'overrides.yaml'),
      'overrides.edge_file': join(folder, 'edge-overrides.yaml'),
      'log.level': 'error',
    },
  });
  if ('errors' in loaded) throw new Error(JSON.stringify(loaded.errors));
  return startApp(loaded.config, pino({ level: 'error' }, io.stderr));
}

function introduction(app: RunningApp, folder: string): string {
  const proxy = `http://127.0.0.1:${app.proxy?.port}`;
  const admin = `http://127.0.0.1:${app.admin.port}`;
  return `mimir-edge demo: five tenants push to the proxy, which forwards to a built-in sink.

  proxy       ${proxy}/api/v1/push
  status page ${admin}/
  metrics     ${admin}/metrics
  readiness   ${admin}/readyz
  overrides   ${join(folder, 'overrides.yaml')}

`;
}

async function sendUntil(stop: AbortSignal, tenant: DemoTenant, url: string, agent: Agent): Promise<void> {
  for (let sent = 1; !stop.aborted; sent++) {
    const body = bodyOf(tenant, sent);
    try {
      const response = await request(url, {
        method: 'POST',
        dispatcher: agent,
        headers: {
          'content-type':
            tenant.version === 1
              ? 'application/x-protobuf'
              : 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
          'content-encoding': 'snappy',
          'x-prometheus-remote-write-version': tenant.version === 1 ? '0.1.0' : '2.0.0',
          'x-scope-orgid': tenant.id,
        },
        body,
      });
      await response.body.dump();
    } catch {
      // A push that finds no answer shows as one that was not accepted.
    }
    await delay(1000 / tenant.pushesPerSecond, undefined, { signal: stop }).catch(() => {});
  }
}

function bodyOf(tenant: DemoTenant, sent: number): Uint8Array {
  const timestampMs = Date.now();
  const series = Array.from(
    { length: tenant.seriesPerPush },
    (_, index): SeriesToSend => ({
      labels: [
        ['__name__', 'http_requests_total'],
        ['code', ['200', '404', '500'][index % 3] ?? '200'],
        ['instance', `10.0.0.${index % 20}:8080`],
        ['job', tenant.id],
        ['path', `/api/v1/things/${Math.floor(index / 60)}`],
      ],
      value: sent * 10 + index,
      timestampMs,
    }),
  );
  const plain = tenant.version === 1 ? encodeVersion1(series) : encodeVersion2(series);
  const body = compress(plain);
  const broken = tenant.breaksEvery > 0 && sent % tenant.breaksEvery === 0;
  return broken ? body.subarray(0, body.length / 2) : body;
}

async function viewUntil(stop: AbortSignal, view: View, interactive: boolean): Promise<void> {
  while (!stop.aborted) {
    await delay(interactive ? REDRAW_MS : REPORT_MS, undefined, { signal: stop }).catch(() => {});
    if (!stop.aborted) view.draw(interactive);
  }
}

/** The table of tenants, drawn over itself on a terminal. */
class View {
  readonly #app: RunningApp;
  readonly #io: Io;
  readonly #seen = new Map<string, number>();
  #seenAtMs = performance.now();
  #linesDrawn = 0;

  constructor(app: RunningApp, io: Io) {
    this.#app = app;
    this.#io = io;
  }

  draw(over: boolean): void {
    const text = this.#table();
    const back = over && this.#linesDrawn > 0 ? `\x1b[${this.#linesDrawn}A\x1b[J` : '';
    this.#io.stdout.write(back + text + (over ? '' : '\n'));
    this.#linesDrawn = text.split('\n').length - 1;
  }

  summary(arrived: number): void {
    const tallies = this.#tenants().map(({ tally }) => tally);
    const sum = (of: (tally: Tenant['tally']) => number): number =>
      tallies.reduce((total, one) => total + of(one), 0);
    this.#io.stdout.write(
      `\n${this.#table()}\n${sum((one) => one.requests)} pushes received, ${sum((one) => one.accepted)} accepted, ` +
        `${sum((one) => one.requests - one.accepted)} refused; ${arrived} arrived at the sink.\n`,
    );
  }

  #tenants(): Tenant[] {
    return [...this.#app.enforcer.tenants.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  #table(): string {
    const nowMs = performance.now();
    const seconds = (nowMs - this.#seenAtMs) / 1000;
    this.#seenAtMs = nowMs;
    const rows = this.#tenants().map((tenant) => {
      const { tally, limits, id, mode } = tenant;
      const rate = (tally.samples - (this.#seen.get(id) ?? 0)) / seconds;
      this.#seen.set(id, tally.samples);
      const name = mode === 'enforce' ? id : `${id} (${mode})`;
      return [
        name,
        rate.toFixed(0),
        String(limits.ingestion_rate),
        String(tally.accepted),
        String(tally.requests - tally.accepted),
        why(tenant),
      ];
    });
    return table([['tenant', 'samples/s', 'limit/s', 'accepted', 'refused', 'why'], ...rows], [5]);
  }
}

function why({ tally }: Tenant): string {
  const reasons = (counts: Float64Array | undefined, note: string): string[] =>
    REASON_NAMES.filter((reason) => discarded(counts, reason, DISCARDED_REQUESTS) > 0).map(
      (reason) => `${reason} ${discarded(counts, reason, DISCARDED_REQUESTS)}${note}`,
    );
  return [...reasons(tally.refused, ''), ...reasons(tally.shadowed, ' (let pass)')].join(', ');
}
