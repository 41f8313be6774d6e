/** Overrides that are large, malicious or no YAML at all: these take seconds, where the others take milliseconds. */
import fc from 'fast-check';
import t from 'tap';
import { parseOverrides } from '#src/limits/overrides-document.js';
import { anyText } from '../any-text.js';

t.test('fifty thousand tenants may share one entry', async (t) => {
  const entries = Array.from({ length: 50_000 }, (_, n) => `  t${n}: *a`).join('\n');
  const { tenants, errors } = parseOverrides(
    `x-a: &a { ingestion_rate: 1 }\noverrides:\n${entries}`,
    'mimir',
  );
  t.strictSame(errors, []);
  t.equal(tenants.size, 50_000);
});

t.test('a bomb of aliases is refused before it goes off', async (t) => {
  const levels = Array.from({ length: 30 }, (_, n) => `x-${n + 1}: &a${n + 1} { <<: [*a${n}, *a${n}] }`).join(
    '\n',
  );
  const { errors } = parseOverrides(
    `x-0: &a0 { ingestion_rate: 1 }\n${levels}\noverrides: { a: *a30 }`,
    'mimir',
  );
  t.match(errors[0]?.message, /more than 2000000 values/);
});

t.test('any text is a document or has errors with a place; nothing throws', async () => {
  const piece = fc.constantFrom(
    'overrides:',
    'a:',
    '  ',
    '\n',
    '{',
    '}',
    '[',
    '- ',
    '&x ',
    '*x',
    '<<: ',
    'ingestion_rate: ',
    '5',
    '"',
    '\t',
    '?',
    '|',
    '!!binary ',
    ': ',
  );
  const text = fc.oneof(
    anyText(),
    fc.array(piece, { maxLength: 40 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(text, (one) => {
      const { errors } = parseOverrides(one, 'mimir');
      return errors.every(({ line, column }) => line >= 1 && column >= 1);
    }),
    { numRuns: 2000 },
  );
});
