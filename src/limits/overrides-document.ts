/**
 * Reads overrides documents, both Mimir's runtime configuration and the edge's own in the same form, and reports line and
 * column of everything that is wrong. A document with errors is not used at all; warnings do not matter.
 */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  visit,
  type YAMLMap,
} from 'yaml';
import {
  EDGE_LIMITS,
  type LimitFacts,
  type LimitTable,
  MIMIR_LIMITS,
  readLimit,
  suggest,
} from './limit-table.js';
import { isSelectedByMetadata } from './metadata-limits.js';
import { isOtherOfMimir, OTHER_SECTIONS, REMOVED_MIMIR_LIMITS } from './other-mimir-limits.js';
import { nodeAt, plainLimit } from './plain-limit.js';
import { METADATA, selectsByMetadata, tenantIdFault } from './tenant-id.js';
import { WRITE_PATH_LIMITS } from './write-path-limits.js';

/** `edge`: the document of limits that Mimir does not have. */
export type DocumentKind = 'mimir' | 'edge';

export interface Finding {
  /** Dotted, from the top of the document. */
  readonly path: string;
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

/** What a document sets for a tenant: only the limits that it names. Undefined: reset to the default. */
export type NamedLimits = ReadonlyMap<string, unknown>;

export interface OverridesDocument {
  readonly tenants: ReadonlyMap<string, NamedLimits>;
  /** Limits of the write path that only Mimir enforces, and the tenants that have them. */
  readonly mimirAlone: ReadonlyMap<string, ReadonlySet<string>>;
  readonly warnings: readonly Finding[];
  readonly errors: readonly Finding[];
}

/** How many values a document may expand to through aliases: more is an attempt to stall the process. */
const MAX_VALUES = 2_000_000;
/** More warnings say nothing new, for example a misspelt key in a map that all tenants share. */
const MAX_WARNINGS = 1000;
/** How deep maps may be merged into maps; one that is merged into itself never ends. */
const MAX_MERGE_DEPTH = 50;

/** `section`: the document's position if it is part of another text, such as a Helm chart's values. */
export function parseOverrides(
  text: string,
  kind: DocumentKind,
  section: readonly string[] = [],
): OverridesDocument {
  return new Reader(text, kind).read(section);
}

class Reader {
  readonly #lines = new LineCounter();
  readonly #document;
  readonly #table: LimitTable;
  readonly #otherTable: LimitTable;
  readonly #kind: DocumentKind;
  readonly #tenants = new Map<string, NamedLimits>();
  readonly #mimirAlone = new Map<string, Set<string>>();
  readonly #warnings: Finding[] = [];
  readonly #errors: Finding[] = [];
  readonly #anchored: ReadonlyMap<Alias, Node>;
  /** The tenant whose limits are being read. */
  #tenant = '';
  /** Lists that were read, by node and limit. */
  readonly #lists = new Map<Node, Map<string, ReturnType<typeof readLimit>>>();
  #values = 0;
  #isTooLarge = false;
  #mergeDepth = 0;

  constructor(text: string, kind: DocumentKind) {
    this.#kind = kind;
    this.#table = kind === 'mimir' ? MIMIR_LIMITS : EDGE_LIMITS;
    this.#otherTable = kind === 'mimir' ? EDGE_LIMITS : MIMIR_LIMITS;
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      // Checked by `#pairs` instead: the library compares each key with all others, which takes minutes for 50,000 tenants.
      uniqueKeys: false,
    });
    this.#anchored = anchoredNodes(this.#document);
  }

  read(section: readonly string[]): OverridesDocument {
    for (const error of this.#document.errors) {
      // Mimir, too, reads only the first document of a file.
      if (error.code !== 'MULTIPLE_DOCS') this.#error('', error.message, error.pos[0]);
    }
    const top = (this.#document.getIn(section, true) ?? null) as Node | null;
    if (this.#errors.length === 0 && !isNothing(top)) {
      if (isMap(top)) this.#readSections(top);
      else this.#error(section.join('.'), 'expected a map with the key overrides', top);
    }
    return {
      tenants: this.#tenants,
      mimirAlone: this.#mimirAlone,
      warnings: this.#warnings,
      errors: this.#errors,
    };
  }

  #readSections(top: YAMLMap): void {
    for (const [name, pair] of this.#pairs('', top)) {
      const value = this.#resolve(pair.value as Node | null);
      if (name === 'overrides') {
        if (isMap(value)) this.#readTenants(value);
        else if (!isNothing(value)) this.#error(name, 'expected a map of tenants', pair.key as Node);
      } else if (!OTHER_SECTIONS.has(name) && !name.startsWith('x-')) {
        this.#warn(name, 'unknown section, ignored', pair.key as Node);
      }
    }
  }

  #readTenants(overrides: YAMLMap): void {
    for (const [tenant, pair] of this.#pairs('overrides', overrides)) {
      if (tenant === '<<') {
        this.#error(
          'overrides.<<',
          'merge keys work within a tenant, not for tenants as a whole',
          pair.key as Node,
        );
        continue;
      }
      const path = `overrides.${tenant}`;
      const problem = this.#problemOf(tenant);
      if (problem !== undefined) {
        this.#warn(path, `${problem}, ignored`, pair.key as Node);
        continue;
      }
      const limits = new Map<string, unknown>();
      const value = this.#resolve(pair.value as Node | null);
      this.#tenant = tenant;
      if (isMap(value)) this.#readLimits(path, value, limits);
      else if (!isNothing(value)) this.#error(path, 'expected a map of limits', pair.key as Node);
      this.#tenants.set(tenant, limits);
    }
  }

  /** Why an entry of this name is useless. */
  #problemOf(entry: string): string | undefined {
    if (!entry.includes(METADATA)) {
      const fault = tenantIdFault(entry);
      return fault && `no tenant can have this id (${fault.replaceAll('_', ' ')})`;
    }
    if (!selectsByMetadata(entry)) return 'no metadata can select this entry';
    return this.#kind === 'edge' ? "the edge's own limits are a tenant's, whatever its metadata" : undefined;
  }

  #readLimits(path: string, map: YAMLMap, limits: Map<string, unknown>): void {
    for (const [name, pair] of this.#pairs(path, map)) {
      this.#values++;
      if (this.#values > MAX_VALUES) {
        if (!this.#isTooLarge) this.#error(path, `the document has more than ${MAX_VALUES} values`, map);
        this.#isTooLarge = true;
        return;
      }
      if (name === '<<') this.#mergeIn(path, pair, limits);
      else this.#readLimit(`${path}.${name}`, name, pair, limits);
    }
  }

  /** The keys and pairs of a map. A repeated key is an error. */
  *#pairs(path: string, map: YAMLMap): Generator<[key: string, pair: Pair]> {
    const seen = new Set<string>();
    for (const pair of map.items) {
      if (!isScalar(pair.key)) {
        this.#error(path, 'a key must be a text', pair.key as Node | null);
        continue;
      }
      const key = keyText(pair.key);
      if (seen.has(key)) this.#error(path, `the key ${key} is given twice`, pair.key as Node);
      else yield [key, pair];
      seen.add(key);
    }
  }

  /**
   * Merges one map or a list of maps. The map's own keys win over merged ones, and the first of a list wins over the rest.
   */
  #mergeIn(path: string, pair: Pair, limits: Map<string, unknown>): void {
    const source = this.#resolve(pair.value as Node | null);
    const maps = isSeq(source) ? source.items.map((item) => this.#resolve(item as Node)) : [source];
    const inPlace = new Map(limits);
    this.#mergeDepth++;
    for (const map of maps.reverse()) {
      if (isMap(map) && this.#mergeDepth <= MAX_MERGE_DEPTH) this.#readLimits(path, map, limits);
      else this.#error(`${path}.<<`, 'expected an alias of a map, not nested too deeply', pair.key as Node);
    }
    this.#mergeDepth--;
    for (const [name, value] of inPlace) limits.set(name, value);
  }

  #readLimit(path: string, name: string, pair: Pair, limits: Map<string, unknown>): void {
    const facts = Object.hasOwn(this.#table, name) ? this.#table[name] : undefined;
    if (this.#kind === 'mimir') this.#regard(path, name, facts, pair.key as Node);
    if (facts === undefined) {
      this.#unknownLimit(path, name, pair.key as Node);
      return;
    }
    const node = this.#resolve(pair.value as Node | null);
    // As in Mimir, a key without a value undoes what an earlier document sets.
    if (isNothing(node)) {
      limits.set(name, undefined);
      return;
    }
    const read = this.#readValue(name, facts, node);
    if ('value' in read) {
      limits.set(name, read.value);
      return;
    }
    const wrong = nodeAt(node, read.at ?? [], (one) => this.#resolve(one));
    const where = [path, ...(read.at ?? [])].join('.');
    this.#error(where, `${read.problem}, found ${JSON.stringify(this.#sourceOf(wrong))}`, wrong);
  }

  /** A list that many tenants share through an alias is read once. */
  #readValue(name: string, facts: LimitFacts<unknown>, node: Node): ReturnType<typeof readLimit> {
    if (isScalar(node)) return readLimit(facts, node.value);
    const known = this.#lists.get(node)?.get(name);
    if (known !== undefined) return known;
    const read = readLimit(
      facts,
      plainLimit(node, (one) => this.#counted(one)),
    );
    this.#lists.set(node, new Map(this.#lists.get(node)).set(name, read));
    return read;
  }

  /** Undefined once the document exceeds its maximal number of values. */
  #counted(node: Node | null): Node | null {
    this.#values++;
    return this.#values > MAX_VALUES ? null : this.#resolve(node);
  }

  /** Warns about what Mimir makes of a limit, where that may surprise. */
  #regard(path: string, name: string, facts: LimitFacts<unknown> | undefined, key: Node): void {
    if (REMOVED_MIMIR_LIMITS.has(name)) this.#warn(path, removedLimit(facts !== undefined), key);
    if (this.#isWithoutEffect(name, facts)) this.#warn(path, withoutEffect(name), key);
    if (facts !== undefined || !Object.hasOwn(WRITE_PATH_LIMITS, name)) return;
    const tenants = this.#mimirAlone.get(name) ?? new Set();
    this.#mimirAlone.set(name, tenants.add(this.#tenant));
  }

  /**
   * The limit has no effect in an entry for metadata. No warning for maps shared through aliases: they are for others, too.
   */
  #isWithoutEffect(name: string, facts: LimitFacts<unknown> | undefined): boolean {
    if (!this.#tenant.includes(METADATA) || this.#mergeDepth > 0 || isSelectedByMetadata(name)) return false;
    return facts !== undefined || isOtherOfMimir(name);
  }

  #unknownLimit(path: string, name: string, key: Node): void {
    if (Object.hasOwn(this.#otherTable, name)) {
      const where =
        this.#kind === 'mimir'
          ? "is the edge's own and makes Mimir refuse this document: move it to the edge overrides (overrides.edge_file)"
          : "is Mimir's: move it to the overrides that Mimir reads (overrides.file)";
      this.#warn(path, `${name} ${where}`, key);
    } else if (this.#kind === 'edge' || !isOtherOfMimir(name)) {
      this.#warn(path, `unknown limit, ignored${suggest(name, this.#table)}`, key);
    }
  }

  #resolve(node: Node | null): Node | null {
    if (!isAlias(node)) return node;
    const target = this.#anchored.get(node);
    if (target === undefined) this.#error('', `there is no anchor ${node.source}`, node);
    return target ?? null;
  }

  #sourceOf(node: Node | null): unknown {
    return isScalar(node) ? (node.source ?? node.value) : 'a map or a list';
  }

  #error(path: string, message: string, where: Node | number | null): void {
    this.#errors.push(this.#finding(path, message, where));
  }

  #warn(path: string, message: string, where: Node | null): void {
    if (this.#warnings.length < MAX_WARNINGS) this.#warnings.push(this.#finding(path, message, where));
  }

  #finding(path: string, message: string, where: Node | number | null): Finding {
    const offset = typeof where === 'number' ? where : (where?.range?.[0] ?? 0);
    const { line, col } = this.#lines.linePos(offset);
    return { path, message, line: Math.max(1, line), column: Math.max(1, col) };
  }
}

/**
 * Resolves all aliases, each to the last node with its anchor before it, in one walk; Alias.resolve() takes one walk each.
 */
function anchoredNodes(document: Document.Parsed): Map<Alias, Node> {
  const byAnchor = new Map<string, Node>();
  const byAlias = new Map<Alias, Node>();
  visit(document, {
    Alias(_key, alias) {
      const node = byAnchor.get(alias.source);
      if (node !== undefined) byAlias.set(alias, node);
    },
    Value(_key, node) {
      if (node.anchor !== undefined) byAnchor.set(node.anchor, node);
    },
  });
  return byAlias;
}

function removedLimit(isRead: boolean): string {
  const edge = isRead ? '; the edge still goes by it' : '';
  return `Mimir does not know it any more (as of 3.2) and refuses a document that has it: take it out unless an older Mimir reads this one${edge}`;
}

function withoutEffect(limit: string): string {
  return `Mimir goes by ${limit} for a tenant as a whole: in an entry for metadata it has no effect`;
}

function isNothing(node: Node | null): node is null {
  return node === null || (isScalar(node) && node.value === null);
}

/** The key as written: a tenant named 007 or 1e3 is not a number. */
function keyText(key: Scalar): string {
  return key.source ?? String(key.value);
}
