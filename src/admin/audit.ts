/**
 * Who changed what, when and why: a ring in memory, and a file of JSON lines that is only ever added to. The line is
 * written before the change is made; a change whose line can not be written is not made.
 */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { type Control, RELOAD } from '../controls/control.js';

export interface AuditEntry {
  readonly at: string;
  /** The token's name; empty: nobody, its time was over. */
  readonly who: string;
  /** `here`: asked of this process. `fleet`: it came from another replica. `time`: a control ended. */
  readonly from: 'here' | 'fleet' | 'time';
  readonly action: 'set' | 'take back' | 'end' | 'reload';
  /** Null: all tenants. */
  readonly tenant: string | null;
  /** `mode`, `reload`, or a limit. */
  readonly name: string;
  readonly before: string | number | boolean | null;
  readonly after: string | number | boolean | null;
  readonly reason: string;
  readonly until: string | null;
}

const RING = 1000;

export class Audit {
  readonly #file: number | undefined;
  readonly #failed: (error: unknown) => void;
  readonly #entries: AuditEntry[] = [];
  #version = 0;

  /** Throws when the file can not be opened. Empty: memory alone. */
  constructor(path: string, failed: (error: unknown) => void) {
    this.#failed = failed;
    this.#file = path === '' ? undefined : openSync(path, 'a', 0o640);
  }

  get version(): number {
    return this.#version;
  }

  /** Throws when it can not be written. */
  add(entry: AuditEntry): void {
    if (this.#file !== undefined) {
      writeSync(this.#file, `${JSON.stringify(entry)}\n`);
      fsyncSync(this.#file);
    }
    this.#version++;
    this.#entries.push(entry);
    if (this.#entries.length > RING) this.#entries.shift();
  }

  /** What has happened already, whether it can be written or not: a control came from elsewhere, or ended. */
  note(from: 'fleet' | 'time', control: Control, before: Control | undefined): void {
    const { tenant, name, value, reason, by, untilMs } = control;
    const ended = from === 'time';
    const action = ended ? 'end' : name === RELOAD ? 'reload' : value === null ? 'take back' : 'set';
    try {
      this.add({
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
      });
    } catch (error) {
      this.#failed(error);
    }
  }

  /** The newest first. */
  newest(limit: number): AuditEntry[] {
    return this.#entries.slice(-limit).reverse();
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
  }
}
