/**
 * Overrides as people have them at hand: Mimir's runtime configuration, the manifest of a ConfigMap that has it as a
 * text, or values for the chart mimir-distributed. Findings have the line and the column of the file that was given.
 */
import { isMap, isScalar, LineCounter, type Node, parseDocument, type Scalar, type YAMLMap } from 'yaml';
import {
  type DocumentKind,
  type Finding,
  type OverridesDocument,
  parseOverrides,
} from '../limits/overrides-document.js';
import { documentOf, findKey } from '../overrides/kubernetes/configmap-documents.js';
import { type Io, readInput } from './io.js';

export interface GivenDocument {
  readonly file: string;
  readonly kind: DocumentKind;
  readonly document: OverridesDocument;
}

const MAX_BYTES = 64 << 20;
/** Text that may be something else than an overrides document, and is worth a second look. */
const MAYBE_WRAPPED = /(^|[{,\s"'])(kind["']?\s*:\s*["']?ConfigMap|runtimeConfig["']?\s*:)/;

export async function readDocuments(
  file: string,
  kind: DocumentKind,
  io: Io,
  key = '',
): Promise<GivenDocument[]> {
  const text = (await readInput(file, io, MAX_BYTES)).toString('utf8');
  if (MAYBE_WRAPPED.test(text)) {
    const lineCounter = new LineCounter();
    const parsed = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false });
    const top = parsed.contents;
    if (parsed.errors.length === 0 && isMap(top)) {
      if (String(top.get('kind')) === 'ConfigMap')
        return fromManifest(file, text, top, lineCounter, kind, key);
      const section = valuesSection(top);
      if (section !== undefined) return [{ file, kind, document: parseOverrides(text, kind, section) }];
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

/** At the top, or one below when the chart is a part of another. */
function valuesSection(top: YAMLMap): readonly string[] | undefined {
  if (top.has('overrides')) return undefined;
  if (top.has('runtimeConfig')) return ['runtimeConfig'];
  for (const { key, value } of top.items) {
    if (isScalar(key) && isMap(value) && value.has('runtimeConfig'))
      return [String(key.value), 'runtimeConfig'];
  }
  return undefined;
}

/** The document of the kind that is asked for, and the edge's own where the same ConfigMap has that, too. */
async function fromManifest(
  file: string,
  text: string,
  top: YAMLMap,
  lines: LineCounter,
  kind: DocumentKind,
  key: string,
): Promise<GivenDocument[]> {
  const contents = top.toJSON() as Parameters<typeof documentOf>[0];
  const given = [await fromKey(file, text, top, lines, contents, kind, key)];
  if (kind === 'mimir' && findKey(contents, 'edge') !== '') {
    given.push(await fromKey(file, text, top, lines, contents, 'edge', ''));
  }
  return given;
}

async function fromKey(
  file: string,
  text: string,
  top: YAMLMap,
  lines: LineCounter,
  contents: Parameters<typeof documentOf>[0],
  kind: DocumentKind,
  key: string,
): Promise<GivenDocument> {
  const read = await documentOf(contents, kind, key, MAX_BYTES);
  if ('problem' in read) {
    const error = { path: '', message: `the ConfigMap is of no use: ${read.problem}`, line: 1, column: 1 };
    return { file, kind, document: { tenants: new Map(), warnings: [], errors: [error] } };
  }
  const found = key === '' ? String(findKey(contents, kind)) : key;
  const node = top.getIn(['data', found], true) ?? top.getIn(['binaryData', found], true);
  const place = placeOf(text, lines, node as Node | undefined);
  const { tenants, warnings, errors } = parseOverrides(read.text, kind);
  const document = { tenants, warnings: warnings.map(place), errors: errors.map(place) };
  return { file, kind, document };
}

/** In a block that is written as it is (`|`), each line of the document is one of the file; else only its key is known. */
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
