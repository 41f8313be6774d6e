/**
 * mimir-edge demo: the real proxy in front of a built-in sink, and tenants that send real pushes to it over HTTP. Nothing
 * is simulated: the table shows what the proxy counted.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { type RunningApp, startApp } from '../app/start-app.js';
import { loadConfig } from '../config/config.js';
import { startSink } from '../loadtest/sink.js';
import { EDGE_OVERRIDES, OVERRIDES, sendUntil } from './demo/tenants.js';
import { View } from './demo/view.js';
import { asUsage, type Io, UsageError } from './io.js';

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

const REDRAW_MS = 1000;
/** Without a terminal, an occasional line is enough. */
const REPORT_MS = 5000;

export async function demo(args: string[], io: Io): Promise<number> {
  const options = readOptions(args);
  if (options === undefined) {
    io.stdout.write(HELP);
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), 'mimir-edge-demo-'));
  const sink = await startSink();
  const app = await startEdge(folder, sink.url, options, io);

  const stopping = new AbortController();
  const onSignal = (): void => stopping.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  // The reader of this output may end it at once.
  io.stdout.write(introduction(app, folder));
  const timer = options.seconds === undefined ? undefined : setTimeout(onSignal, options.seconds * 1000);

  const view = new View(() => app.enforcer.tenants.values(), io);
  const sending = sendUntil(stopping.signal, `http://127.0.0.1:${app.proxy?.port}`);
  const interactive = 'isTTY' in io.stdout && io.stdout.isTTY === true;
  await viewUntil(stopping.signal, view, interactive);

  clearTimeout(timer);
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  await sending;
  view.summary(sink.received());
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

/** Undefined: help was requested. */
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

async function startEdge(folder: string, sinkUrl: string, options: DemoOptions, io: Io): Promise<RunningApp> {
  writeFileSync(join(folder, 'overrides.yaml'), OVERRIDES);
  writeFileSync(join(folder, 'edge-overrides.yaml'), EDGE_OVERRIDES);
  const loaded = loadConfig({
    env: {},
    flags: {
      'upstream.url': sinkUrl,
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

async function viewUntil(stop: AbortSignal, view: View, interactive: boolean): Promise<void> {
  while (!stop.aborted) {
    await delay(interactive ? REDRAW_MS : REPORT_MS, undefined, { signal: stop }).catch(() => {});
    if (!stop.aborted) view.draw(interactive);
  }
}
