/**
 * Rewrites the labels of a push's series as Mimir will, so that what is counted and limited is what Mimir stores: the
 * records change, the body does not. The kernel lists the labels of a series, the rules are applied here, and the kernel
 * judges the result as if it had been sent. If nothing is left, it is a series without labels.
 */
import { AnswerMemory } from '../relabel/answer-memory.js';
import { bytesOf, isWellFormed, textOf } from '../relabel/byte-text.js';
import { LabelSet, MADE, MOST_LABELS } from '../relabel/label-set.js';
import { addSent, type CompiledRewriting, compileRewriting, rewriteLabels } from './compiled-rewriting.js';
import type { KernelInstance } from './kernel-instance.js';
import {
  type Decoded,
  FAULT,
  type Push,
  RECORD_FAULT,
  RECORD_HASH_HIGH,
  RECORD_HASH_LOW,
  RECORD_LONGEST_VALUE,
  RECORD_WORDS,
} from './push.js';
import type { LabelRewriting } from './rewriting.js';
import { RewrittenSeries } from './rewritten-series.js';
import { TextCache } from './text-cache.js';

/** How many compiled rule sets are kept: more tenants with rules rarely send at the same time. */
const MOST_COMPILED = 64;

interface Compiled extends CompiledRewriting {
  readonly number: number;
}

// The words of an entry in the kernel's list: see kernel/relabel.ts.
const LISTED_WORDS = 8;
const LISTED_VALUE = 2;
const LISTED_VALUE_LENGTH = 3;
const LISTED_NAME_HASH = 4;
const LISTED_VALUE_HASH = 6;
const LABEL_WORDS = 4;
/** The maximal UTF-8 length of a UTF-16 unit. */
const MOST_BYTES = 3;

export class LabelRewriter {
  readonly #compiled = new Map<string, Compiled>();
  readonly #answers = new AnswerMemory();
  readonly #texts = new TextCache();
  readonly #labels: LabelSet;
  #known: RewrittenSeries | undefined;
  #lastNumber = 0;
  /** Views on the current kernel's memory, and where its list begins, in words. */
  #words = new Uint32Array();
  #bytes = new Uint8Array();
  #list = 0;

  constructor() {
    this.#labels = new LabelSet((source) =>
      this.#text(this.#list + source * LISTED_WORDS + LISTED_VALUE, LISTED_VALUE_HASH - LISTED_VALUE),
    );
  }

  get memoryBytes(): number {
    return this.#known?.memoryBytes ?? 0;
  }

  /** The hash key has changed. */
  forget(): void {
    this.#known = undefined;
    this.#texts.clear();
  }

  /** For a push that the kernel has just decoded. Returns TOO_MUCH_REWRITING if it takes more than is allowed. */
  rewrite(
    kernel: KernelInstance,
    push: Push,
    rewriting: LabelRewriting,
    { work, ms }: RewritingAllowance,
  ): Decoded {
    const endMs = performance.now() + ms;
    const { longValues, maxValueLength } = rewriting;
    const onlyLong = rewriting.steps === 0;
    if (onlyLong && push.longestLabelValue <= maxValueLength) return push;
    const compiled = this.#compile(rewriting);
    this.#known ??= new RewrittenSeries();
    kernel.setShortening(longValues, maxValueLength);
    this.#answers.allowWork(work);
    this.#look(kernel);
    this.#list = kernel.labelList() / 4;
    const first = push.records.byteOffset / 4;
    for (let row = 0; row < push.series; row++) {
      const at = first + row * RECORD_WORDS;
      if (onlyLong && (this.#words[at + RECORD_LONGEST_VALUE] ?? 0) <= maxValueLength) continue;
      const isSound = this.#words[at + RECORD_FAULT] === FAULT.none;
      if (isSound && this.#known.recall(this.#words, at, compiled.number)) continue;
      const low = this.#words[at + RECORD_HASH_LOW] ?? 0;
      const high = this.#words[at + RECORD_HASH_HIGH] ?? 0;
      let rewritten = this.#rewriteSeries(kernel, row, at, compiled);
      // A series that exceeds the allowance by itself is restarted with a larger one each time.
      for (let allowed = work; this.#answers.isSpent; allowed *= 2) {
        if (performance.now() >= endMs) return TOO_MUCH_REWRITING;
        this.#answers.allowWork(allowed);
        if (rewritten === 'spent') rewritten = this.#rewriteSeries(kernel, row, at, compiled);
      }
      if (rewritten !== 'done') return NO_MEMORY;
      if (isSound && compiled.canBeRemembered) {
        this.#known.remember(low, high, compiled.number, this.#words, at);
      }
    }
    return { ...kernel.summedUp(push), rewriting };
  }

  #compile(rewriting: LabelRewriting): Compiled {
    const known = this.#compiled.get(rewriting.key);
    if (known !== undefined) return known;
    const compiled = { ...compileRewriting(rewriting, this.#answers), number: ++this.#lastNumber };
    if (this.#compiled.size >= MOST_COMPILED) this.#compiled.clear();
    this.#compiled.set(rewriting.key, compiled);
    return compiled;
  }

  /** `spent`: nothing was changed. */
  #rewriteSeries(
    kernel: KernelInstance,
    row: number,
    at: number,
    compiled: Compiled,
  ): 'done' | 'spent' | 'no_memory' {
    const count = kernel.listLabels(row, MOST_LABELS);
    this.#answers.spend(WORK_OF_SERIES + count);
    this.#look(kernel);
    if (count > MOST_LABELS) {
      this.#words[at + RECORD_FAULT] = FAULT.tooManyLabels;
      return count === MOST_LABELS + 1 ? 'done' : 'no_memory';
    }
    this.#take(count, compiled);
    const rewritten = rewriteLabels(this.#labels, compiled);
    if (rewritten === 'spent') return 'spent';
    if (rewritten === 'too_long' || rewritten === 'too_many') {
      this.#words[at + RECORD_FAULT] =
        rewritten === 'too_long' ? FAULT.labelValueTooLong : FAULT.tooManyLabels;
      return 'done';
    }
    if (rewritten === 'dropped') this.#labels.clear();
    return this.#judge(kernel, row, count) ? 'done' : 'no_memory';
  }

  /** Fills the set with the labels that the kernel has listed. */
  #take(count: number, compiled: Compiled): void {
    this.#labels.clear();
    for (let index = 0; index < count; index++) {
      const entry = this.#list + index * LISTED_WORDS;
      const isEmpty = this.#words[entry + LISTED_VALUE_LENGTH] === 0;
      addSent(this.#labels, compiled, this.#text(entry, LISTED_NAME_HASH), index, isEmpty);
    }
  }

  /** Writes the labels as a list after the kernel's, and new texts after that. */
  #judge(kernel: KernelInstance, row: number, listed: number): boolean {
    const labels = this.#labels;
    const list = this.#list + listed * LISTED_WORDS;
    let free = 4 * (list + 2 * labels.count * LABEL_WORDS);
    let end = free;
    for (let i = 0; i < labels.count; i++) {
      if (labels.sources[i] === MADE) {
        end += MOST_BYTES * ((labels.names[i] ?? '').length + labels.valueAt(i).length);
      }
    }
    if (!kernel.reserveTo(end)) return false;
    this.#look(kernel);
    for (let i = 0; i < labels.count; i++) {
      const source = labels.sources[i] ?? MADE;
      const to = list + i * LABEL_WORDS;
      if (source !== MADE) {
        const from = this.#list + source * LISTED_WORDS;
        this.#words.copyWithin(to, from, from + LABEL_WORDS);
        continue;
      }
      free = this.#write(labels.names[i] ?? '', to, free);
      free = this.#write(labels.valueAt(i), to + LISTED_VALUE, free);
    }
    const isJudged = kernel.judgeList(row, 4 * list, labels.count, free);
    this.#look(kernel);
    return isJudged;
  }

  /** Writes a text and its position; returns where the next one goes. */
  #write(text: string, to: number, free: number): number {
    let length: number;
    if (isWellFormed(text)) {
      length = encoder.encodeInto(text, this.#bytes.subarray(free)).written;
    } else {
      const bytes = bytesOf(text);
      this.#bytes.set(bytes, free);
      length = bytes.length;
    }
    this.#words[to] = free;
    this.#words[to + 1] = length;
    return free + length;
  }

  /** The text whose address and length are at `at`; its hash is `hash` words later. */
  #text(at: number, hash: number): string {
    const low = this.#words[at + hash] ?? 0;
    const high = this.#words[at + hash + 1] ?? 0;
    const known = this.#texts.get(low, high);
    if (known !== undefined) return known;
    const from = this.#words[at] ?? 0;
    const text = textOf(this.#bytes.subarray(from, from + (this.#words[at + 1] ?? 0)));
    this.#texts.set(low, high, text);
    return text;
  }

  /** Call after anything that may have grown the kernel's memory. */
  #look(kernel: KernelInstance): void {
    ({ words: this.#words, bytes: this.#bytes } = kernel.views);
  }
}

const encoder = new TextEncoder();

/**
 * The work allowed for one push, in characters that rules see for the first time; it is renewed until the milliseconds are
 * over.
 */
export interface RewritingAllowance {
  readonly work: number;
  readonly ms: number;
}

export const ANY_REWRITING: RewritingAllowance = { work: Number.POSITIVE_INFINITY, ms: 0 };

/** A series that is not cached costs as much as this many characters of text. */
const WORK_OF_SERIES = 32;

/** More work than allowed. A thread may have the time. */
export const TOO_MUCH_REWRITING: Decoded = {
  kind: 'lost',
  busy: true,
  message: 'there is too much to relabel in the push',
};

const NO_MEMORY: Decoded = { kind: 'lost', message: 'there is no memory to relabel the push in' };
