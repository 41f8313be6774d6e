/** mimir-edge loadtest: sends remote-write pushes to a target, and reports how it handled them. */
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { messageOf } from '../base/message-of.js';
import { readDurationMs } from '../limits/values.js';
import { DEFAULTS, type LoadOptions, PROFILES, type WireVersion } from '../loadtest/options.js';
import { PROFILE_MEANINGS } from '../loadtest/profile.js';
import { showProgress } from '../loadtest/progress.js';
import type { LoadReport } from '../loadtest/report.js';
import { htmlReport } from '../loadtest/report-html.js';
import { compareReports, describeReport, differingOptions } from '../loadtest/report-text.js';
import { startLoad } from '../loadtest/run.js';
import { shareOut } from '../loadtest/tenants.js';
import { asUsage, type Io, table, UsageError } from './io.js';

const HELP = `Usage: mimir-edge loadtest --target URL [options]
       mimir-edge loadtest --compare FIRST.json SECOND.json

Sends Kubernetes-like series over remote write, as many tenants would, and reports latency, throughput and answers.
It goes to the target that you name, and to no other: mind what you point it at. Ctrl-C ends it with a report.

  --target URL            where to; /api/v1/push is added when there is no path
  --tenants N             (default ${DEFAULTS.tenants})
  --series N              over all tenants (default ${DEFAULTS.series})
  --interval DURATION     each series gets one sample in this time (default 15s)
  --rate N                samples a second over all tenants, in place of the interval
  --series-per-push N     (default ${DEFAULTS.seriesPerPush})
  --skew even|zipf        how series are shared out: zipf gives the n-th tenant an n-th of the first (default even)
  --churn PART/min        pods replaced by new ones, such as 2%/min (default 0)
  --version 1|2           of remote write (default 1)
  --protocol NAME         remote-write, or otlp: protobuf to /otlp/v1/metrics (default remote-write)
  --gzip                  compresses OTLP
  --duration DURATION     (default 1m)
  --warmup DURATION       sent before that, steadily, and in no figure (default none)
  --profile NAME          one of those below (default steady)
  --peak N                (default ${DEFAULTS.peak})
  --share PART            (default 10%)
  --retry                 send again, after Retry-After, what is refused with 429 or 5xx or not answered
  --mode open|closed      open: pushes are due by the clock, and latency counts from then; closed: each connection
                          sends as soon as it is answered (default open)
  --connections N         (default ${DEFAULTS.connections})
  --timeout DURATION      for an answer (default 30s)
  --max-in-flight N       pushes out at one time; what is due beyond is not sent, and said (default ${DEFAULTS.maxInFlight})
  --tenant-prefix TEXT    tenants are named so, with a number (default ${DEFAULTS.tenantPrefix})
  --tenant-header NAME    (default ${DEFAULTS.tenantHeader})
  --header 'NAME: VALUE'  sent with every push, may be given often; in no report
  --seed N                the same seed gives the same pushes at the same times (default ${DEFAULTS.seed})
  --json FILE             the report as JSON
  --html FILE             the report as one page
  --help

Profiles:
${PROFILES.map((name) => `  ${name.padEnd(18)}${PROFILE_MEANINGS[name]}\n`).join('')}
Examples:
  mimir-edge loadtest --target http://127.0.0.1:8080 --tenants 50 --series 200000 --interval 15s --churn 2%/min
  mimir-edge loadtest --target http://127.0.0.1:8080 --rate 500000 --profile spike --html report.html
  mimir-edge loadtest --target http://127.0.0.1:8080 --mode closed --connections 8 --json before.json
  mimir-edge loadtest --compare before.json after.json
`;

const MOST_SERIES = 50_000_000;
/** Its pushes are held in memory as templates for all others: 700 MB. */
const MOST_SERIES_OF_A_TENANT = 10_000_000;
const MOST_TENANTS = 100_000;
const LONGEST_MS = 7 * 24 * 3_600_000;

export async function loadtest(args: string[], io: Io): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  if (values.compare) return compare(positionals, io);
  if (positionals.length > 0) throw new UsageError(`unexpected argument ${positionals[0]}`);
  const options = readOptions(values);
  // A run of an hour must not end with a path that can not be written.
  if (values.json !== undefined) checkWritable('json', values.json);
  if (values.html !== undefined) checkWritable('html', values.html);

  io.stderr.write(`preparing ${options.series} series for ${options.tenants} tenants\n`);
  const run = startLoad(options);
  const endProgress = showProgress(io.stderr, run.recorder, options.warmupMs + options.durationMs);
  const onSignal = (): void => {
    // A second signal ends it at once.
    process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));
    run.stop();
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const report = await run.done.finally(endProgress);
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);

  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 1)}\n`);
  if (values.html !== undefined) writeFileSync(values.html, htmlReport(report));
  const { title, tables, warnings } = describeReport(report);
  const texts = [
    title,
    ...tables.map((rows) => table(rows).trimEnd()),
    ...warnings.map((text) => `Mind: ${text}`),
  ];
  io.stdout.write(`${texts.join('\n\n')}\n`);
  return report.totals.accepted + report.totals.refused === 0 ? 1 : 0;
}

function parse(args: string[]) {
  const text = { type: 'string' } as const;
  return asUsage(() =>
    parseArgs({
      args,
      allowPositionals: true,
      options: {
        target: text,
        tenants: text,
        series: text,
        interval: text,
        rate: text,
        'series-per-push': text,
        skew: text,
        churn: text,
        version: text,
        protocol: text,
        gzip: { type: 'boolean', default: false },
        warmup: text,
        duration: text,
        profile: text,
        peak: text,
        share: text,
        retry: { type: 'boolean', default: false },
        mode: text,
        connections: text,
        timeout: text,
        'max-in-flight': text,
        'tenant-prefix': text,
        'tenant-header': text,
        header: { type: 'string', multiple: true, default: [] },
        seed: text,
        json: text,
        html: text,
        compare: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }),
  );
}

function checkWritable(name: string, path: string): void {
  try {
    closeSync(openSync(path, 'a'));
  } catch (error) {
    throw new UsageError(`--${name}: the report can not be written: ${messageOf(error)}`);
  }
}

type Values = ReturnType<typeof parse>['values'];

function readOptions(values: Values): LoadOptions {
  const series = count('series', values.series, DEFAULTS.series, MOST_SERIES);
  const mode = choice('mode', values.mode, ['open', 'closed'] as const, DEFAULTS.mode);
  const profile = choice('profile', values.profile, PROFILES, DEFAULTS.profile);
  if (mode === 'closed' && (values.retry || profile === 'retry-storm' || profile === 'slow-senders')) {
    throw new UsageError('retries and slow senders need --mode open');
  }
  const options = {
    target: readTarget(values.target),
    tenants: count('tenants', values.tenants, DEFAULTS.tenants, Math.min(series, MOST_TENANTS)),
    tenantPrefix: headerText('tenant-prefix', values['tenant-prefix'] ?? DEFAULTS.tenantPrefix),
    tenantHeader: headerText('tenant-header', values['tenant-header'] ?? DEFAULTS.tenantHeader),
    headers: values.header.map(readHeader),
    series,
    seriesPerPush: count('series-per-push', values['series-per-push'], DEFAULTS.seriesPerPush, 100_000),
    intervalMs: readIntervalMs(values, series),
    version: readVersion(values),
    gzip: values.gzip,
    skew: choice('skew', values.skew, ['even', 'zipf'] as const, DEFAULTS.skew),
    churnPerMinute: readChurn(values.churn),
    warmupMs: duration('warmup', values.warmup, DEFAULTS.warmupMs),
    durationMs: duration('duration', values.duration, DEFAULTS.durationMs),
    profile,
    peak: decimal('peak', values.peak, DEFAULTS.peak, 0, 1000),
    share: part('share', values.share, DEFAULTS.share),
    retry: values.retry,
    mode,
    connections: count('connections', values.connections, DEFAULTS.connections, 10_000),
    timeoutMs: duration('timeout', values.timeout, DEFAULTS.timeoutMs),
    maxInFlight: count('max-in-flight', values['max-in-flight'], DEFAULTS.maxInFlight, 100_000),
    seed: count('seed', values.seed, DEFAULTS.seed, 2 ** 32 - 1),
  } as const;
  const [largest] = shareOut(options);
  if (largest !== undefined && largest.pushes * largest.seriesPerPush > MOST_SERIES_OF_A_TENANT) {
    throw new UsageError(
      `--series gives the largest tenant more than ${MOST_SERIES_OF_A_TENANT}: use more tenants, or --skew even`,
    );
  }
  return options;
}

function readVersion(values: Values): WireVersion {
  const version = choice('version', values.version, ['1', '2'] as const, '1');
  const protocol = choice('protocol', values.protocol, ['remote-write', 'otlp'] as const, 'remote-write');
  if (protocol === 'otlp') {
    if (values.version !== undefined) throw new UsageError('--version is of remote write');
    return 'otlp';
  }
  if (values.gzip) throw new UsageError('--gzip needs --protocol otlp');
  return version === '1' ? 1 : 2;
}

/** There is no default: a load test on the wrong machine is an outage. */
function readTarget(text: string | undefined): string {
  if (text === undefined) throw new UsageError('--target is needed: where should the load go?');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new UsageError(`--target needs an http:// or https:// URL, not ${JSON.stringify(text)}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new UsageError("--target takes no password: use --header 'Authorization: ...'");
  }
  return text;
}

function readHeader(text: string): readonly [string, string] {
  const colon = text.indexOf(':');
  if (colon <= 0) throw new UsageError("--header needs 'NAME: VALUE'");
  return [
    headerText('header', text.slice(0, colon).trim()),
    headerText('header', text.slice(colon + 1).trim()),
  ];
}

function headerText(name: string, text: string): string {
  if (!/^[\x20-\x7e]+$/.test(text)) throw new UsageError(`--${name} takes printable characters only`);
  return text;
}

function readIntervalMs(values: Values, series: number): number {
  if (values.rate === undefined) return duration('interval', values.interval, DEFAULTS.intervalMs);
  if (values.interval !== undefined) throw new UsageError('--rate and --interval exclude each other');
  return (1000 * series) / decimal('rate', values.rate, 0, 1e-3, 1e12);
}

/** 2%/min, 2% or 0.02: part of all pods, per minute. */
function readChurn(text: string | undefined): number {
  return part('churn', text?.replace(/\/min$/, ''), DEFAULTS.churnPerMinute);
}

function part(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const percent = text.endsWith('%');
  const value = Number(percent ? text.slice(0, -1) : text) / (percent ? 100 : 1);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) {
    throw new UsageError(`--${name} needs a part such as 10% or 0.1, not ${JSON.stringify(text)}`);
  }
  return value;
}

function count(name: string, text: string | undefined, fallback: number, max: number): number {
  const value = decimal(name, text, fallback, 1, max);
  if (!Number.isSafeInteger(value)) throw new UsageError(`--${name} needs a whole number, not ${text}`);
  return value;
}

function decimal(name: string, text: string | undefined, fallback: number, min: number, max: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (text?.trim() === '' || !(value >= min && value <= max)) {
    throw new UsageError(
      `--${name} needs a number from ${min} to ${max}, not ${JSON.stringify(text ?? String(fallback))}`,
    );
  }
  return value;
}

function duration(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = readDurationMs(text);
  if (value === undefined || value < 1 || value > LONGEST_MS) {
    throw new UsageError(`--${name} needs a duration such as 500ms, 30s or 10m, not ${JSON.stringify(text)}`);
  }
  return value;
}

function choice<T extends string>(
  name: string,
  text: string | undefined,
  known: readonly T[],
  fallback: T,
): T {
  if (text === undefined) return fallback;
  const found = known.find((one) => one === text);
  if (found === undefined) throw new UsageError(`--${name} is one of ${known.join(', ')}`);
  return found;
}

function compare(files: readonly string[], io: Io): number {
  const [first, second] = files.map(readReport);
  if (first === undefined || second === undefined || files.length > 2) {
    throw new UsageError('--compare needs two files that --json wrote');
  }
  io.stdout.write(table(compareReports(first, second)));
  const differing = differingOptions(first, second);
  if (differing.length > 0) io.stdout.write(`\nThe runs differ in ${differing.join('; ')}\n`);
  return 0;
}

function readReport(file: string): LoadReport {
  const report = asUsage(() => JSON.parse(readFileSync(file, 'utf8')) as Partial<LoadReport>);
  if (report.totals === undefined || report.latency === undefined || report.generator === undefined) {
    throw new UsageError(`${file} is no report of a load test`);
  }
  return report as LoadReport;
}
