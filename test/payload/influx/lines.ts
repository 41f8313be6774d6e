/** Arbitrary lines for fast-check: sound ones, and such as are nearly so. */
import fc from 'fast-check';
import { anyText } from '../../any-text.js';

const word = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      'cpu',
      'host',
      'value',
      'a b',
      'a,b',
      'a=b',
      '1st',
      'é',
      '__name__',
      '__proxy_source__',
    ),
  },
  {
    weight: 3,
    arbitrary: fc.string({ minLength: 1, maxLength: 5, unit: fc.constantFrom(...'ab_-.01 ,="\\é\t') }),
  },
  { weight: 1, arbitrary: anyText({ minLength: 1, maxLength: 6 }) },
);
const escaped = (escapable: RegExp) => word.map((text) => text.replace(escapable, '\\$&'));
const name = escaped(/[, ="]/g);
const tag = fc.tuple(escaped(/[, =]/g), escaped(/[, =]/g)).map(([key, value]) => `,${key}=${value}`);
const value = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.integer().map((n) => `${n}i`),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map((n) => `${n}i`),
  fc.constantFrom(
    't',
    'F',
    'true',
    'FALSE',
    'tRue',
    '1.',
    '.5',
    '-.5',
    '.',
    '-',
    '1e5',
    '1e',
    '1e400',
    '1e-400',
    '1u',
    '-i',
  ),
  fc.constantFrom(
    'NaN',
    'nan',
    'Inf',
    '0x1',
    '1_0',
    '007',
    '007i',
    '',
    '"',
    '"a',
    '1"2"',
    '+1',
    '1e+5',
    '1E-5',
  ),
  fc.string({ maxLength: 5 }).map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`),
);
const field = fc.tuple(name, value).map((pair) => pair.join('='));
const time = fc.oneof(
  { weight: 3, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 63n }).map((n) => ` ${n}`) },
  { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }).map((n) => ` ${n} `) },
  { weight: 2, arbitrary: fc.constantFrom('', ' ', ' 0', ' -1', ' 1x', ' 1 2', '\t5', ' -') },
);

export const line = fc
  .tuple(name, fc.array(tag, { maxLength: 4 }), fc.array(field, { minLength: 1, maxLength: 4 }), time)
  .map(([measurement, tags, fields, at]) => `${measurement}${tags.join('')} ${fields.join(',')}${at}`);

/** Sound lines alone, so that whole bodies of them are. */
export const soundLine = fc
  .tuple(
    fc.constantFrom('cpu', 'mem used', 'disk').map((text) => text.replace(' ', '\\ ')),
    fc.uniqueArray(fc.constantFrom('host', 'region', 'b-c', 'b.c', 'z'), { maxLength: 4 }),
    fc.array(
      fc.tuple(
        fc.constantFrom('value', 'usage', 'load', 'up'),
        fc.oneof(fc.integer().map(String), fc.constantFrom('1i', 't', '"text"', '"a,b=c"', '1.5e3')),
      ),
      { minLength: 1, maxLength: 5 },
    ),
    fc.constantFrom('', ' 1465839830100400200', ' 0'),
  )
  .map(
    ([measurement, tags, fields, at]) =>
      `${measurement}${tags.map((key) => `,${key}=v`).join('')} ${fields.map((pair) => pair.join('=')).join(',')}${at}`,
  );

const between = fc.constantFrom('\n', '\n', '\n\n', '\n# a comment\n', '\n \t\n', '\r\n');

export const body = fc
  .array(fc.tuple(fc.oneof(line, soundLine, soundLine), between), { maxLength: 5 })
  .map((lines) => Buffer.from(lines.flat().join('')));

export const soundBody = fc
  .array(fc.tuple(soundLine, fc.constantFrom('\n', '\n\n', '\n#\n')), { maxLength: 6 })
  .map((lines) => Buffer.from(lines.flat().join('')));
