import fc from 'fast-check';
import t from 'tap';
import {
  candidate,
  copyFound,
  type DocumentState,
  errorOf,
  missingRead,
  NEW_DOCUMENT,
  parseBegun,
  parseEnded,
  textRead,
} from '#src/overrides/document-state.js';

type Step = (state: DocumentState) => DocumentState;

/** A text that begins with a minus can not be used; one names as many tenants as it has letters. */
const isGood = (text: string) => !text.startsWith('-');
const says =
  (text: string, changedAtMs = 0): Step =>
  (state) =>
    textRead(state, { text, name: 'x', changedAtMs });
const lacks: Step = (state) => missingRead(state, 'x is not there');
const copy =
  (text: string): Step =>
  (state) =>
    copyFound(state, text);
const begin: Step = parseBegun;
const end: Step = (state) => {
  const text = state.parsing?.text ?? '';
  return parseEnded(state, isGood(text) ? { tenants: text.trim().length } : { error: `${text} is broken` });
};
const parse: Step = (state) => end(begin(state));
const after = (...steps: Step[]) => steps.reduce((state, step) => step(state), NEW_DOCUMENT);

t.test('a document goes from state to state', async (t) => {
  const unread = { held: { is: 'unread' }, parsing: undefined, inForce: undefined };
  const cases: [string, Step[], object][] = [
    ['nobody has read it', [], unread],
    ['a text waits to be parsed', [says('a', 7)], { held: { is: 'waiting', text: 'a', changedAtMs: 7 } }],
    ['a newer text takes its place', [says('a'), says('b')], { held: { is: 'waiting', text: 'b' } }],
    [
      'the same text has waited since it came',
      [says('a', 7), says('a', 9)],
      { held: { is: 'waiting', changedAtMs: 7 } },
    ],
    [
      'a text is being parsed',
      [says('a'), begin],
      { held: { is: 'waiting' }, parsing: { text: 'a', fromCopy: false }, inForce: undefined },
    ],
    [
      'a good text comes into force',
      [says('a'), parse],
      { held: { is: 'good' }, parsing: undefined, inForce: { text: 'a', tenants: 1, fromCopy: false } },
    ],
    ['an unchanged text is good as it is', [says('a'), parse, says('a')], { held: { is: 'good' } }],
    [
      'a broken text leaves the good one in force',
      [says('a'), parse, says('-'), parse],
      { held: { is: 'broken', text: '-', error: '- is broken' }, inForce: { text: 'a' } },
    ],
    [
      'a broken text that is read again is not parsed again',
      [says('a'), parse, says('-'), parse, says('-')],
      { held: { is: 'broken', text: '-' }, inForce: { text: 'a' } },
    ],
    [
      'after a broken text the good one is good again',
      [says('a'), parse, says('-'), parse, says('a')],
      { held: { is: 'good' }, inForce: { text: 'a' } },
    ],
    [
      'a document that is gone stays in force',
      [says('a'), parse, lacks],
      { held: { is: 'missing', error: 'x is not there' }, inForce: { text: 'a' } },
    ],
    ['a document that comes back', [says('a'), parse, lacks, says('a')], { held: { is: 'good' } }],
    [
      'a text that waits is forgotten when the document is gone',
      [says('a'), lacks],
      { held: { is: 'missing' } },
    ],
    [
      'an empty text does not lift the limits of tenants',
      [says('a'), parse, says(' \n')],
      {
        held: { is: 'missing', error: 'x is empty; write "overrides: {}" to remove all overrides' },
        inForce: { text: 'a' },
      },
    ],
    [
      'an empty text is parsed where no tenant has limits',
      [says(' ')],
      { held: { is: 'waiting', text: ' ' } },
    ],
    [
      'and where the text in force names none',
      [says(''), parse, says(' ')],
      { held: { is: 'waiting', text: ' ' }, inForce: { text: '', tenants: 0 } },
    ],
    [
      'a text that comes while another is parsed waits for its end',
      [says('a'), begin, says('b'), end],
      { held: { is: 'waiting', text: 'b' }, parsing: undefined, inForce: { text: 'a' } },
    ],
    [
      'what was in force before has to be parsed again after another text was',
      [says('a'), parse, says('b'), begin, says('a'), end],
      { held: { is: 'waiting', text: 'a' }, inForce: { text: 'b' } },
    ],
    [
      'a text that goes and comes while it is parsed is good when it has been',
      [says('a'), begin, says('b'), says('a'), end],
      { held: { is: 'good' }, inForce: { text: 'a' } },
    ],
    [
      'a broken text that the source holds no more is nobody’s error',
      [says('-'), begin, says('b'), end],
      { held: { is: 'waiting', text: 'b' }, inForce: undefined },
    ],
    [
      'an empty text that comes while the first one is parsed lifts no limit either',
      [says('a'), begin, says(''), end],
      { held: { is: 'missing', error: /x is empty/ }, inForce: { text: 'a' } },
    ],
    [
      'a document that goes while it is parsed is gone when it has been',
      [says('a'), begin, lacks, end],
      { held: { is: 'missing' }, parsing: undefined, inForce: { text: 'a' } },
    ],
    [
      'a kept copy comes into force where the source says nothing',
      [copy('c'), parse],
      { held: { is: 'unread' }, kept: undefined, inForce: { text: 'c', fromCopy: true } },
    ],
    [
      'and where what it says is broken or gone',
      [says('-'), parse, copy('c'), parse],
      { held: { is: 'broken', text: '-' }, inForce: { text: 'c', fromCopy: true } },
    ],
    [
      'a kept copy that the source turns out to hold is as good as any text',
      [copy('c'), parse, says('c')],
      { held: { is: 'good' }, inForce: { text: 'c', fromCopy: false } },
    ],
    [
      'also while it is parsed',
      [copy('c'), begin, says('c'), end],
      { held: { is: 'good' }, inForce: { text: 'c', fromCopy: false } },
    ],
    [
      'a text goes before a kept copy',
      [copy('c'), says('a'), parse],
      { held: { is: 'good' }, inForce: { text: 'a' } },
    ],
    [
      'a kept copy still counts when that text is broken',
      [copy('c'), says('-'), parse, parse],
      { held: { is: 'broken' }, inForce: { text: 'c', fromCopy: true } },
    ],
    [
      'a kept copy is no use once something is in force',
      [says('a'), parse, copy('c'), parse],
      { kept: undefined, inForce: { text: 'a' } },
    ],
    [
      'a kept copy that is broken changes nothing, and is not tried again',
      [copy('-'), parse],
      { ...unread, kept: undefined },
    ],
    [
      'what is begun is not begun again, so that an empty text behind it still lifts no limit',
      [says('bb'), parse, says('a'), begin, says(' '), begin, end],
      { held: { is: 'missing', error: /x is empty/ }, parsing: undefined, inForce: { text: 'a' } },
    ],
    ['the end of nothing is nothing', [end], unread],
  ];
  for (const [name, steps, expected] of cases) t.match(after(...steps), expected, name);
});

t.test('there is something to parse when a text waits, and nothing while one is parsed', async (t) => {
  const cases: [Step[], object | undefined][] = [
    [[], undefined],
    [[says('a')], { text: 'a', fromCopy: false }],
    [[says('a'), begin, says('b')], undefined],
    [[says('a'), begin, says('b'), end], { text: 'b', fromCopy: false }],
    [[says('a'), parse], undefined],
    [[says('-'), parse, says('-')], undefined],
    [[lacks], undefined],
    [[copy('c')], { text: 'c', fromCopy: true }],
    [[copy('c'), says('a')], { text: 'a', fromCopy: false }],
    [[copy('c'), says('a'), parse], undefined],
  ];
  for (const [steps, expected] of cases) t.strictSame(candidate(after(...steps)), expected);
});

t.test('an error that is met again is a new one of the same words', async (t) => {
  for (const meet of [says('-'), lacks]) {
    const once = after(says('-'), parse, meet);
    const twice = meet(once);
    t.not(twice.held, once.held);
    t.equal(errorOf(twice), errorOf(once));
  }
  const waits = after(says('a'));
  t.equal(says('a')(waits).held, waits.held, 'a text that still waits is no news');
  t.equal(errorOf(waits), undefined);
});

t.test('whatever comes in whatever order, the end is what the source says last', async () => {
  const text = fc.constantFrom('a', 'bb', '-', '--', ' ');
  const step = fc.oneof(
    text.map((one): [string, Step] => [`says ${one}`, says(one)]),
    fc.constantFrom<[string, Step]>(['lacks', lacks], ['begin', begin], ['end', end]),
    text.map((one): [string, Step] => [`copy ${one}`, copy(one)]),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.option(text, { nil: undefined }), (steps, last) => {
      let state = NEW_DOCUMENT;
      const take = (next: Step) => {
        const before = state.inForce;
        state = next(state);
        const now = state.inForce?.text;
        if (now !== before?.text && (now === undefined || !isGood(now)))
          throw new Error('what is broken is in force');
        if (now?.trim() === '' && (before?.tenants ?? 0) > 0) throw new Error('limits were lifted');
      };
      for (const [, next] of steps) take(next);
      take(last === undefined ? lacks : says(last));
      for (let i = 0; i < 4; i++) take(parse);
      if (candidate(state) !== undefined) throw new Error('it never ends');
      const { held, inForce } = state;
      if (last === undefined) return held.is === 'missing';
      if (!isGood(last)) return held.is === 'broken' && held.text === last;
      if (last === ' ' && held.is === 'missing') return (inForce?.tenants ?? 0) > 0;
      return held.is === 'good' && inForce?.text === last && !inForce.fromCopy;
    }),
    { numRuns: 2000 },
  );
});
