/**
 * Who changed what, when and why: a ring in memory, and a file of JSON lines that is only ever added to. The line is
 * written before the change is made; a change whose line can not be written is not made.
 *
 * A file that was moved away is made anew (logrotate), and what is at its end at the start is known already: it is in the
 * ring, and no control of it gets a second line.
 */
import { closeSync, fstatSync, fsyncSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { type Control, RELOAD } from '../controls/control.js';

/**
 * `here`: asked of this process. `fleet`: it came from another replica. `time`: a control ended. `overrides`: documents
 * changed. `start`: a replica started.
 */
export const AUDIT_ORIGINS = ['here', 'fleet', 'time', 'overrides', 'start'] as const;
export const AUDIT_ACTIONS = ['set', 'take back', 'end', 'reload', 'start'] as const;

export interface AuditEntry {
  readonly at: string;
  /** The token's name, the documents that say so, or the replica that started; empty: nobody, its time was over. */
  readonly who: string;
  readonly from: (typeof AUDIT_ORIGINS)[number];
  readonly action: (typeof AUDIT_ACTIONS)[number];
  /** Null: all tenants. */
  readonly tenant: string | null;
  /** `mode`, `reload`, a limit, `overrides`: whether documents name the tenant, or `version`: of the replica that started. */
  readonly name: string;
  readonly before: string | number | boolean | null;
  readonly after: string | number | boolean | null;
  readonly reason: string;
  readonly until: string | null;
  /** Of the control, or of the replica that started; null: there is none. */
  readonly id: string | null;
}

interface AuditListener {
  /** What has happened already can not be written. */
  failed(error: unknown): void;
  /** Each entry, once it is there. */
  added(entry: AuditEntry): void;
}

const RING = 1000;
/** What is read of the file at the start: more than the ring holds. */
const TAIL_BYTES = 1 << 20;

export class Audit {
  readonly #path: string;
  readonly #listener: AuditListener;
  #entries: AuditEntry[] = [];
  #file: number | undefined;
  #version = 0;

  /** Throws when the file can not be opened. Empty: memory alone. */
  constructor(path: string, listener: AuditListener) {
    this.#path = path;
    this.#listener = listener;
    if (path === '') return;
    this.#file = openFile(path);
    const { entries, isWhole } = readTail(path);
    this.#entries = entries.slice(-RING);
    if (!isWhole) writeSync(this.#file, '\n');
  }

  get version(): number {
    return this.#version;
  }

  /** Throws when they can not be written. */
  add(...entries: readonly AuditEntry[]): void {
    if (entries.length === 0) return;
    const file = this.#currentFile();
    if (file !== undefined) {
      writeSync(file, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
      fsyncSync(file);
    }
    this.#version++;
    this.#entries = [...this.#entries, ...entries].slice(-RING);
    for (const entry of entries) this.#listener.added(entry);
  }

  /** What has happened already, whether it can be written or not: a control came from elsewhere, or ended. */
  note(from: 'fleet' | 'time', control: Control, before: Control | undefined): void {
    const { id, tenant, name, value, reason, by, untilMs } = control;
    if (from === 'fleet' && this.#entries.some((entry) => entry.id === id)) return;
    const ended = from === 'time';
    const action = ended ? 'end' : name === RELOAD ? 'reload' : value === null ? 'take back' : 'set';
    this.addIfPossible([
      {
        at: new Date().toISOString(),
        who: ended ? '' : by,
        from,
        action,
        tenant: tenant || null,
        name,
        before: (ended ? value : before?.value) ?? null,
        after: ended ? null : value,
        reason: ended ? '' : reason,
        until: ended || value === null ? null : new Date(untilMs).toISOString(),
        id,
      },
    ]);
  }

  addIfPossible(entries: readonly AuditEntry[]): void {
    try {
      this.add(...entries);
    } catch (error) {
      this.#listener.failed(error);
    }
  }

  /** The newest first. */
  newest(limit: number): AuditEntry[] {
    return this.#entries.slice(-limit).reverse();
  }

  /** The newest about this. */
  lastOf(name: string): AuditEntry | undefined {
    return this.#entries.findLast((entry) => entry.name === name);
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
  }

  /** Under the path as it is now: what was opened may have been moved away since. */
  #currentFile(): number | undefined {
    if (this.#file === undefined) return undefined;
    const opened = fstatSync(this.#file);
    const named = statSync(this.#path, { throwIfNoEntry: false });
    if (named?.ino === opened.ino && named.dev === opened.dev) return this.#file;
    const moved = this.#file;
    this.#file = openFile(this.#path);
    closeSync(moved);
    return this.#file;
  }
}

/** One entry as a sentence for the log. */
export function sentenceOf({ who, from, action, tenant, name, before, after, reason }: AuditEntry): string {
  const of = tenant === null ? 'all tenants' : `tenant ${tenant}`;
  const why = reason === '' ? '' : `: ${reason}`;
  const elsewhere = from === 'fleet' ? ', on another replica' : '';
  if (action === 'start') return `replica ${who} started, version ${after}`;
  if (action === 'reload') return `${who} had the overrides read again${elsewhere}${why}`;
  if (action === 'end') return `${name} of ${of} was ${before} for a time, which is over`;
  if (action === 'take back')
    return `${who} took back ${name} of ${of}, which was ${before}${elsewhere}${why}`;
  return `${who} set ${name} of ${of} to ${after}, which was ${before ?? 'nothing'}${elsewhere}${why}`;
}

function openFile(path: string): number {
  return openSync(path, 'a', 0o640);
}

/** What is no entry is passed over. Not whole: the last line was cut off. */
function readTail(path: string): { entries: AuditEntry[]; isWhole: boolean } {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const length = readSync(file, bytes, 0, bytes.length, size - bytes.length);
    const text = bytes.toString('utf8', 0, length);
    return {
      entries: text.split('\n').flatMap((line) => entryOf(line) ?? []),
      isWhole: /(^|\n)$/.test(text),
    };
  } finally {
    closeSync(file);
  }
}

function entryOf(line: string): AuditEntry | undefined {
  let raw: Partial<Record<keyof AuditEntry, unknown>>;
  try {
    raw = JSON.parse(line);
  } catch {
    return undefined;
  }
  const { at, who, from, action, name, reason, id = null } = raw ?? {};
  const isEntry = [at, who, from, action, name, reason].every((text) => typeof text === 'string');
  return isEntry ? { ...(raw as AuditEntry), id: id as string | null } : undefined;
}
