/** Parses documents and packs the resulting snapshot, in a thread of the parser. */
import type { TenantLimits } from '../limits/limits.js';
import {
  type DocumentKind,
  type Finding,
  type OverridesDocument,
  parseOverrides,
} from '../limits/overrides-document.js';
import { type PackedSnapshot, packSnapshot } from '../limits/snapshot.js';

export interface ParseTask {
  readonly defaults: TenantLimits;
  readonly documents: readonly DocumentToParse[];
}

interface DocumentToParse {
  readonly kind: DocumentKind;
  readonly text: string;
  /** The last valid text, used if `text` is not valid. */
  readonly fallback: string;
}

export interface ParsedDocument {
  readonly errors: readonly Finding[];
  readonly warnings: readonly Finding[];
  /** How many tenants it names. */
  readonly tenants: number;
}

export interface ParseResult {
  /** In the order of the task. */
  readonly documents: readonly ParsedDocument[];
  readonly packed: PackedSnapshot;
}

export function parse({ defaults, documents }: ParseTask): ParseResult {
  const parsed = documents.map(({ kind, text }) => parseOverrides(text, kind));
  const inForce = (wanted: DocumentKind): OverridesDocument[] =>
    documents.flatMap(({ kind, fallback }, index) => {
      const document = parsed[index];
      if (kind !== wanted || document === undefined) return [];
      return document.errors.length === 0 ? document : parseOverrides(fallback, kind);
    });
  return {
    documents: parsed.map(({ errors, warnings, tenants }) => ({ errors, warnings, tenants: tenants.size })),
    packed: packSnapshot({ defaults, mimir: inForce('mimir'), edge: inForce('edge') }),
  };
}
