/** Short numbers are what their digits say, to the last bit; what is not short, or no number of JSON, is left to others. */
import fc from 'fast-check';
import t from 'tap';
import { ShortDecimal, ShortWhole } from '#src/payload/otlp-json/short-numbers.js';

const whole = new ShortWhole();
const decimal = new ShortDecimal();
const read = (one: { read(json: Uint8Array, start: number): number }, text: string) =>
  one.read(Buffer.from(`x${text}`), 1) - 1;

t.test('whole numbers of up to 19 digits are read into two halves', async (t) => {
  const agrees = (value: bigint): boolean => {
    const text = String(value);
    if (read(whole, `${text}"`) !== text.length) return false;
    return (BigInt(whole.high) << 32n) + BigInt(whole.low) === value;
  };
  for (const value of [
    0n,
    1n,
    9n,
    2n ** 32n - 1n,
    2n ** 32n,
    9_999_999_999n,
    10_000_000_000n,
    10n ** 19n - 1n,
  ]) {
    t.ok(agrees(value), `${value}`);
  }
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 10n ** 19n - 1n }), agrees), { numRuns: 20_000 });
  for (const text of ['', '-1', '+1', '01', '00', 'a', '.5', '10000000000000000000', '9'.repeat(1000)]) {
    t.equal(read(whole, text), -2, text);
  }
});

t.test('decimal fractions of up to 15 digits are the number nearest to them', async (t) => {
  const agrees = (text: string): boolean =>
    read(decimal, `${text},`) === text.length && Object.is(decimal.value, Number(text));
  for (const text of [
    '0',
    '-0',
    '0.1',
    '-0.5',
    '1.5',
    '0.00000000000001',
    '999999999999999',
    '123456789.012345',
  ]) {
    t.ok(agrees(text), text);
  }
  const digits = fc.tuple(
    fc.bigInt({ min: 0n, max: 10n ** 14n - 1n }),
    fc.integer({ min: 0, max: 14 }),
    fc.boolean(),
  );
  fc.assert(
    fc.property(digits, ([value, places, isNegative]) => {
      const padded = String(value).padStart(places + 1, '0');
      const [before, after] = [padded.slice(0, padded.length - places), padded.slice(padded.length - places)];
      return agrees(`${isNegative ? '-' : ''}${before}${after === '' ? '' : `.${after}`}`);
    }),
    { numRuns: 20_000 },
  );
  for (const text of [
    '',
    '-',
    '01',
    '-00',
    '1.',
    '.5',
    '-.5',
    'a',
    '1234567890123456',
    '0.1234567890123456',
  ]) {
    t.equal(read(decimal, text), -2, text);
  }
});
