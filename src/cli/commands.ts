/** The command line: passes the arguments to a command, or reports that it does not exist. */
import { VERSION } from '../base/version.js';
import { type Io, UsageError } from './io.js';

type Command = (args: string[], io: Io) => Promise<number>;

/** Each command loads only what it needs: `serve` does not need the demo's encoders. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve.js')).serve,
  demo: async () => (await import('./demo.js')).demo,
  inspect: async () => (await import('./inspect.js')).inspect,
  check: async () => (await import('./check.js')).check,
  top: async () => (await import('./top.js')).top,
  diff: async () => (await import('./diff.js')).diff,
  advise: async () => (await import('./advise.js')).advise,
  report: async () => (await import('./limits-report.js')).report,
  baseline: async () => (await import('./baseline.js')).baseline,
  loadtest: async () => (await import('./loadtest.js')).loadtest,
};

const HELP = `mimir-edge ${VERSION}: enforces every tenant's own Mimir limits before a distributor decodes a byte

Usage: mimir-edge COMMAND [options]

  serve     the inline proxy, with its metrics, status page and admin API
  top       who is refused and why, of a running edge
  demo      everything in one process: a sink, tenants that send, a live table
  inspect   what is in a remote-write body
  check     effective limits of an overrides file, a ConfigMap or Helm values, and what is wrong with it
  diff      whose limits change from one version to another
  advise    the limits that tenants should have by what they sent, and why
  report    limits at risk, too wide, missing or changed, and what tenants cost
  baseline  keeps all limits as they are now, for reports to compare with
  loadtest  sends remote-write load to a target, and reports how it took it

mimir-edge COMMAND --help tells more.

Examples:
  mimir-edge demo --seconds 20
  mimir-edge serve --upstream.url=http://mimir-distributor:8080 --overrides.file=overrides.yaml
  mimir-edge check overrides.yaml
  mimir-edge inspect body.snappy
  mimir-edge top --sort utilisation
  mimir-edge advise --from-prometheus http://prometheus:9090 --overrides overrides.yaml
`;

/** Resolves to the exit code. */
export async function run(argv: string[], io: Io): Promise<number> {
  const [name = '--help', ...args] = argv;
  if (name === '--version' || name === '-v') {
    io.stdout.write(`${VERSION}\n`);
    return 0;
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    io.stdout.write(HELP);
    return argv.length === 0 ? 2 : 0;
  }
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  try {
    if (load === undefined) throw new UsageError(`there is no command ${name}`);
    return await (await load())(args, io);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    io.stderr.write(
      `mimir-edge: ${error.message}\nTry mimir-edge ${load === undefined ? '' : `${name} `}--help\n`,
    );
    return 2;
  }
}
