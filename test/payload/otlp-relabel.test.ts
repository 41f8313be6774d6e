import t from 'tap';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import { NO_RULES } from '#src/payload/push.js';
import { labelRewriting } from '#src/payload/rewriting.js';
import { difference } from './otlp-compare.js';
import { Dice, randomRequest, randomTranslation } from './otlp-requests.js';

const decoder = new InlineDecoder(64 << 20);
const LIMITS = { maxUncompressedBytes: 16 << 20, maxSeries: 100_000, excludeLabel: '' };
/** Such that some series break each of them. */
const RULES = { ...NO_RULES, utf8Names: false, maxLabels: 8, maxInfoLabels: 9, maxNameLength: 18 };

t.test('OTLP is relabelled like the remote write that Mimir makes of it', async (t) => {
  const rules = [
    { source_labels: ['__name__'], regex: '(.*)_bucket', target_label: '__name__', replacement: '$1_part' },
    { source_labels: ['__name__'], regex: 'target_info', action: 'drop' },
    { regex: 'job|le', action: 'labeldrop' },
  ];
  const rewriting = labelRewriting(
    {
      tenant: 'a',
      rules: JSON.stringify(rules),
      dropLabels: '["code"]',
      utf8Names: false,
      longValues: 'truncate',
      maxValueLength: 80,
    },
    {},
  );
  const failed = Array.from({ length: 500 }, (_, seed) => {
    const dice = new Dice(seed);
    const options = { ...LIMITS, rules: RULES, rewriting };
    const found = difference(decoder, randomRequest(dice), randomTranslation(dice), options);
    return found === undefined ? '' : `seed ${seed}: ${found.slice(0, 1000)}`;
  }).find((found) => found !== '');
  t.equal(failed, undefined);
});

t.test('what came as OTLP is whole after relabelling, however much memory that takes', async (t) => {
  const dice = new Dice(3);
  let body = randomRequest(dice);
  for (let i = 0; i < 12; i++) body = Buffer.concat([body, randomRequest(dice)]);
  const rewriting = labelRewriting(
    {
      tenant: 'a',
      rules: JSON.stringify([{ target_label: 'new', replacement: 'x'.repeat(60_000) }]),
      dropLabels: '',
      utf8Names: true,
      longValues: 'error',
      maxValueLength: 0,
    },
    {},
  );
  const push = new InlineDecoder(1e9).decodePlain(body, {
    ...LIMITS,
    protocol: 'otlp',
    otlp: randomTranslation(dice),
    rewriting,
  });
  if (push.kind !== 'push') throw new Error(push.message);
  t.ok(Buffer.from(push.body).equals(body));
  t.ok(push.body.length > 0);
});
