/**
 * Overrides in the forms that people have: Mimir's runtime configuration, the manifest of a ConfigMap that contains it, or
 * values for the chart mimir-distributed. Findings have line and column in the given file.
 */
import { isMap, isScalar, LineCounter, type Node, parseDocument, type Scalar, type YAMLMap } from 'yaml';
import { type LimitTable, MIMIR_LIMITS, readLimit, suggest } from '../limits/limit-table.js';
import type { TenantLimits } from '../limits/limits.js';
import { isOtherOfMimir } from '../limits/other-mimir-limits.js';
import {
  type DocumentKind,
  type Finding,
  type NamedLimits,
  type OverridesDocument,
  parseOverrides,
} from '../limits/overrides-document.js';
import { plainLimit } from '../limits/plain-limit.js';
import { tenantLimits } from '../limits/snapshot.js';
import { documentOf, findKey } from '../overrides/kubernetes/configmap-documents.js';
import { type Io, readInput } from './io.js';

export interface GivenDocument {
  readonly file: string;
  readonly kind: DocumentKind;
  readonly document: OverridesDocument;
  /** Limits of all tenants, if the file has Mimir's own configuration, too. */
  readonly defaults?: NamedLimits;
}

/** A file that is more than an overrides document: its text, and its YAML. */
interface GivenFile {
  readonly file: string;
  readonly text: string;
  readonly top: YAMLMap;
  readonly lines: LineCounter;
}

const MAX_BYTES = 64 << 20;
/** Text that may not be an overrides document, and is checked for other forms. */
const MAYBE_WRAPPED =
  /(^|[{,\s"'])(kind["']?\s*:\s*["']?ConfigMap|(runtimeConfig|structuredConfig)["']?\s*:)/;

export async function readDocuments(
  file: string,
  kind: DocumentKind,
  io: Io,
  key = '',
): Promise<GivenDocument[]> {
  const text = (await readInput(file, io, MAX_BYTES)).toString('utf8');
  if (MAYBE_WRAPPED.test(text)) {
    const lines = new LineCounter();
    const parsed = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
    const top = parsed.contents;
    if (parsed.errors.length === 0 && isMap(top)) {
      const given = { file, text, top, lines };
      if (String(top.get('kind')) === 'ConfigMap') return fromManifest(given, kind, key);
      const chart = chartSection(top);
      if (chart !== undefined) return [fromValues(given, kind, chart)];
    }
  }
  return [{ file, kind, document: parseOverrides(text, kind) }];
}

export function documentsOfKind(given: readonly GivenDocument[], kind: DocumentKind): OverridesDocument[] {
  return given.filter((one) => one.kind === kind).map(({ document }) => document);
}

export function reportFindings(given: readonly GivenDocument[], io: Io): void {
  for (const { file, document } of given) {
    for (const error of document.errors) io.stderr.write(findingLine(file, 'error', error));
    for (const warning of document.warnings) io.stderr.write(findingLine(file, 'warning', warning));
  }
}

function findingLine(file: string, level: string, { path, message, line, column }: Finding): string {
  return `${file}:${line}:${column}: ${level}: ${path === '' ? '' : `${path}: `}${message}\n`;
}

/** Where the chart's values are: at the top, or one level down if the chart is a dependency of another. */
function chartSection(top: YAMLMap): readonly string[] | undefined {
  if (top.has('overrides')) return undefined;
  const isChart = (map: YAMLMap): boolean => map.has('runtimeConfig') || map.hasIn(CHART_LIMITS);
  if (isChart(top)) return [];
  for (const { key, value } of top.items) {
    if (isScalar(key) && isMap(value) && isChart(value)) return [String(key.value)];
  }
  return undefined;
}

/** The chart's overrides, and the limits that it sets for all tenants. */
function fromValues(
  { file, text, top, lines }: GivenFile,
  kind: DocumentKind,
  chart: readonly string[],
): GivenDocument {
  const overrides = [...chart, 'runtimeConfig'];
  const document = top.hasIn(overrides) ? parseOverrides(text, kind, overrides) : parseOverrides('', kind);
  const limits = top.getIn([...chart, ...CHART_LIMITS]);
  if (kind === 'edge' || !isMap(limits)) return { file, kind, document };
  const path = [...chart, ...CHART_LIMITS].join('.');
  const read = readLimits(limits, path, lines);
  const hint = {
    path,
    message:
      'taken as the limits of all tenants; the edge has them from the section limits of its own configuration',
    ...read.at,
  };
  return {
    file,
    kind,
    document: {
      ...document,
      warnings: [hint, ...read.warnings, ...document.warnings],
      errors: [...read.errors, ...document.errors],
    },
    defaults: read.named,
  };
}

const CHART_LIMITS = ['mimir', 'structuredConfig', 'limits'];

/** A block of Mimir's own configuration. */
function readLimits(map: YAMLMap, path: string, lines: LineCounter) {
  const named = new Map<string, unknown>();
  const warnings: Finding[] = [];
  const errors: Finding[] = [];
  const positionOf = (node: unknown): Pick<Finding, 'line' | 'column'> => {
    const { line, col } = lines.linePos((node as Node).range?.[0] ?? 0);
    return { line, column: col };
  };
  for (const { key, value } of map.items) {
    const name = String(isScalar(key) ? key.value : key);
    if (isOtherOfMimir(name)) continue;
    const facts = Object.hasOwn(MIMIR_LIMITS, name) ? (MIMIR_LIMITS as LimitTable)[name] : undefined;
    if (facts === undefined) {
      const message = `unknown limit, ignored${suggest(name, MIMIR_LIMITS)}`;
      warnings.push({ path: `${path}.${name}`, message, ...positionOf(key) });
      continue;
    }
    const raw = plainLimit(value as Node | null);
    const read = readLimit(facts, raw);
    if ('value' in read) named.set(name, read.value);
    else
      errors.push({
        path: `${path}.${name}`,
        message: `${read.problem}, found ${JSON.stringify(raw)}`,
        ...positionOf(value ?? key),
      });
  }
  return { named, warnings, errors, at: positionOf(map) };
}

/** The limits of tenants that no document names: those of the files, over the configured ones. */
export function defaultsOf(given: readonly GivenDocument[], configured: TenantLimits): TenantLimits {
  return given.reduce(
    (defaults, { defaults: named }) =>
      named === undefined ? defaults : tenantLimits(defaults, named, new Map()),
    configured,
  );
}

/** The requested document, and the edge's own if the same ConfigMap has it. */
async function fromManifest(given: GivenFile, kind: DocumentKind, key: string): Promise<GivenDocument[]> {
  const contents = given.top.toJSON() as Contents;
  const documents = [await fromKey(given, contents, kind, key)];
  if (kind === 'mimir' && findKey(contents, 'edge') !== '') {
    documents.push(await fromKey(given, contents, 'edge', ''));
  }
  return documents;
}

type Contents = Parameters<typeof documentOf>[0];

async function fromKey(
  { file, text, top, lines }: GivenFile,
  contents: Contents,
  kind: DocumentKind,
  key: string,
): Promise<GivenDocument> {
  const read = await documentOf(contents, kind, key, MAX_BYTES);
  if ('problem' in read) {
    const error = { path: '', message: `the ConfigMap can not be used: ${read.problem}`, line: 1, column: 1 };
    return { file, kind, document: { ...parseOverrides('', kind), errors: [error] } };
  }
  const found = key === '' ? String(findKey(contents, kind)) : key;
  const node = top.getIn(['data', found], true) ?? top.getIn(['binaryData', found], true);
  const place = placeOf(text, lines, node as Node | undefined);
  const document = parseOverrides(read.text, kind);
  const { warnings, errors } = document;
  return { file, kind, document: { ...document, warnings: warnings.map(place), errors: errors.map(place) } };
}

/** In a literal block (`|`) each line of the document is one of the file; otherwise only the key's position is known. */
function placeOf(text: string, lines: LineCounter, node: Node | undefined): (finding: Finding) => Finding {
  const start = node?.range?.[0];
  if (start === undefined) return (finding) => finding;
  const { line, col } = lines.linePos(start);
  if ((node as Scalar).type !== 'BLOCK_LITERAL') {
    return (finding) => ({
      ...finding,
      message: `${finding.message} (line ${finding.line}, column ${finding.column} of the text here)`,
      line,
      column: col,
    });
  }
  const block = text.slice(text.indexOf('\n', start) + 1, node?.range?.[1]);
  const indent = /^(?: *\n)*( *)/.exec(block)?.[1]?.length ?? 0;
  return (finding) => ({ ...finding, line: line + finding.line, column: finding.column + indent });
}
