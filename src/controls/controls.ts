/**
 * The controls in force in this process. They end by themselves. Where replicas share entries, controls are those of all
 * replicas, and survive restarts. An unreachable store takes nothing back: new controls are in force here, and reach the
 * others when it answers again.
 *
 * An ended control is remembered for as long as what it replaced could come back from a replica that was unreachable.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../base/message-of.js';
import type { AdmittedParts } from '../enforce/panic.js';
import type { Snapshot } from '../limits/limits.js';
import { type Entries, EntryRefused } from '../shared/entries.js';
import {
  type Control,
  controlKey,
  globalMode,
  MODE,
  overlay,
  RELOAD,
  readControl,
  rememberedUntilMs,
} from './control.js';
import { ControlSet } from './control-set.js';
import {
  CALM,
  GUARD,
  GUARD_MODE,
  type GuardMode,
  isGuard,
  readStanding,
  type SharedStanding,
} from './guard-control.js';
import type { KeptControls } from './kept-controls.js';
import { admittedByPeople, PANIC_NAMES } from './panic-control.js';

interface ControlsOptions {
  /** Undefined: replicas share nothing. */
  readonly shared: Entries | undefined;
  /** Undefined: nothing is kept on disk. */
  readonly kept: KeptControls | undefined;
  /** This replica's name, for those who wait for it. */
  readonly name: string;
  /** Date.now(), which replicas share. */
  readonly now: () => number;
}

export interface ControlsListener {
  /** The results of `overlay`, `mode` or `admitted` have changed. */
  changed(): void;
  /** Another replica made this control, or this one before a restart. */
  received(control: Control, before: Control | undefined): void;
  /** The control has ended. */
  ended(control: Control): void;
  /** Called once for each new reason why other replicas or the disk do not get controls; undefined: resolved. */
  trouble(message: string | undefined): void;
  /** Whether the last change is in force in all of this replica. Never rejects. */
  obeyed(): Promise<boolean>;
}

interface ControlsStatus {
  /** False: replicas share nothing. */
  readonly shared: boolean;
  /** The shared entries can be read. */
  readonly reachable: boolean;
  readonly lastError: string | undefined;
  readonly active: number;
}

/** Half of the second within which all replicas apply a change. */
const POLL_MS = 500;
/** How often this replica acknowledges, whether or not anything changes. */
const ACKNOWLEDGE_MS = 5000;
const LOOK_MS = 100;
/** In force at the same time. Bounds the cost of a write, and a reader's patience. */
export const MAX_CONTROLS = 500;
/** Controls for all tenants, which always have room. */
const MOST_OF_ALL = [MODE, RELOAD, GUARD, GUARD_MODE, ...PANIC_NAMES].length;
/** Machines whose own guard is not calm. */
const MOST_MACHINES = 100;
export const MAX_ENTRIES = MAX_CONTROLS + MOST_OF_ALL + MOST_MACHINES;

export class Controls {
  readonly #shared: Entries | undefined;
  readonly #kept: KeptControls | undefined;
  readonly #name: string;
  readonly #listener: ControlsListener;
  readonly #now: () => number;
  /** Identifies this reader of the shared entries. */
  readonly #id = randomUUID();
  readonly #set = new ControlSet(MAX_ENTRIES);
  /** Keys of controls that the others were not told of yet. */
  readonly #unsent = new Set<string>();
  #version: string | null | undefined;
  #acknowledged: { readonly version: string | null; readonly atMs: number } | undefined;
  #unreachable: string | undefined;
  #refused: string | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #syncing: Promise<void> | undefined;

  constructor({ shared, kept, name, now }: ControlsOptions, listener: ControlsListener) {
    this.#shared = shared;
    this.#kept = kept;
    this.#name = name;
    this.#now = now;
    this.#listener = listener;
  }

  /**
   * When this resolves, the controls from before a restart are in force again, if the store answers or they are on disk.
   */
  async start(connectTimeoutMs: number): Promise<void> {
    await this.#takeKept();
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
    await this.#syncing;
    await this.#shared?.leave(this.#id).catch(() => {});
    this.#shared?.close();
  }

  /** Those in force that people have set, newest first; without those of guards. */
  active(): Control[] {
    return [...this.#set.values()]
      .filter(({ value, name }) => value !== null && name !== RELOAD && !isGuard(name))
      .sort((a, b) => b.atMs - a.atMs);
  }

  get(tenant: string, name: string): Control | undefined {
    const control = this.#set.get(controlKey({ tenant, name }));
    return control?.value === null ? undefined : control;
  }

  /** Somebody took it back, and it would still be in force. */
  isTakenBack(tenant: string, name: string): boolean {
    const control = this.#set.get(controlKey({ tenant, name }));
    return control?.value === null && control.untilMs > this.#now();
  }

  get full(): boolean {
    return this.active().length >= MAX_CONTROLS;
  }

  /** How many ended controls are remembered. */
  get remembered(): number {
    return this.#set.remembered;
  }

  status(): ControlsStatus {
    return {
      shared: this.#shared !== undefined,
      reachable: this.#shared !== undefined && this.#unreachable === undefined,
      lastError: this.#unreachable ?? this.#refused,
      active: this.active().length,
    };
  }

  overlay(snapshot: Snapshot, mayAdd: boolean): Snapshot {
    return overlay(snapshot, this.#set.values(), mayAdd);
  }

  mode(): Snapshot['defaults']['edge']['mode'] {
    return globalMode(this.#set.values());
  }

  /** A guard's standing. */
  guardStanding(name: string): SharedStanding {
    return readStanding(this.get('', name)?.value) ?? { ...CALM, seenMs: 0 };
  }

  /** The mode of guards that people have set. */
  guardMode(): GuardMode | undefined {
    return this.get('', GUARD_MODE)?.value as GuardMode | undefined;
  }

  /** The parts of their rates that tenants may use, as people have set them. */
  admitted(): AdmittedParts {
    return admittedByPeople(this.#set.values());
  }

  /** In force here when this resolves. True: the others will read it within a second. */
  async write(control: Omit<Control, 'id' | 'atMs'> & { readonly id?: string }): Promise<boolean> {
    const key = controlKey(control);
    // Later than what it replaces, even if that was made by a clock that is ahead.
    const atMs = Math.max(this.#now(), (this.#set.get(key)?.atMs ?? 0) + 1);
    this.#set.put({ ...control, id: control.id ?? randomUUID(), atMs });
    this.#listener.changed();
    await this.#keep();
    if (this.#shared === undefined) return false;
    this.#unsent.add(key);
    await this.#syncing;
    await this.sync();
    return !this.#unsent.has(key);
  }

  /** Other replicas that have not applied the last change when the time is over. Undefined: they can not be asked. */
  async behind(waitMs: number): Promise<readonly string[] | undefined> {
    if (this.#shared === undefined) return [];
    for (const deadlineMs = performance.now() + waitMs; ; ) {
      try {
        const names = await this.#shared.behind(this.#id);
        if (names.length === 0 || performance.now() >= deadlineMs) return names.sort();
      } catch {
        return undefined;
      }
      await delay(LOOK_MS);
    }
  }

  /** One run at a time; resolves when the store's controls are in force here, or it did not answer. */
  sync(): Promise<void> {
    this.#syncing ??= this.#sync().finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  async #sync(): Promise<void> {
    const shared = this.#shared;
    if (shared === undefined) return;
    const troubleBefore = this.status().lastError;
    try {
      const version = await shared.version();
      if (version !== this.#version) {
        this.#merge((await shared.read()).flatMap((text) => readControl(text) ?? []));
        this.#version = version;
        await this.#keep();
      }
      await this.#sendAll(shared);
      await this.#acknowledge(shared);
      this.#unreachable = undefined;
    } catch (error) {
      this.#unreachable = messageOf(error);
      // When the store is back, its content may be different: it is read completely.
      this.#version = undefined;
    }
    const trouble = this.status().lastError;
    if (trouble !== troubleBefore) this.#listener.trouble(trouble);
  }

  /** One that is refused is retried at the next sync, and does not block the others. */
  async #sendAll(shared: Entries): Promise<void> {
    let refused: string | undefined;
    for (const key of this.#unsent) {
      try {
        await this.#send(shared, key);
      } catch (error) {
        if (!(error instanceof EntryRefused)) throw error;
        refused = error.message;
      }
    }
    this.#refused = refused;
  }

  async #send(shared: Entries, key: string): Promise<void> {
    const control = this.#set.get(key);
    if (control !== undefined) {
      const { atMs, id, value } = control;
      const untilMs = rememberedUntilMs(control);
      const entry = { name: key, atMs, id, untilMs, over: value === null, text: JSON.stringify(control) };
      await shared.write(entry, this.#now());
    }
    if (control === this.#set.get(key)) this.#unsent.delete(key);
  }

  async #acknowledge(shared: Entries): Promise<void> {
    const version = this.#version ?? null;
    const nowMs = performance.now();
    const known = this.#acknowledged;
    if (known?.version === version && nowMs - known.atMs < ACKNOWLEDGE_MS) return;
    if (!(await this.#listener.obeyed())) return;
    await shared.acknowledge(this.#id, this.#name, version);
    this.#acknowledged = { version, atMs: nowMs };
  }

  #merge(others: readonly Control[]): void {
    const { received, newerHere } = this.#set.merge(others, this.#now());
    // Newer here than there, or lost there: a store without persistence forgets.
    for (const key of newerHere) this.#unsent.add(key);
    for (const { control, before } of received) this.#listener.received(control, before);
    if (received.length > 0) this.#listener.changed();
  }

  #end(): void {
    const { ended, forgotten } = this.#set.end(this.#now());
    if (this.#shared !== undefined) for (const control of ended) this.#unsent.add(controlKey(control));
    for (const key of forgotten) this.#unsent.delete(key);
    for (const control of ended) this.#listener.ended(control);
    if (ended.length > 0) this.#listener.changed();
  }

  /** Takes controls from before the restart. The store may know that some have ended or were taken back since. */
  async #takeKept(): Promise<void> {
    try {
      for (const control of (await this.#kept?.read()) ?? []) this.#set.restore(control, this.#now());
    } catch (error) {
      this.#listener.trouble(`state.dir: ${messageOf(error)}`);
    }
    if (this.#set.size > 0) this.#listener.changed();
  }

  async #keep(): Promise<void> {
    try {
      await this.#kept?.write(this.#set.values());
    } catch (error) {
      this.#listener.trouble(`state.dir: ${messageOf(error)}`);
    }
  }
}
