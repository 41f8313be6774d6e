/** How to read a write in line protocol, by its query and headers: as Mimir, which looks at nothing else. */
import { isPrecision } from '../payload/influx/points.js';
import type { InfluxSource } from '../payload/source.js';

/** A text is the unknown precision. */
export function influxSource(
  target: string,
  contentEncoding: string | undefined,
  nowMs: number,
): InfluxSource | string {
  const precision = queryValue(target, 'precision') || 'ns';
  if (!isPrecision(precision)) return precision;
  // Of any other encoding Mimir takes the bytes for lines.
  const encoding = contentEncoding === 'gzip' || contentEncoding === 'x-gzip' ? 'gzip' : 'identity';
  return { form: 'influx', encoding, precision, nowMs };
}

/** The first value of a parameter, as Go parses a query: malformed parts are ignored. */
function queryValue(target: string, name: string): string {
  const query = target.indexOf('?');
  if (query < 0) return '';
  for (const part of target.slice(query + 1).split('&')) {
    if (part.includes(';') || BAD_ESCAPE.test(part)) continue;
    const equals = part.indexOf('=');
    const key = equals < 0 ? part : part.slice(0, equals);
    if (unescaped(key) === name) return equals < 0 ? '' : unescaped(part.slice(equals + 1));
  }
  return '';
}

const BAD_ESCAPE = /%(?![0-9a-f]{2})/i;
const ESCAPE = /%([0-9a-f]{2})/gi;

function unescaped(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replace(ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
