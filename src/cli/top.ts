/** mimir-edge top: the console's first screen in a terminal of 80 columns, from the admin API of a running edge. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Loss, lossText, short } from '../base/amounts.js';
import { limitText } from '../base/limit-words.js';
import { messageOf } from '../base/message-of.js';
import { asUsage, type Io, UsageError } from './io.js';

const HELP = `Usage: mimir-edge top [--url URL] [--sort COLUMN] [--range RANGE] [--search TEXT] [--limit N] [--replica NAME]
                      [--once]

Shows whose fault it is, who loses data and why, and who is close to a limit, as a running edge tells it, every two
seconds. It fits 80 columns.

  --url URL           the admin listener (default: http://127.0.0.1:8082)
  --sort COLUMN       lost (samples, default), refused (pushes), samples, pushes, bytes, series, shadowLost, shadowed,
                      utilisation, id
  --range RANGE       what rates are taken over: 1m (default), 5m, 15m, 1h, 24h
  --search TEXT       tenants with this in their name
  --limit N           rows at most (default: 20)
  --replica NAME      one replica of the fleet, by its name, or this: the one that is asked
  --token-file FILE   a file with a token, where reading needs one
  --once              print once, and stop
  --help

Examples:
  mimir-edge top
  mimir-edge top --sort utilisation --range 15m
  mimir-edge top --url https://edge.example/ops/edge --token-file token --once
`;

const REFRESH_MS = 2000;
const TIMEOUT_MS = 5000;
/** The width of the terminal. */
const COLUMNS = 80;
const NAME = 26;

interface Row {
  readonly id: string;
  readonly mode: string;
  readonly samplesPerSecond: number;
  readonly pushesPerSecond: number;
  readonly bytesPerSecond: number;
  readonly lostSamplesPerSecond: number;
  readonly refusedPerSecond: number;
  readonly lost: Readonly<Record<string, Loss>>;
  readonly shadowLost: Readonly<Record<string, Loss>>;
  readonly limits: readonly { readonly limit: string; readonly ratio: number }[];
}

interface Tenants {
  readonly scope: {
    readonly of: string;
    readonly replicas: number;
    readonly ageSeconds: number;
    readonly note: string | null;
  };
  readonly range: { readonly name: string };
  readonly matching: number;
  readonly totals: Omit<Row, 'id' | 'mode' | 'lost' | 'shadowLost' | 'limits'> & {
    readonly tenants: number;
  };
  readonly tenants: readonly Row[];
}

interface Part {
  readonly figure: string;
  readonly note: string;
}

interface Verdict {
  readonly level: Level;
  readonly title: string;
  readonly mimir: Part;
  readonly edge: Part;
  readonly tenants: Part;
  readonly problems: readonly { readonly of: string; readonly level: Level; readonly text: string }[];
}

type Level = 'quiet' | 'good' | 'near' | 'bad';

interface Status {
  readonly verdict: Verdict;
  readonly version: string;
  readonly mode: string;
  /** Missing in older versions. */
  readonly panic?: {
    readonly admitted: Readonly<Record<string, number>>;
    readonly guard?: { readonly mode: string; readonly guards: readonly GuardRow[] };
  };
  readonly replicas: number;
  /** Both are missing in older versions. */
  readonly replica?: string;
  readonly scope?: { readonly known: number };
}

interface GuardRow {
  readonly guard: string;
  readonly level: string;
  readonly cause: string | null;
  readonly rules: readonly { readonly rule: string; readonly error: string | null }[];
}

interface Options {
  readonly base: string;
  readonly query: string;
  readonly statusQuery: string;
  readonly token: string | undefined;
  readonly once: boolean;
}

export async function top(args: string[], io: Io): Promise<number> {
  const options = readOptions(args);
  if (options === undefined) {
    io.stdout.write(HELP);
    return 0;
  }
  if (options.once) return await showOnce(options, io);
  const stopping = new AbortController();
  const onSignal = (): void => stopping.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const interactive = 'isTTY' in io.stdout && io.stdout.isTTY === true;
  while (!stopping.signal.aborted) {
    const text = await screen(options).catch((error: unknown) => {
      // A request that is wrong stays wrong; an unreachable edge may come back.
      if (error instanceof UsageError) throw error;
      return `${new Date().toLocaleTimeString()}: ${noAnswer(options, error)}\n`;
    });
    io.stdout.write(interactive ? `\x1b[H\x1b[J${text}` : `${text}\n`);
    await delay(REFRESH_MS, undefined, { signal: stopping.signal }).catch(() => {});
  }
  return 0;
}

async function showOnce(options: Options, io: Io): Promise<number> {
  try {
    io.stdout.write(await screen(options));
    return 0;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    io.stderr.write(`mimir-edge: ${noAnswer(options, error)}\n`);
    return 1;
  }
}

function noAnswer({ base }: Options, error: unknown): string {
  const { cause } = error as { cause?: { code?: string } };
  return `no answer from ${base}: ${cause?.code ?? messageOf(error)}; is it the address of listen.admin of a running edge?`;
}

/** Undefined: help was requested. */
function readOptions(args: string[]): Options | undefined {
  const { values } = asUsage(() =>
    parseArgs({
      args,
      options: {
        url: { type: 'string', default: 'http://127.0.0.1:8082' },
        sort: { type: 'string', default: 'lost' },
        range: { type: 'string', default: '1m' },
        search: { type: 'string', default: '' },
        limit: { type: 'string', default: '20' },
        replica: { type: 'string' },
        'token-file': { type: 'string' },
        once: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }),
  );
  if (values.help) return undefined;
  if (!/^https?:$/.test(URL.canParse(values.url) ? new URL(values.url).protocol : '')) {
    throw new UsageError(`--url needs an http:// or https:// URL, not ${JSON.stringify(values.url)}`);
  }
  const { sort, range, search, limit, replica, once } = values;
  const ofOne = replica === undefined ? {} : { replica };
  const file = values['token-file'];
  return {
    base: values.url.replace(/\/$/, ''),
    query: new URLSearchParams({ sort, range, search, limit, ...ofOne }).toString(),
    statusQuery: new URLSearchParams(ofOne).toString(),
    token: file === undefined ? undefined : asUsage(() => readFileSync(file, 'utf8').trim()),
    once,
  };
}

async function screen(options: Options): Promise<string> {
  const [status, tenants] = await Promise.all([
    ask<Status>(options, `status?${options.statusQuery}`),
    ask<Tenants>(options, `tenants?${options.query}`),
  ]);
  return head(status, tenants) + tenantTable(tenants);
}

async function ask<T>({ base, token }: Options, path: string): Promise<T> {
  const response = await fetch(`${base}/api/v1/${path}`, {
    headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.ok) return (await response.json()) as T;
  const { detail } = (await response.json().catch(() => ({}))) as { detail?: string };
  const message = `${base} answers ${response.status}: ${detail ?? response.statusText}`;
  throw response.status < 500 ? new UsageError(message) : new Error(message);
}

function head(status: Status, { scope, range, matching, totals, tenants }: Tenants): string {
  const { verdict } = status;
  const notes = [...panic(status), ...(status.mode === 'enforce' ? [] : [`mode ${status.mode}`])];
  const shown = tenants.length < matching ? `${tenants.length} of ${matching}` : String(matching);
  const ofWhom =
    scope.of === 'fleet'
      ? `of ${scope.replicas} replicas, ${Math.round(scope.ageSeconds)} s old`
      : (status.scope?.known ?? 1) > 1
        ? `of replica ${status.replica}`
        : 'of this machine';
  const replicas = status.scope?.known ?? status.replicas;
  const lines = [
    `mimir-edge ${status.version}, ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}, ${notes.join(', ') || 'enforcing'}; ` +
      `${totals.tenants} tenants, ${short(totals.samplesPerSecond)} samples/s, ` +
      `${short(totals.lostSamplesPerSecond)} lost, ${short(totals.refusedPerSecond)} pushes/s refused (last ${range.name}, ${shown} shown, ${ofWhom})`,
    '',
    `${SHAPES[verdict.level]} ${verdict.title}`,
    part('Mimir', verdict.mimir),
    part('Edge', verdict.edge),
    part('Tenants', verdict.tenants),
    ...verdict.problems.map(({ level, text }) => `${SHAPES[level]} ${text}`),
  ];
  return `${lines.map(folded).join('\n')}\n${guards(status)}\n`;
}

const SHAPES: Readonly<Record<Level, string>> = { good: '●', quiet: '○', near: '▲', bad: '■' };

function part(name: string, { figure, note }: Part): string {
  return `  ${name.padEnd(8)} ${figure}: ${note}`;
}

/** Continues long lines below, indented. */
function folded(line: string): string {
  const lines = [''];
  for (const word of line.split(/(?<=\S) /)) {
    const last = lines.at(-1) ?? '';
    if (last === '') lines[lines.length - 1] = lines.length === 1 ? word : `  ${word}`;
    else if (last.length + 1 + word.length <= COLUMNS) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`  ${word}`);
  }
  return lines.join('\n');
}

/** "PANIC: normal 50 %, low 25 % of their rates" */
function panic({ panic: { admitted } = { admitted: {} } }: Status): string[] {
  const less = Object.entries(admitted).filter(([, part]) => part < 1);
  const parts = less.map(([priority, part]) => `${priority} ${Math.round(part * 1000) / 10} %`);
  return parts.length === 0 ? [] : [`PANIC: ${parts.join(', ')} of their rates`];
}

/** The standing of guards that are not calm, and the loads that they do not know. */
function guards({ panic: { guard } = { admitted: {} } }: Status): string {
  if (guard === undefined) return '';
  const { mode, guards: all } = guard;
  const does = mode === 'act' ? 'acts' : 'would act';
  return all
    .flatMap(({ guard: name, level, cause, rules }) => [
      ...(level === 'calm' ? [] : [`${folded(`guard ${name} ${does}: ${level}, because ${cause ?? ''}`)}\n`]),
      ...rules.flatMap(({ rule, error }) =>
        error === null ? [] : [`${folded(`guard ${name} does not know ${rule}: it ${error}`)}\n`],
      ),
    ])
    .join('');
}

/** One line for each tenant; what it loses and why is on another line below. */
function tenantTable({ tenants }: Tenants): string {
  const heads = [
    'tenant'.padEnd(NAME),
    'lost/s'.padStart(8),
    'samples/s'.padStart(9),
    'pushes/s'.padStart(8),
    'nearest limit',
  ];
  const lines = [heads.join('  ')];
  for (const tenant of tenants) {
    const { id, mode, lostSamplesPerSecond, samplesPerSecond, pushesPerSecond } = tenant;
    const cells = [
      shortened(mode === 'enforce' ? id : `${id} (${mode})`, NAME).padEnd(NAME),
      short(lostSamplesPerSecond).padStart(8),
      short(samplesPerSecond).padStart(9),
      short(pushesPerSecond).padStart(8),
      nearest(tenant),
    ];
    lines.push(cells.join('  ').slice(0, COLUMNS).trimEnd(), ...why(tenant).map((one) => folded(`  ${one}`)));
  }
  return `${lines.join('\n')}\n`;
}

/** Cuts out the middle: names mostly differ at their end. */
function shortened(name: string, most: number): string {
  if (name.length <= most) return name;
  const tail = Math.floor(most / 2);
  return `${name.slice(0, most - tail - 1)}…${name.slice(-tail)}`;
}

function nearest({ limits }: Row): string {
  const [most] = [...limits].sort((a, b) => b.ratio - a.ratio);
  return most === undefined ? '' : `${Math.round(most.ratio * 100)}% ${limitText(most.limit)}`;
}

function why({ lost, shadowLost }: Row): string[] {
  const reasons = (losses: Readonly<Record<string, Loss>>, note: string): string[] =>
    Object.entries(losses)
      .sort(([, a], [, b]) => b.samples - a.samples)
      .map(([reason, loss]) => `${reason} ${lossText(loss)}${note}`);
  return [...reasons(lost, ''), ...reasons(shadowLost, ' (let pass)')];
}
