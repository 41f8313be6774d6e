/** mimir-edge inspect: what is in a push body, or where exactly it is broken. */
import { parseArgs } from 'node:util';
import { uncompress } from '../payload/encodings.js';
import { InlineDecoder } from '../payload/inline-decoder.js';
import { labelsOfRows } from '../payload/labels.js';
import type { Broken, DecodeOptions, Push } from '../payload/push.js';
import type { Source } from '../payload/source.js';

import { asUsage, type Io, readInput, table, UsageError } from './io.js';
import { describeRelabelling, type Relabelling, relabellingOf, tenantOptions } from './relabelling.js';

const HELP = `Usage: mimir-edge inspect FILE|- [--json] [--version 1|2] [--encoding snappy|identity] [--top N]
       mimir-edge inspect FILE|- --otlp|--influx [--json] [--top N]

Shows what a body holds as remote write, as OTLP or as line protocol, or the reason and the byte at which it is broken (exit code 1).

  --json        as JSON
  --version     1 is prometheus.WriteRequest, 2 is io.prometheus.write.v2.Request; found out when not given
  --encoding    found out when not given
  --otlp        an OTLP metrics export, protobuf or JSON, plain or compressed as gzip, lz4 or zstd
  --influx      line protocol, plain or as gzip, with times in nanoseconds
  --top N       metric names to show, by series (default 10)
  --overrides FILE --tenant ID
                shows what the tenant's relabelling makes of the series
  --help

Examples:
  mimir-edge inspect body.snappy
  mimir-edge inspect --json - < body.snappy
  mimir-edge inspect --otlp export.json
  mimir-edge inspect --overrides overrides.yaml --tenant team-a body.snappy
`;

const MAX_BYTES = 256 << 20;
const MAX_SERIES = 20_000_000;

/** Of remote write: 1 is prometheus.WriteRequest, 2 is io.prometheus.write.v2.Request. */
type Version = 1 | 2;

interface Inspection {
  /** Of remote write. */
  readonly version: Version | undefined;
  /** The protocol, if it is not remote write. */
  readonly protocol: Source['form'] | undefined;
  readonly encoding: Encoding | Source['encoding'];
  readonly compressedBytes: number;
  readonly uncompressedBytes: number;
  readonly series: number;
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
  readonly metadata: number;
  readonly maxLabels: number;
  readonly metrics: readonly { readonly name: string; readonly series: number }[];
  /** For a tenant with relabelling rules. */
  readonly relabelling?: Relabelling;
}

interface Attempt {
  readonly version: Version | undefined;
  readonly protocol: Source['form'] | undefined;
  readonly encoding: Encoding | Source['encoding'];
  readonly decoded: Push | Broken;
}

export async function inspect(args: string[], io: Io): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  const [file] = positionals;
  if (file === undefined || positionals.length > 1)
    throw new UsageError('one FILE is needed, or - for standard input');
  const body = await readInput(file, io, MAX_BYTES);
  const other = otherProtocol(values);
  const attempt =
    other === undefined
      ? decodeAsBest(body, choice(values.encoding, ENCODINGS, 'encoding'), version(values.version))
      : decodeOther(body, other);
  const top = Number(values.top);
  if (!Number.isSafeInteger(top) || top < 0) throw new UsageError('--top needs a whole number');

  const { decoded } = attempt;
  if (decoded.kind === 'broken') {
    reportBroken(attempt, decoded, values.json, io);
    return 1;
  }
  const inspection = {
    ...inspectPush(decoded, attempt, top),
    ...(await relabelled(body, attempt, values.overrides, values.tenant, io)),
  };
  io.stdout.write(values.json ? `${JSON.stringify(inspection, undefined, 2)}\n` : describe(inspection));
  return 0;
}

async function relabelled(
  body: Buffer,
  { encoding, version }: Attempt,
  overrides: string | undefined,
  tenant: string | undefined,
  io: Io,
): Promise<Pick<Inspection, 'relabelling'>> {
  if (overrides === undefined && tenant === undefined) return {};
  if (overrides === undefined || tenant === undefined)
    throw new UsageError('--overrides and --tenant need each other');
  if (version === undefined) return {};
  const push = decode(
    body,
    encoding === 'snappy' ? encoding : 'identity',
    version,
    await tenantOptions(overrides, tenant, io),
  );
  return push.kind === 'push' ? { relabelling: relabellingOf(push) } : {};
}

/** `identity`: already uncompressed. */
type Encoding = 'snappy' | 'identity';
const ENCODINGS: readonly Encoding[] = ['snappy', 'identity'];

function parse(args: string[]) {
  return asUsage(() =>
    parseArgs({
      args,
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        version: { type: 'string' },
        encoding: { type: 'string' },
        otlp: { type: 'boolean', default: false },
        influx: { type: 'boolean', default: false },
        top: { type: 'string', default: '10' },
        overrides: { type: 'string' },
        tenant: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }),
  );
}

function otherProtocol(values: ReturnType<typeof parse>['values']): Source['form'] | undefined {
  const { otlp, influx, version, encoding, overrides, tenant } = values;
  if (!otlp && !influx) return undefined;
  if (otlp && influx) throw new UsageError('--otlp and --influx exclude each other');
  if ([version, encoding, overrides, tenant].some((given) => given !== undefined)) {
    throw new UsageError('--version, --encoding, --overrides and --tenant are of remote write');
  }
  return otlp ? 'otlp' : 'influx';
}

/** The first bytes of compressed data. */
const MAGIC: readonly (readonly [encoding: Source['encoding'], bytes: string])[] = [
  ['gzip', '1f8b'],
  ['lz4', '04224d18'],
  ['zstd', '28b52ffd'],
];

function decodeOther(body: Buffer, protocol: Source['form']): Attempt {
  const found = MAGIC.find(([, bytes]) => body.subarray(0, bytes.length / 2).toString('hex') === bytes);
  const encoding = found?.[0] ?? 'identity';
  const plain = uncompress(body, encoding, 4 * MAX_BYTES);
  const json = plain instanceof Uint8Array && /^\s*\{/.test(Buffer.from(plain).toString('latin1', 0, 100));
  const source: Source =
    protocol === 'otlp'
      ? { form: 'otlp', encoding, json }
      : { form: 'influx', encoding, precision: 'ns', nowMs: Date.now() };
  const decoded = new InlineDecoder(Number.POSITIVE_INFINITY).decode([body], body.length, {
    protocol: protocol === 'otlp' ? 'otlp' : 'rw1',
    maxUncompressedBytes: 4 * MAX_BYTES,
    maxSeries: MAX_SERIES,
    excludeLabel: '',
    source,
  });
  if (decoded.kind === 'lost') throw new UsageError(decoded.message);
  return { version: undefined, protocol, encoding, decoded };
}

function choice<T extends string>(
  given: string | undefined,
  known: readonly T[],
  name: string,
): T | undefined {
  if (given === undefined) return undefined;
  const found = known.find((one) => one === given);
  if (found === undefined) throw new UsageError(`--${name} is one of ${known.join(', ')}`);
  return found;
}

function version(given: string | undefined): Version | undefined {
  const text = choice(given, ['1', '2'] as const, 'version');
  return text === undefined ? undefined : text === '1' ? 1 : 2;
}

/**
 * Tries whatever is not given. A body of one version is invalid or empty in the other, so the version with any content is
 * the right one.
 */
function decodeAsBest(
  body: Buffer,
  encoding: Encoding | undefined,
  givenVersion: Version | undefined,
): Attempt {
  const attempts: Attempt[] = [];
  for (const one of encoding === undefined ? ENCODINGS : [encoding]) {
    for (const version of givenVersion === undefined ? ([1, 2] as const) : [givenVersion]) {
      const attempt = {
        version,
        protocol: undefined,
        encoding: one,
        decoded: decode(body, one, version),
      };
      if (attempt.decoded.kind === 'push' && attempt.decoded.series + attempt.decoded.metadata > 0)
        return attempt;
      attempts.push(attempt);
    }
  }
  const [first] = attempts;
  const sound = attempts.find(({ decoded }) => decoded.kind === 'push');
  // Of several failures, the one that got furthest says most: for example the protobuf inside a valid compression.
  const furthest = attempts.find(
    ({ decoded, encoding }) =>
      decoded.kind === 'broken' && decoded.code === 'protobuf' && encoding !== 'identity',
  );
  const best = sound ?? furthest ?? first;
  if (best === undefined) throw new Error('nothing was tried');
  return best;
}

function decode(
  body: Buffer,
  encoding: Encoding,
  version: Version,
  byTenant: Pick<DecodeOptions, 'rules' | 'rewriting'> = {},
): Push | Broken {
  const decoder = new InlineDecoder(Number.POSITIVE_INFINITY);
  const options = {
    protocol: `rw${version}` as const,
    maxUncompressedBytes: 4 * MAX_BYTES,
    maxSeries: MAX_SERIES,
    excludeLabel: '',
    ...byTenant,
  };
  const decoded =
    encoding === 'snappy' ? decoder.decode([body], body.length, options) : decoder.decodePlain(body, options);
  if (decoded.kind === 'lost') throw new UsageError(decoded.message);
  return decoded;
}

function inspectPush(push: Push, { version, protocol, encoding }: Attempt, top: number): Inspection {
  const { compressedBytes, uncompressedBytes, series, samples, histograms, exemplars, metadata } = push;
  return {
    version,
    protocol,
    encoding,
    compressedBytes,
    uncompressedBytes,
    series,
    samples,
    histograms,
    exemplars,
    metadata,
    maxLabels: push.mostLabels,
    metrics: topMetrics(push, top),
  };
}

function topMetrics(push: Push, top: number): { name: string; series: number }[] {
  const counts = new Map<string, number>();
  for (const labels of labelsOfRows(push)) {
    const name = labels.find(([label]) => label === '__name__')?.[1] ?? '';
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts]
    .map(([name, series]) => ({ name, series }))
    .sort((a, b) => b.series - a.series || (a.name < b.name ? -1 : 1))
    .slice(0, top);
}

function describe(inspection: Inspection): string {
  const { version, protocol, encoding, metrics, relabelling, compressedBytes, uncompressedBytes, ...counts } =
    inspection;
  const ratio = compressedBytes === 0 ? 0 : uncompressedBytes / compressedBytes;
  const head =
    `${nameOf(version, protocol)}, ${encoding}: ${compressedBytes} bytes, ` +
    `${uncompressedBytes} uncompressed (${ratio.toFixed(1)} to 1)\n\n`;
  const body = table(Object.entries(counts).map(([name, count]) => [name, String(count)]));
  const after = relabelling === undefined ? '' : describeRelabelling(relabelling);
  if (metrics.length === 0) return head + body + after;
  const names = metrics.map(({ name, series }) => [name === '' ? '(no name)' : name, String(series)]);
  return `${head}${body}\n${table([['metric', 'series'], ...names])}${after}`;
}

function nameOf(version: Version | undefined, protocol: Source['form'] | undefined): string {
  return protocol === undefined ? `Remote Write ${version}.0` : PROTOCOL_NAMES[protocol];
}

const PROTOCOL_NAMES: Record<Source['form'], string> = { otlp: 'OTLP', influx: 'Influx line protocol' };

function reportBroken({ version, protocol, encoding }: Attempt, broken: Broken, json: boolean, io: Io): void {
  const { code, message, offset } = broken;
  if (json) {
    io.stdout.write(
      `${JSON.stringify({ error: { code, message, offset, version, protocol, encoding } }, undefined, 2)}\n`,
    );
    return;
  }
  const where = code === 'snappy' || code === 'compression' ? 'compressed body' : 'uncompressed body';
  const as = protocol === undefined ? `${encoding}, version ${version}` : `${encoding}, ${protocol}`;
  io.stderr.write(`broken at byte ${offset} of the ${where}: ${message} (read as ${as})\n`);
}
