/**
 * A frame as bytes: a version, then names of what is counted, so that two versions of the edge understand each other, then
 * the tenants, all of it deflated. What it will be in memory is bounded before memory is taken.
 */
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { constants, deflateRaw, inflateRaw } from 'node:zlib';
import { PUSH_PEAKS, TALLY_NUMBERS } from '../enforce/tally.js';
import { STEP_COUNTS } from './arrival-curve.js';
import { ByteReader, ByteWriter, Damaged } from './bytes.js';
import { DISCARD_FIELDS, emptyEntry, type Frame, type FrameEntry, type PlaneInfo, zeros } from './frame.js';

const VERSION = 1;
/** What an entry has of each: sums, then peaks. */
const NUMBERS: readonly string[] = [...TALLY_NUMBERS, ...PUSH_PEAKS];
export const MOST_PACKED_BYTES = 16 << 20;
const MOST_BYTES = 64 << 20;
/** An id with metadata, and then some. */
const MOST_ID_BYTES = 512;
const MOST_NAMES = 200;
const MOST_NAME_BYTES = 100;
const MOST_INFO_BYTES = 4096;
/** Nothing of a tenant takes fewer bytes. */
const LEAST_ENTRY_BYTES = 6;
/** An entry in memory is some ten times as large as it is here: so many are half a gigabyte. */
const MOST_ENTRIES = 400_000;

const ENTRIES_A_TURN = 500;
const NONE: readonly number[] = [];

const HAS_ACTIVE = 1;
const HAS_FLEET = 2;
const HAS_PER_METRIC = 4;
const HAS_SECONDS = 8;

const deflated = promisify(deflateRaw) as (bytes: Buffer, options: object) => Promise<Buffer>;
const inflated = promisify(inflateRaw) as (bytes: Buffer, options: object) => Promise<Buffer>;

/** Lets others run in between: ten thousand tenants take some ten milliseconds. */
export async function packFrame(frame: Frame): Promise<Buffer> {
  const { to, rows } = encodeHead(frame);
  for (const [i, entry] of frame.entries.entries()) {
    encodeEntry(to, entry, rows);
    if (i % ENTRIES_A_TURN === ENTRIES_A_TURN - 1) await setImmediate();
  }
  const body = await deflated(to.bytes(), { level: constants.Z_BEST_SPEED });
  return Buffer.concat([Buffer.of(VERSION), body]);
}

/** Rejects with Damaged. Lets others run in between, too. */
export async function unpackFrame(packed: Buffer): Promise<Frame> {
  if (packed.length > MOST_PACKED_BYTES) throw new Damaged(`a frame has ${packed.length} bytes`);
  if (packed[0] !== VERSION) throw new Damaged(`a frame has version ${packed[0]}, known is ${VERSION}`);
  let bytes: Buffer;
  try {
    bytes = await inflated(packed.subarray(1), { maxOutputLength: MOST_BYTES });
  } catch {
    throw new Damaged(`a frame can not be inflated, or has more than ${MOST_BYTES} bytes then`);
  }
  const { frame, next } = decodeHead(bytes);
  const entries: FrameEntry[] = [];
  for (let entry = next(); entry !== undefined; entry = next()) {
    entries.push(entry);
    if (entries.length % ENTRIES_A_TURN === 0) await setImmediate();
  }
  return { ...frame, entries };
}

export function encodeFrame(frame: Frame): Buffer {
  const { to, rows } = encodeHead(frame);
  for (const entry of frame.entries) encodeEntry(to, entry, rows);
  return to.bytes();
}

function encodeHead({ plane, seq, step, info, entries }: Frame): {
  to: ByteWriter;
  rows: Map<string, number>;
} {
  const to = new ByteWriter();
  to.text(plane);
  to.number(seq);
  to.number(step);
  to.text(JSON.stringify(info));
  to.number(NUMBERS.length);
  for (const name of NUMBERS) to.text(name);
  const reasons = [...new Set(entries.flatMap(({ discards }) => discards.map(({ reason }) => reason)))];
  to.number(reasons.length);
  for (const reason of reasons) to.text(reason);
  to.number(entries.length);
  return { to, rows: new Map(reasons.map((reason, row) => [reason, row])) };
}

export function decodeFrame(bytes: Buffer): Frame {
  const { frame, next } = decodeHead(bytes);
  const entries: FrameEntry[] = [];
  for (let entry = next(); entry !== undefined; entry = next()) entries.push(entry);
  return { ...frame, entries };
}

/** `next` reads the entries, one after the other. Throws Damaged. */
function decodeHead(bytes: Buffer): {
  frame: Omit<Frame, 'entries'>;
  next: () => FrameEntry | undefined;
} {
  const from = new ByteReader(bytes);
  const plane = from.text(MOST_NAME_BYTES);
  const seq = from.number();
  const step = from.number();
  const info = readInfo(from.text(MOST_INFO_BYTES));
  const places = namesIn(from).map((name) => NUMBERS.indexOf(name));
  const reasons = namesIn(from);
  let left = from.count(LEAST_ENTRY_BYTES);
  if (left > MOST_ENTRIES) throw new Damaged(`a frame has ${left} tenants`);
  const next = () => (left-- > 0 ? decodeEntry(from, places, reasons) : undefined);
  return { frame: { plane, seq, step, info }, next };
}

function encodeEntry(to: ByteWriter, entry: FrameEntry, rows: ReadonlyMap<string, number>): void {
  const { id, added, peaks, items, discards, active, fleet, perMetric, seconds } = entry;
  to.text(id);
  encodeSparse(to, added, peaks);
  to.number(items);
  to.number(discards.length);
  for (const { kind, reason, counts } of discards) {
    to.number(2 * (rows.get(reason) ?? 0) + (kind === 'shadowed' ? 1 : 0));
    for (let i = 0; i < DISCARD_FIELDS; i++) to.number(counts[i] ?? 0);
  }
  const levels = [active, fleet, perMetric];
  to.byte(
    levels.reduce((flags, level, i) => flags | (Number.isNaN(level) ? 0 : 1 << i), 0) |
      (seconds === undefined ? 0 : HAS_SECONDS),
  );
  for (const level of levels) if (!Number.isNaN(level)) to.number(level);
  if (seconds !== undefined) encodeSparse(to, seconds);
}

function decodeEntry(from: ByteReader, places: readonly number[], reasons: readonly string[]): FrameEntry {
  const id = from.text(MOST_ID_BYTES);
  const added = zeros(TALLY_NUMBERS.length);
  const peaks = zeros(PUSH_PEAKS.length);
  decodeSparse(from, places.length, (i, value) => {
    const place = places[i] ?? -1;
    if (place >= added.length) peaks[place - added.length] = value;
    else if (place >= 0) added[place] = value;
  });
  const items = from.number();
  const discards: FrameEntry['discards'] = [];
  for (let left = from.count(1 + DISCARD_FIELDS); left > 0; left--) {
    const code = from.number();
    const reason = reasons[Math.floor(code / 2)];
    if (reason === undefined) throw new Damaged('a reason has no name');
    const counts = zeros(DISCARD_FIELDS);
    for (let i = 0; i < DISCARD_FIELDS; i++) counts[i] = from.number();
    discards.push({ kind: code % 2 === 1 ? 'shadowed' : 'refused', reason, counts });
  }
  const flags = from.byte();
  const entry: FrameEntry = {
    ...emptyEntry(id, (flags & HAS_SECONDS) !== 0),
    added,
    peaks,
    items,
    discards,
  };
  if (flags & HAS_ACTIVE) entry.active = from.number();
  if (flags & HAS_FLEET) entry.fleet = from.number();
  if (flags & HAS_PER_METRIC) entry.perMetric = from.number();
  const { seconds } = entry;
  if (seconds !== undefined) {
    decodeSparse(from, STEP_COUNTS, (i, value) => {
      seconds[i] = value;
    });
  }
  return entry;
}

/** Which of them are not 0, as bits of one number, then those. `more` follow the others. */
function encodeSparse(to: ByteWriter, values: readonly number[], more: readonly number[] = NONE): void {
  to.number(bitsOf(values) + bitsOf(more) * 2 ** values.length);
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) to.number(values[i] ?? 0);
  for (let i = 0; i < more.length; i++) if (more[i] !== 0) to.number(more[i] ?? 0);
}

function bitsOf(values: readonly number[]): number {
  let bits = 0;
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) bits += 2 ** i;
  return bits;
}

function decodeSparse(from: ByteReader, length: number, take: (i: number, value: number) => void): void {
  let bits = from.number();
  for (let i = 0; bits > 0; i++) {
    if (i >= length) throw new Damaged('it has more numbers than names');
    if (bits % 2 === 1) take(i, from.number());
    bits = Math.floor(bits / 2);
  }
}

function namesIn(from: ByteReader): string[] {
  const count = from.count(1);
  if (count > MOST_NAMES) throw new Damaged(`it has ${count} names`);
  return Array.from({ length: count }, () => from.text(MOST_NAME_BYTES));
}

function readInfo(text: string): PlaneInfo {
  try {
    const info = JSON.parse(text) as Partial<PlaneInfo> | null;
    if (typeof info?.name === 'string' && typeof info.machine === 'string') return info as PlaneInfo;
  } catch {
    // Said below.
  }
  throw new Damaged('a frame does not say whose it is');
}
