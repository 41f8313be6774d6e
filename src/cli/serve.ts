/** mimir-edge serve: the proxy, until SIGTERM or SIGINT. */
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { RunningApp } from '../app/start-app.js';
import { StartError } from '../base/listen.js';
import { messageOf } from '../base/message-of.js';
import {
  type Config,
  type ConfigError,
  envName,
  loadConfig,
  printConfig,
  SETTING_PATHS,
} from '../config/config.js';
import { SETTINGS } from '../config/settings.js';
import { openLog } from '../telemetry/log.js';
import type { RunningPrimary } from '../workers/primary.js';
import { type Io, UsageError } from './io.js';

const HELP = `Usage: mimir-edge serve [--config FILE] [--SETTING=VALUE ...] [--print-config]

Enforces the tenants' limits on pushes, and passes everything else through to the upstream.

  --config FILE     settings as YAML
  --print-config    show the effective configuration, and stop
  --SETTING=VALUE   any setting below; beats the environment, which beats the file
  --limits.NAME=VALUE, --edge_limits.NAME=VALUE
                    a limit of the tenants that no document names, under the names of docs/limits.md
  --help

Examples:
  mimir-edge serve --upstream.url=http://mimir-distributor:8080
  mimir-edge serve --config edge.yaml --mode=shadow
  MIMIR_EDGE_UPSTREAM_URL=http://mimir:8080 mimir-edge serve --overrides.file=/etc/mimir/overrides.yaml

Settings, with their variable and default:
`;

export async function serve(args: string[], io: Io): Promise<number> {
  const { config: configFile, flags, switches } = parseFlags(args);
  if (switches.has('help')) {
    io.stdout.write(HELP + settingsHelp());
    return 0;
  }
  const config = readConfig(configFile, io, flags);
  if (config === undefined) return 1;
  if (switches.has('print-config')) {
    io.stdout.write(printConfig(config));
    return 0;
  }
  if (config['upstream.url'].length === 0 && !config['envoy.enabled']) {
    throw new UsageError(
      'upstream.url is needed: where is Mimir? For example --upstream.url=http://localhost:9009. ' +
        'Only with envoy.enabled there can be none',
    );
  }
  try {
    await serveUntilSignal(config, io, { file: configFile, flags });
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    // Whatever did start would keep the process alive.
    io.stderr.write(`mimir-edge: ${error.message}\n`, () => process.exit(1));
    return 1;
  }
  return 0;
}

/** Where the settings come from. */
interface Given {
  readonly file: string | undefined;
  readonly flags: Readonly<Record<string, string>>;
}

async function serveUntilSignal(config: Config, io: Io, given: Given): Promise<void> {
  // Installed before anything starts: an early signal must not end the process.
  let onHangup = (): void => {};
  process.on('SIGHUP', () => onHangup());
  const log = openLog(config['log.level'], io.stdout, null);
  const app = await startEdge(config, log);
  onHangup = () => {
    const settings = rereadConfig(given, io, log) ?? config;
    app.reload(settings).catch((error: unknown) => log.error({ err: error }, 'the reload failed'));
  };
  await new Promise<void>((resolve) => {
    let asked = false;
    const onSignal = (): void => {
      // A second signal ends it at once.
      if (asked) process.exit(1);
      asked = true;
      app.stop().then(resolve, (error: unknown) => {
        log.error({ err: error }, 'the stop failed');
        process.exit(1);
      });
    };
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  });
}

/** A primary loads nothing that handles pushes, and a single process nothing that manages workers. */
async function startEdge(config: Config, log: Logger): Promise<RunningApp | RunningPrimary> {
  if (config.workers > 1) return (await import('../workers/primary.js')).startPrimary(config, log);
  return (await import('../app/start-app.js')).startApp(config, log);
}

/** Undefined: the new settings can not be used, which was reported. */
function rereadConfig({ file, flags }: Given, io: Io, log: Logger): Config | undefined {
  let errors: readonly string[];
  try {
    const source = file === undefined ? undefined : { name: file, text: readConfigFile(file) };
    const loaded = loadConfig({ file: source, env: io.env, flags });
    if ('config' in loaded) return loaded.config;
    errors = loaded.errors.map(describe);
  } catch (error) {
    errors = [messageOf(error)];
  }
  log.error({ errors }, 'the settings can not be used: they stay as they were');
  return undefined;
}

interface Flags {
  readonly config: string | undefined;
  readonly flags: Readonly<Record<string, string>>;
  readonly switches: ReadonlySet<string>;
}

const SWITCHES = new Set(['help', 'print-config']);

/** `--name=value` or `--name value`; the configuration knows the names. */
function parseFlags(args: readonly string[]): Flags {
  const flags: Record<string, string> = {};
  const switches = new Set<string>();
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (arg === '-h') {
      switches.add('help');
      continue;
    }
    if (!arg.startsWith('--')) throw new UsageError(`unexpected argument ${arg}`);
    const equals = arg.indexOf('=');
    const name = arg.slice(2, equals < 0 ? undefined : equals);
    if (SWITCHES.has(name)) {
      switches.add(name);
      continue;
    }
    const value = equals < 0 ? args[++i] : arg.slice(equals + 1);
    if (value === undefined) throw new UsageError(`--${name} needs a value`);
    flags[name] = value;
  }
  const { config, ...settings } = flags;
  return { config, flags: settings, switches };
}

/** The configuration, or undefined if it is invalid, which was reported. */
export function readConfig(
  file: string | undefined,
  io: Io,
  flags: Readonly<Record<string, string>>,
): Config | undefined {
  const loaded = loadConfig({
    file: file === undefined ? undefined : { name: file, text: readConfigFile(file) },
    env: io.env,
    flags,
  });
  if ('config' in loaded) return loaded.config;
  for (const error of loaded.errors) io.stderr.write(`mimir-edge: ${describe(error)}\n`);
  return undefined;
}

function readConfigFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`--config ${file}: ${messageOf(error)}`);
  }
}

function describe({ path, source, message }: ConfigError): string {
  return `${source}: ${path === '' ? '' : `${path}: `}${message}`;
}

function settingsHelp(): string {
  return SETTING_PATHS.map((path) => {
    const { fallback, doc } = SETTINGS[path];
    return `  --${path}=${fallback}\n      ${doc} (${envName(path)})\n`;
  }).join('');
}
