/** Hours or days of a tenant as the API shows them, and as a table. New columns come at the end, so that scripts may count them. */
import { isObject } from '../shared/fleet-messages.js';
import { CURVE_WINDOWS, PEAKS } from '../usage/usage-record.js';
import { CsvFile } from './csv.js';
import { listOf, numberOr, timeIn } from './told.js';

/** All but `series`, which the API does not show. */
export const SHOWN_PEAKS = PEAKS.filter((name) => name !== 'series');

const COUNTS = ['requests', 'items', 'bytes', 'newSeries'] as const;

/** Null: not known. */
type Counts = Readonly<Record<(typeof COUNTS)[number], number | null>>;
type Curve = readonly (number | null)[] | null;

export interface RecordView {
  readonly start: string;
  readonly seconds: number;
  readonly coveredSeconds: number;
  readonly resolutionSeconds: number;
  readonly offered: Counts;
  readonly refused: Counts;
  readonly reasons: readonly object[];
  readonly curves: { readonly items: Curve; readonly requests: Curve; readonly bytes: Curve };
  readonly peaks: Readonly<Record<(typeof SHOWN_PEAKS)[number], number | null>>;
}

/** As many as are ever kept. */
const MOST_RECORDS = 100;

/** What another replica told, as far as the table has it. */
export function readRecords({ records }: { readonly records?: unknown }): RecordView[] {
  return listOf(records, MOST_RECORDS, readRecord) ?? [];
}

function readRecord(one: Readonly<Record<string, unknown>>): RecordView | undefined {
  const start = timeIn(one['start']);
  if (start === undefined) return undefined;
  const curves = isObject(one['curves']) ? one['curves'] : {};
  return {
    start,
    seconds: numberOr(one['seconds'], 0),
    coveredSeconds: numberOr(one['coveredSeconds'], 0),
    resolutionSeconds: numberOr(one['resolutionSeconds'], 1),
    offered: numbersOf(one['offered'], COUNTS),
    refused: numbersOf(one['refused'], COUNTS),
    reasons: [],
    curves: { items: readCurve(curves['items']), requests: null, bytes: null },
    peaks: numbersOf(one['peaks'], SHOWN_PEAKS),
  };
}

function numbersOf<const Name extends string>(
  value: unknown,
  names: readonly Name[],
): Record<Name, number | null> {
  const from = isObject(value) ? value : {};
  return Object.fromEntries(names.map((name) => [name, numberOr(from[name], null)])) as Record<
    Name,
    number | null
  >;
}

function readCurve(value: unknown): Curve {
  if (!Array.isArray(value)) return null;
  return CURVE_WINDOWS.map((_, i) => numberOr(value[i] as unknown, null));
}

export function fileOf(records: readonly RecordView[]): CsvFile {
  const head = [
    'start',
    'seconds',
    'covered_seconds',
    'resolution_seconds',
    'requests',
    'items',
    'bytes',
    'new_series',
    'refused_requests',
    'refused_items',
    'active_series',
    ...CURVE_WINDOWS.map((window) => `most_items_in_${window}s`),
    'refused_bytes',
    'refused_new_series',
    'series_per_metric',
    'series_per_request',
    'labels_per_series',
    'bytes_per_request',
    'label_name_bytes',
    'label_value_bytes',
  ];
  const rows = records.map(
    ({ start, seconds, coveredSeconds, resolutionSeconds, offered, refused, peaks, curves }) => [
      start,
      seconds,
      coveredSeconds,
      resolutionSeconds,
      offered.requests,
      offered.items,
      offered.bytes,
      offered.newSeries,
      refused.requests,
      refused.items,
      peaks.activeSeries,
      ...CURVE_WINDOWS.map((_, i) => curves.items?.[i]),
      refused.bytes,
      refused.newSeries,
      peaks.seriesPerMetric,
      peaks.seriesPerRequest,
      peaks.labelsPerSeries,
      peaks.bytesPerRequest,
      peaks.labelNameBytes,
      peaks.labelValueBytes,
    ],
  );
  return new CsvFile('usage.csv', [head, ...rows]);
}
