import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { REASON_NAMES } from '#src/enforce/reasons.js';
import { PUSH_PEAKS, TALLY_NUMBERS } from '#src/enforce/tally.js';
import { STEP_COUNTS } from '#src/usage/arrival-curve.js';
import { ByteWriter, Damaged } from '#src/usage/bytes.js';
import { DISCARD_FIELDS, type Frame, type FrameEntry } from '#src/usage/frame.js';
import { decodeFrame, encodeFrame, packFrame, unpackFrame } from '#src/usage/frame-codec.js';

const number = fc.oneof(fc.constant(0), fc.nat(300), fc.maxSafeNat());
const level = fc.oneof(fc.constant(Number.NaN), fc.nat());
const counts = (length: number) => fc.array(number, { minLength: length, maxLength: length });

const entry: fc.Arbitrary<FrameEntry> = fc.record({
  id: fc.string({ minLength: 1, maxLength: 100 }),
  added: counts(TALLY_NUMBERS.length),
  items: number,
  peaks: counts(PUSH_PEAKS.length),
  discards: fc.uniqueArray(
    fc.record({
      kind: fc.constantFrom('refused' as const, 'shadowed' as const),
      reason: fc.constantFrom(...REASON_NAMES),
      counts: counts(DISCARD_FIELDS),
    }),
    { maxLength: 4, selector: ({ kind, reason }) => `${kind} ${reason}` },
  ),
  active: level,
  fleet: level,
  perMetric: level,
  seconds: fc.option(counts(STEP_COUNTS), { nil: undefined }),
});

const frame: fc.Arbitrary<Frame> = fc.record({
  plane: fc.uuid(),
  seq: fc.nat(),
  step: fc.nat(),
  info: fc.constant({ name: 'pod-1:7', machine: 'm', version: '1', startedMs: 5 }),
  entries: fc.array(entry, { maxLength: 5 }),
});

t.test('a frame is read as it was written', async (t) => {
  await fc.assert(
    fc.asyncProperty(frame, async (one) => {
      t.same(await unpackFrame(await packFrame(one)), one);
    }),
    { numRuns: 50 },
  );
});

t.test('bytes that are no frame are Damaged, and nothing else', async () => {
  fc.assert(
    fc.property(frame, fc.nat(), fc.nat(255), fc.boolean(), (one, at, byte, cut) => {
      let bytes = encodeFrame(one);
      if (cut) bytes = bytes.subarray(0, at % bytes.length);
      else bytes[at % bytes.length] = byte;
      try {
        decodeFrame(bytes);
      } catch (error) {
        if (!(error instanceof Damaged)) throw error;
      }
    }),
  );
});

t.test('what a frame would be in memory is bounded before memory is taken', async (t) => {
  const huge = Buffer.concat([Buffer.of(1), deflateRawSync(Buffer.alloc(65 << 20))]);
  await t.rejects(unpackFrame(huge), { name: 'Damaged', message: /inflated/ });
  const head = new ByteWriter();
  for (const text of ['p']) head.text(text);
  head.number(1);
  head.number(1);
  head.text('{"name":"a","machine":"b"}');
  head.number(0);
  head.number(0);
  head.number(2 ** 40);
  t.throws(() => decodeFrame(head.bytes()), { name: 'Damaged', message: /can not have 1099511627776/ });
  await t.rejects(unpackFrame(Buffer.of(9, 1, 2)), { message: /version 9/ });
});

t.test('a count that this version does not know is passed over', async (t) => {
  const to = new ByteWriter();
  to.text('p');
  to.number(1);
  to.number(2);
  to.text('{"name":"a","machine":"b"}');
  to.number(2);
  to.text('requests');
  to.text('of a later version');
  to.number(0);
  to.number(1);
  to.text('tenant');
  to.number(3);
  to.number(11);
  to.number(12);
  to.number(0);
  to.number(0);
  to.byte(0);
  const { entries } = decodeFrame(to.bytes());
  t.match(entries, [{ id: 'tenant', added: { 0: 11 } }]);
  t.same(entries[0]?.peaks, [0, 0, 0, 0, 0], 'one that knows no peaks tells of none');
});
