/**
 * The newest control for each subject, as far as this replica knows. Pure: merging the controls of two replicas, ending
 * them, and how long ended ones are remembered.
 */
import { beats, type Control, controlKey, outlasting, rememberedUntilMs } from './control.js';

/** The result of merging another replica's controls. */
export interface Merged {
  /** What is new here, with the control that it replaced. */
  readonly received: readonly { readonly control: Control; readonly before: Control | undefined }[];
  /** Keys of controls that are newer here, or remembered for longer. */
  readonly newerHere: readonly string[];
}

export class ControlSet {
  readonly #most: number;
  /** Controls that are over have no value any more. */
  readonly #byKey = new Map<string, Control>();

  /** Controls in force are never dropped; ended ones are, to keep the total within `most`. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** How many ended controls are remembered. */
  get remembered(): number {
    return [...this.#byKey.values()].filter(({ value }) => value === null).length;
  }

  values(): Iterable<Control> {
    return this.#byKey.values();
  }

  get(key: string): Control | undefined {
    return this.#byKey.get(key);
  }

  put(control: Control): void {
    const key = controlKey(control);
    this.#byKey.set(key, outlasting(control, this.#byKey.get(key)));
    this.#forgetOldest();
  }

  /** Restores a control from before this process started. */
  restore(control: Control, nowMs: number): void {
    if (rememberedUntilMs(control) > nowMs) this.#byKey.set(controlKey(control), asOf(control, nowMs));
  }

  merge(others: readonly Control[], nowMs: number): Merged {
    const newerHere = new Set(this.#byKey.keys());
    const received: { control: Control; before: Control | undefined }[] = [];
    for (const other of others) {
      const key = controlKey(other);
      const before = this.#byKey.get(key);
      const taken = this.#take(key, other, before, nowMs);
      if (taken !== undefined) {
        received.push({ control: taken, before: before?.value === null ? undefined : before });
      }
      const held = this.#byKey.get(key);
      if (held === undefined) continue;
      if (held.id === other.id && rememberedUntilMs(held) <= rememberedUntilMs(other)) newerHere.delete(key);
      else newerHere.add(key);
    }
    for (const key of this.#forgetOldest()) newerHere.delete(key);
    return { received, newerHere: [...newerHere] };
  }

  /** Ends what is over, and forgets what need not be remembered any longer. */
  end(nowMs: number): { readonly ended: readonly Control[]; readonly forgotten: readonly string[] } {
    const ended: Control[] = [];
    const forgotten: string[] = [];
    for (const [key, control] of this.#byKey) {
      if (control.untilMs <= nowMs && control.value !== null) {
        this.#byKey.set(key, asOf(control, nowMs));
        ended.push(control);
      }
      if (rememberedUntilMs(control) > nowMs) continue;
      this.#byKey.delete(key);
      forgotten.push(key);
    }
    return { ended, forgotten };
  }

  /** Returns what was in force before, if anything else was. Undefined: nothing was. */
  #take(key: string, other: Control, before: Control | undefined, nowMs: number): Control | undefined {
    if (rememberedUntilMs(other) <= nowMs) return undefined;
    if (!beats(other, before)) {
      if (before !== undefined) this.#byKey.set(key, outlasting(before, other));
      return undefined;
    }
    const control = outlasting(asOf(other, nowMs), before);
    this.#byKey.set(key, control);
    // It came and went without this replica: there is nothing to report.
    const isNoNews = other.untilMs <= nowMs && (before?.value ?? null) === null;
    return isNoNews ? undefined : control;
  }

  /** Among ended controls, the one made first goes first. Returns the keys. */
  #forgetOldest(): string[] {
    const tooMany = this.#byKey.size - this.#most;
    if (tooMany <= 0) return [];
    const over = [...this.#byKey].filter(([, { value }]) => value === null);
    const oldest = over.sort(([, a], [, b]) => a.atMs - b.atMs).slice(0, tooMany);
    for (const [key] of oldest) this.#byKey.delete(key);
    return oldest.map(([key]) => key);
  }
}

function asOf(control: Control, nowMs: number): Control {
  return control.untilMs > nowMs ? control : { ...control, value: null };
}
