/**
 * Recent history of counters: for each track, what was added in every 10 s of the last hour and in every minute of the
 * last day, with the sum over each window kept as time goes on, so that a rate over any window is one read.
 *
 * A step is kept in 16 bits, eleven of them significant; what rounding leaves out goes into the next step, so that no sum
 * is off by more than one step's rounding. Memory is bounded: there are no more tracks than fit.
 */

export const FINE_SECONDS = 10;
export const COARSE_SECONDS = 60;
const FINE_STEPS = 360;
const COARSE_STEPS = 1440;
const STEPS = FINE_STEPS + COARSE_STEPS;
const FINE_IN_COARSE = COARSE_SECONDS / FINE_SECONDS;

/** Steps in each window: of 10 s, and of a minute for the last. */
export const RANGES = { '1m': 6, '5m': 30, '15m': 90, '1h': FINE_STEPS, '24h': COARSE_STEPS } as const;
export type Range = keyof typeof RANGES;
export const RANGE_NAMES = Object.keys(RANGES) as Range[];
const RANGE_INDEX = Object.fromEntries(RANGE_NAMES.map((range, index) => [range, index])) as Record<
  Range,
  number
>;
const FINE_LENGTHS = RANGE_NAMES.filter((range) => range !== '24h').map((range) => RANGES[range]);

/**
 * Per track: what the counter stood at when it was last taken, by fine and by coarse steps; the step that it was taken
 * at; then a sum a range.
 */
const TAKEN_FINE = 0;
const TAKEN_COARSE = 1;
const TAKEN_AT = 2;
const SUMS = 3;
const FIELDS = SUMS + RANGE_NAMES.length;

const SLAB_TRACKS = 256;
export const TRACK_BYTES = STEPS * 2 + FIELDS * 8;

interface Slab {
  readonly steps: Uint16Array;
  readonly fields: Float64Array;
}

export class Tracks {
  readonly #max: number;
  readonly #slabs: Slab[] = [];
  readonly #free: number[] = [];
  #allocated = 0;
  /** Whole fine steps since the beginning. */
  #step = 0;

  constructor(maxBytes: number) {
    this.#max = Math.floor(maxBytes / TRACK_BYTES);
  }

  get bytes(): number {
    return Math.min(this.#slabs.length * SLAB_TRACKS, this.#max) * TRACK_BYTES;
  }

  /** An empty track of a counter that stood at `value`; undefined: there is no room for another. */
  open(value: number): number | undefined {
    const track = this.#free.pop() ?? this.#allocate();
    if (track === undefined) return undefined;
    const { fields } = this.#slab(track);
    const field = (track % SLAB_TRACKS) * FIELDS;
    fields[field + TAKEN_FINE] = value;
    fields[field + TAKEN_COARSE] = value;
    fields[field + TAKEN_AT] = this.#step - 1;
    return track;
  }

  close(track: number): void {
    const { steps, fields } = this.#slab(track);
    const row = track % SLAB_TRACKS;
    steps.fill(0, row * STEPS, (row + 1) * STEPS);
    fields.fill(0, row * FIELDS, (row + 1) * FIELDS);
    this.#free.push(track);
  }

  /** Fine steps are over: `take` is to follow for each track that is open, within the next step. */
  advance(steps: number): void {
    this.#step += steps;
  }

  /**
   * The counter's value now, in the first step that has none yet; the others stay empty. A value below the last one is of
   * a counter that began anew. Answers what was added.
   */
  take(track: number, value: number): number {
    const { steps, fields } = this.#slab(track);
    const at = (track % SLAB_TRACKS) * STEPS;
    const field = (track % SLAB_TRACKS) * FIELDS;
    const taken = fields[field + TAKEN_FINE] ?? 0;
    if (value < taken) {
      fields[field + TAKEN_COARSE] = (fields[field + TAKEN_COARSE] ?? 0) - taken;
      fields[field + TAKEN_FINE] = 0;
    }
    let adding = value - (fields[field + TAKEN_FINE] ?? 0);
    const added = decode(encode(adding));
    for (let step = (fields[field + TAKEN_AT] ?? 0) + 1; step <= this.#step; step++) {
      this.#takeStep(steps, fields, at, field, step, encode(adding));
      adding = 0;
    }
    fields[field + TAKEN_AT] = this.#step;
    return added;
  }

  /** What stands at a level and is not added up: the level now, in all steps that have none yet. Only for `points`. */
  takeLevel(track: number, value: number): void {
    const { steps, fields } = this.#slab(track);
    const at = (track % SLAB_TRACKS) * STEPS;
    const field = (track % SLAB_TRACKS) * FIELDS;
    for (let step = (fields[field + TAKEN_AT] ?? 0) + 1; step <= this.#step; step++) {
      steps[at + (step % FINE_STEPS)] = encode(value);
      if (step % FINE_IN_COARSE !== 0) continue;
      steps[at + FINE_STEPS + ((step / FINE_IN_COARSE) % COARSE_STEPS)] = encode(value);
    }
    fields[field + TAKEN_AT] = this.#step;
  }

  /** Added in the last steps of the range, and since then. */
  sum(track: number, range: Range, value: number): number {
    const { fields } = this.#slab(track);
    const field = (track % SLAB_TRACKS) * FIELDS;
    const taken = fields[field + TAKEN_FINE] ?? 0;
    const since = value < taken ? value : value - taken;
    const beside = range === '24h' ? taken - (fields[field + TAKEN_COARSE] ?? 0) : 0;
    return (fields[field + SUMS + RANGE_INDEX[range]] ?? 0) + since + beside;
  }

  /** Whole steps that a range has by now. */
  stepsIn(range: Range): number {
    const since = range === '24h' ? Math.floor(this.#step / FINE_IN_COARSE) : this.#step;
    return Math.min(RANGES[range], since);
  }

  /** Seconds of the last, unfinished step that are over before the fine one began: a coarse step has six of them. */
  secondsInto(range: Range): number {
    return range === '24h' ? (this.#step % FINE_IN_COARSE) * FINE_SECONDS : 0;
  }

  /** What was added in each step of the range, the oldest first. */
  points(track: number, range: Range): number[] {
    const { steps, fields } = this.#slab(track);
    const coarse = range === '24h';
    const length = coarse ? COARSE_STEPS : FINE_STEPS;
    const at = (track % SLAB_TRACKS) * STEPS + (coarse ? FINE_STEPS : 0);
    const count = this.stepsIn(range);
    // Not yet taken at this step: it ends one earlier.
    const lastFine = fields[(track % SLAB_TRACKS) * FIELDS + TAKEN_AT] ?? 0;
    const last = coarse ? Math.floor(lastFine / FINE_IN_COARSE) : lastFine;
    return Array.from({ length: count }, (_, index) => {
      const step = last - count + 1 + index;
      return step > 0 ? decode(steps[at + (step % length)] ?? 0) : 0;
    });
  }

  #allocate(): number | undefined {
    if (this.#allocated >= this.#max) return undefined;
    if (this.#allocated === this.#slabs.length * SLAB_TRACKS) {
      const tracks = Math.min(SLAB_TRACKS, this.#max - this.#allocated);
      this.#slabs.push({
        steps: new Uint16Array(tracks * STEPS),
        fields: new Float64Array(tracks * FIELDS),
      });
    }
    return this.#allocated++;
  }

  #takeStep(
    steps: Uint16Array,
    fields: Float64Array,
    at: number,
    field: number,
    step: number,
    code: number,
  ): void {
    const added = decode(code);
    fields[field + TAKEN_FINE] = (fields[field + TAKEN_FINE] ?? 0) + added;
    for (let range = 0; range < FINE_LENGTHS.length; range++) {
      const leaving = at + ((step + FINE_STEPS - (FINE_LENGTHS[range] ?? 0)) % FINE_STEPS);
      fields[field + SUMS + range] =
        (fields[field + SUMS + range] ?? 0) + added - decode(steps[leaving] ?? 0);
    }
    steps[at + (step % FINE_STEPS)] = code;
    if (step % FINE_IN_COARSE === 0) {
      this.#takeCoarse(steps, fields, at + FINE_STEPS + ((step / FINE_IN_COARSE) % COARSE_STEPS), field);
    }
  }

  #takeCoarse(steps: Uint16Array, fields: Float64Array, slot: number, field: number): void {
    const code = encode((fields[field + TAKEN_FINE] ?? 0) - (fields[field + TAKEN_COARSE] ?? 0));
    const sum = field + FIELDS - 1;
    fields[field + TAKEN_COARSE] = (fields[field + TAKEN_COARSE] ?? 0) + decode(code);
    fields[sum] = (fields[sum] ?? 0) + decode(code) - decode(steps[slot] ?? 0);
    steps[slot] = code;
  }

  #slab(track: number): Slab {
    const slab = this.#slabs[Math.floor(track / SLAB_TRACKS)];
    if (slab === undefined) throw new RangeError(`there is no track ${track}`);
    return slab;
  }
}

const POWERS = Float64Array.from({ length: 63 }, (_, exponent) => 2 ** exponent);

/** Whole numbers to 2047 as they are; above, eleven significant bits, rounded down. */
export function encode(value: number): number {
  if (value < 2048) return Math.max(0, Math.floor(value));
  const bits = value < 2 ** 32 ? 31 - Math.clz32(value) : Math.min(72, Math.floor(Math.log2(value)));
  const power = POWERS[bits - 10] ?? 1;
  return (bits - 10) * 1024 + Math.min(2047, Math.floor(value / power));
}

export function decode(code: number): number {
  return code < 2048 ? code : (1024 + (code & 1023)) * (POWERS[(code >> 10) - 1] ?? 1);
}
