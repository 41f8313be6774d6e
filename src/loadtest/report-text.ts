/** A report, and the comparison of two, as rows for a table in a terminal. */
import { type Latencies, type LoadReport, warnings } from './report.js';

export type Rows = readonly (readonly string[])[];

interface TextReport {
  readonly title: string;
  readonly tables: readonly Rows[];
  readonly warnings: readonly string[];
}

/** The number of tenants shown: those with most requests first. */
const MOST_TENANTS = 20;

export function describeReport(report: LoadReport): TextReport {
  const { options, totals, seconds, answers, generator, latency, service, refusal, lateness } = report;
  const rate = (count: number): string => `${amount(count / seconds)}/s`;
  return {
    title: `${options.profile}, ${options.mode} loop, ${seconds.toFixed(1)} s against ${options.target}`,
    tables: [
      [
        ['series', amount(generator.series), `${options.tenants} tenants, ${options.skew}`],
        ['requests', amount(totals.sent), rate(totals.sent)],
        ['accepted', amount(totals.accepted), rate(totals.accepted)],
        ['refused', amount(totals.refused), rate(totals.refused)],
        ['failed', amount(totals.failed), rate(totals.failed)],
        ['retries', amount(totals.retries), rate(totals.retries)],
        ['samples sent', amount(totals.samplesSent), rate(totals.samplesSent)],
        ['samples accepted', amount(totals.samplesAccepted), rate(totals.samplesAccepted)],
        ['bytes sent', amount(totals.bytesSent), rate(totals.bytesSent)],
        ['generator', `${(generator.cpuSeconds / seconds).toFixed(2)} cores`, ''],
      ],
      [['answer', 'requests'], ...Object.entries(answers).map(([kind, count]) => [kind, amount(count)])],
      [
        ['milliseconds', 'count', 'mean', 'p50', 'p90', 'p99', 'p99.9', 'max'],
        latencyRow('accepted, since due', latency),
        latencyRow('any answer, since sent', service),
        latencyRow('not accepted, since sent', refusal),
        latencyRow('sent, since due (generator)', lateness),
      ],
      tenantRows(report),
    ],
    warnings: warnings(report),
  };
}

export function tenantRows({ tenants }: LoadReport, most = MOST_TENANTS): Rows {
  const requests = (one: (typeof tenants)[number]): number => one.accepted + one.refused + one.failed;
  const shown = [...tenants].sort((a, b) => requests(b) - requests(a)).slice(0, most);
  const rows = shown.map((one) => [
    one.id,
    amount(one.accepted),
    amount(one.refused),
    amount(one.failed),
    amount(one.samples),
    milliseconds(one.p50),
    milliseconds(one.p99),
  ]);
  const more = tenants.length - shown.length;
  const rest = more > 0 ? [[`and ${more} more`, '', '', '', '', '', '']] : [];
  return [
    ['tenant', 'accepted', 'refused', 'failed', 'samples accepted', 'p50 ms', 'p99 ms'],
    ...rows,
    ...rest,
  ];
}

/** What changed from the first to the second. */
export function compareReports(before: LoadReport, after: LoadReport): Rows {
  const perSecond = (of: (report: LoadReport) => number) => (report: LoadReport) =>
    of(report) / report.seconds;
  const measures: readonly (readonly [string, (report: LoadReport) => number, (value: number) => string])[] =
    [
      ['requests/s', perSecond(({ totals }) => totals.sent), amount],
      ['accepted/s', perSecond(({ totals }) => totals.accepted), amount],
      ['refused/s', perSecond(({ totals }) => totals.refused), amount],
      ['failed/s', perSecond(({ totals }) => totals.failed), amount],
      ['not sent/s', perSecond(({ totals }) => totals.notSent), amount],
      ['samples accepted/s', perSecond(({ totals }) => totals.samplesAccepted), amount],
      ['accepted p50 ms', ({ latency }) => latency.p50, milliseconds],
      ['accepted p90 ms', ({ latency }) => latency.p90, milliseconds],
      ['accepted p99 ms', ({ latency }) => latency.p99, milliseconds],
      ['accepted p99.9 ms', ({ latency }) => latency.p999, milliseconds],
      ['accepted max ms', ({ latency }) => latency.max, milliseconds],
      ['not accepted p99 ms', ({ refusal }) => refusal.p99, milliseconds],
      ['generator cores', perSecond(({ generator }) => generator.cpuSeconds), (value) => value.toFixed(2)],
    ];
  return [
    ['', 'first', 'second', 'change'],
    ...measures.map(([name, of, shown]) => [
      name,
      shown(of(before)),
      shown(of(after)),
      change(of(before), of(after)),
    ]),
  ];
}

/** Options in which two runs differ: their figures may not be comparable. */
export function differingOptions(before: LoadReport, after: LoadReport): string[] {
  return Object.entries(before.options).flatMap(([name, value]) => {
    const other = (after.options as Readonly<Record<string, unknown>>)[name];
    return value === other ? [] : [`${name}: ${String(value)} and ${String(other)}`];
  });
}

function change(before: number, after: number): string {
  if (before === after) return '=';
  if (before === 0) return 'new';
  const percent = (100 * (after - before)) / before;
  return `${percent > 0 ? '+' : ''}${percent.toFixed(1)} %`;
}

function latencyRow(name: string, { count, mean, p50, p90, p99, p999, max }: Latencies): string[] {
  return [name, amount(count), ...[mean, p50, p90, p99, p999, max].map(milliseconds)];
}

/** 1,234,567 as 1.23 M; small numbers as they are. */
export function amount(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} G`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)} k`;
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

export function milliseconds(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
