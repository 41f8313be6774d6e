/**
 * The controls that are in force in this process. They end by themselves; where replicas share entries they are those of
 * all replicas, and outlive restarts. A store that does not answer takes nothing back: what is written meanwhile is in
 * force here, and goes to the others when it answers again.
 */
import { randomUUID } from 'node:crypto';
import { messageOf } from '../base/message-of.js';
import type { Snapshot } from '../limits/limits.js';
import type { Entries } from '../shared/entries.js';
import { beats, type Control, controlKey, globalMode, overlay, RELOAD, readControl } from './control.js';

export interface ControlsListener {
  /** What `overlay` and `mode` answer is not what it was. */
  changed(): void;
  /** Another replica, or this one before it was restarted, made it. */
  received(control: Control, before: Control | undefined): void;
  /** Its time is over. */
  ended(control: Control): void;
}

export interface ControlsStatus {
  /** False: there is nothing that replicas share. */
  readonly shared: boolean;
  /** What is shared can be read and written. */
  readonly reachable: boolean;
  readonly lastError: string | undefined;
  readonly active: number;
}

/** Half of the second within which all replicas obey. */
const POLL_MS = 500;
/** Bounds what a write costs, and a reader's patience. */
export const MAX_CONTROLS = 500;

export class Controls {
  readonly #shared: Entries | undefined;
  readonly #listener: ControlsListener;
  /** On the clock of Date.now(), which replicas share. */
  readonly #now: () => number;
  /** The newest for each thing, those that were taken back included. */
  readonly #byKey = new Map<string, Control>();
  /** Keys of what the others have not been told of yet. */
  readonly #unsent = new Set<string>();
  #version: string | null | undefined;
  #lastError: string | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #syncing: Promise<void> | undefined;

  constructor(shared: Entries | undefined, listener: ControlsListener, now: () => number) {
    this.#shared = shared;
    this.#listener = listener;
    this.#now = now;
  }

  /** What was in force before a restart is in force again when this returns, if the store answers. */
  async start(connectTimeoutMs: number): Promise<void> {
    await this.#shared?.connect(connectTimeoutMs);
    await this.sync();
    this.#ticker = setInterval(() => {
      this.#end();
      void this.sync();
    }, POLL_MS);
    this.#ticker.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#ticker);
    this.#shared?.close();
    await this.#syncing;
  }

  /** In force now, the newest first. */
  active(): Control[] {
    return [...this.#byKey.values()]
      .filter(({ value, name }) => value !== null && name !== RELOAD)
      .sort((a, b) => b.atMs - a.atMs);
  }

  get(tenant: string, name: string): Control | undefined {
    const control = this.#byKey.get(controlKey({ tenant, name }));
    return control?.value === null ? undefined : control;
  }

  get full(): boolean {
    return this.#byKey.size >= MAX_CONTROLS;
  }

  status(): ControlsStatus {
    return {
      shared: this.#shared !== undefined,
      reachable: this.#shared !== undefined && this.#lastError === undefined,
      lastError: this.#lastError,
      active: this.active().length,
    };
  }

  overlay(snapshot: Snapshot, mayAdd: boolean): Snapshot {
    return overlay(snapshot, this.#byKey.values(), mayAdd);
  }

  mode(): Snapshot['defaults']['edge']['mode'] {
    return globalMode(this.#byKey.values());
  }

  /** In force here when this returns, and everywhere within a second if it answers true. */
  async write(control: Omit<Control, 'id' | 'atMs'>): Promise<boolean> {
    const key = controlKey(control);
    // Beats what it replaces, though that was made by a clock that is ahead.
    const atMs = Math.max(this.#now(), (this.#byKey.get(key)?.atMs ?? 0) + 1);
    this.#byKey.set(key, { ...control, id: randomUUID(), atMs });
    this.#listener.changed();
    if (this.#shared === undefined) return false;
    this.#unsent.add(key);
    await this.#syncing;
    await this.sync();
    return !this.#unsent.has(key);
  }

  /** One at a time; answers when what the store has is in force here, or it did not answer. */
  sync(): Promise<void> {
    this.#syncing ??= this.#sync().finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  async #sync(): Promise<void> {
    const shared = this.#shared;
    if (shared === undefined) return;
    try {
      for (const key of this.#unsent) await this.#send(shared, key);
      const version = await shared.version();
      if (version !== this.#version) {
        this.#merge((await shared.read()).flatMap((text) => readControl(text) ?? []));
        for (const key of this.#unsent) await this.#send(shared, key);
        this.#version = version;
      }
      this.#lastError = undefined;
    } catch (error) {
      this.#lastError = messageOf(error);
      // What the store has when it is back may not be what it had: it is read whole.
      this.#version = undefined;
    }
  }

  async #send(shared: Entries, key: string): Promise<void> {
    const control = this.#byKey.get(key);
    if (control !== undefined) {
      const { atMs, id, untilMs } = control;
      await shared.write({ name: key, atMs, id, untilMs, text: JSON.stringify(control) }, this.#now());
    }
    if (control === this.#byKey.get(key)) this.#unsent.delete(key);
  }

  #merge(received: readonly Control[]): void {
    const missing = new Set(this.#byKey.keys());
    let changed = false;
    for (const control of received) {
      const key = controlKey(control);
      const before = this.#byKey.get(key);
      if (before?.id === control.id) missing.delete(key);
      if (control.untilMs <= this.#now() || !beats(control, before)) continue;
      missing.delete(key);
      this.#byKey.set(key, control);
      this.#listener.received(control, before);
      changed = true;
    }
    // Newer here than there, or lost there: a store without persistence forgets.
    for (const key of missing) this.#unsent.add(key);
    if (changed) this.#listener.changed();
  }

  #end(): void {
    let changed = false;
    for (const [key, control] of this.#byKey) {
      if (control.untilMs > this.#now()) continue;
      this.#byKey.delete(key);
      this.#unsent.delete(key);
      if (control.value === null) continue;
      this.#listener.ended(control);
      changed = true;
    }
    if (changed) this.#listener.changed();
  }
}
