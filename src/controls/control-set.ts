/**
 * The newest control for each thing, as far as this replica knows. Pure: what two replicas make of each other's controls,
 * what ends, and how long something that is over is remembered.
 */
import { beats, type Control, controlKey, outlasting, rememberedUntilMs } from './control.js';

/** What became of the set when another one was laid over it. */
export interface Merged {
  /** What is new here, with what was in force before it. */
  readonly received: readonly { readonly control: Control; readonly before: Control | undefined }[];
  /** Keys of what is newer here, or remembered for longer. */
  readonly newerHere: readonly string[];
}

export class ControlSet {
  readonly #most: number;
  /** What is over has no value any more. */
  readonly #byKey = new Map<string, Control>();

  /** Those in force are never dropped; of those that are over there are no more than make `most` with them. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Of those that are over. */
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

  /** Of the time before this process. */
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

  /** What was in force until now, and what need not be remembered any more. */
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

  /** Undefined: nothing else is in force. */
  #take(key: string, other: Control, before: Control | undefined, nowMs: number): Control | undefined {
    if (rememberedUntilMs(other) <= nowMs) return undefined;
    if (!beats(other, before)) {
      if (before !== undefined) this.#byKey.set(key, outlasting(before, other));
      return undefined;
    }
    const control = outlasting(asOf(other, nowMs), before);
    this.#byKey.set(key, control);
    // It has come and gone without this replica: there is nothing to tell.
    const isNoNews = other.untilMs <= nowMs && (before?.value ?? null) === null;
    return isNoNews ? undefined : control;
  }

  /** What is over and was made first goes first. Answers the keys. */
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
