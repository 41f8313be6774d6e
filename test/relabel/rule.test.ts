import t from 'tap';
import { labelNamesOf, readLabelNames, readRules, rulesOf } from '#src/relabel/rule.js';

t.test('a list of rules has one text, whatever the order of its fields', async (t) => {
  const one = readRules([{ action: 'DROP', regex: 'x', source_labels: ['a'] }]);
  const other = readRules([{ source_labels: ['a'], action: 'drop', regex: 'x', modulus: null }]);
  t.strictSame(one, other);
  t.ok('value' in one);
  if (!('value' in one)) return;
  t.strictSame(rulesOf(one.value), [{ source_labels: ['a'], regex: 'x', action: 'drop' }]);
  t.strictSame(readRules(one.value), one, 'and is read from it');
});

t.test('numbers and booleans are the texts that they are written as', async (t) => {
  const read = readRules([
    { target_label: 'a', replacement: 1, regex: true },
    { action: 'hashmod', target_label: 'b', modulus: 8 },
  ]);
  t.strictSame('value' in read && rulesOf(read.value), [
    { regex: 'true', target_label: 'a', replacement: '1' },
    { modulus: '8', target_label: 'b', action: 'hashmod' },
  ]);
});

const WRONG: readonly [rule: unknown, problem: RegExp, at: readonly (string | number)[]][] = [
  ['nothing', /expected a map/, []],
  [null, /expected a map/, []],
  [['a'], /expected a map/, []],
  [{ source_label: 'a', target_label: 'b' }, /no field source_label/, ['source_label']],
  [{ source_labels: 'a', target_label: 'b' }, /list of label names/, ['source_labels']],
  [{ source_labels: ['a', ''], target_label: 'b' }, /name of a label/, ['source_labels', 1]],
  [{ source_labels: ['a', {}], target_label: 'b' }, /name of a label/, ['source_labels', 1]],
  [{ action: 'rename' }, /unknown relabelling action "rename"/, ['action']],
  [{ action: '' }, /unknown relabelling action ""/, ['action']],
  [{ target_label: 'b', regex: '(' }, /regular expression of RE2: missing closing \)/, ['regex']],
  [{ target_label: 'b', regex: '(?=a)' }, /regular expression of RE2/, ['regex']],
  [{ target_label: 'b', regex: ['a'] }, /expected a text/, ['regex']],
  [{ target_label: 'b', modulus: -1 }, /whole number/, ['modulus']],
  [{ target_label: 'b', modulus: '18446744073709551616' }, /64 bits/, ['modulus']],
  [{ source_labels: ['a'] }, /replace needs a target_label/, []],
  [{ source_labels: ['a'], target_label: '', action: 'lowercase' }, /lowercase needs a target_label/, []],
  [{ target_label: 'b', action: 'hashmod' }, /modulus that is not 0/, []],
  [{ target_label: 'b', action: 'hashmod', modulus: 0 }, /modulus that is not 0/, []],
  [{ target_label: 'b', action: 'uppercase', replacement: 'x' }, /takes no replacement/, ['replacement']],
  [{ action: 'labelmap', replacement: '' }, /labelmap needs a replacement/, ['replacement']],
  [{ target_label: 'b', action: 'keepequal', regex: '(.*)' }, /keepequal takes/, ['regex']],
  [{ target_label: 'b', action: 'dropequal', separator: ',' }, /dropequal takes/, ['separator']],
  [{ action: 'labeldrop', regex: 'a', source_labels: [] }, /labeldrop takes regex alone/, ['source_labels']],
  [{ action: 'labelkeep', regex: 'a', target_label: 'a' }, /labelkeep takes regex alone/, ['target_label']],
];

for (const [rule, problem, at] of WRONG) {
  t.test(`what is wrong with a rule is said, and where: ${JSON.stringify(rule)}`, async (t) => {
    const read = readRules([{ target_label: 'ok' }, rule]);
    t.match(read, { problem });
    t.strictSame('at' in read && read.at, [1, ...at]);
  });
}

t.test('fields that are given as their default are no mistake', async (t) => {
  for (const rule of [
    { target_label: 'b', action: 'keepequal', separator: ';', replacement: '$1', modulus: 0 },
    { action: 'labeldrop', separator: ';', replacement: '$1', target_label: '', modulus: 0 },
    { action: 'lowercase', target_label: 'b', replacement: '$1', regex: 'ignored' },
  ]) {
    t.ok('value' in readRules([rule]), JSON.stringify(rule));
  }
});

t.test('what is no list of rules is a problem', async (t) => {
  for (const value of ['text', 5, true, {}, '{}', null]) t.ok('problem' in readRules(value), String(value));
});

t.test('label names are a list of texts', async (t) => {
  const read = readLabelNames(['a', 5, 'ü']);
  t.strictSame('value' in read && labelNamesOf(read.value), ['a', '5', 'ü']);
  t.strictSame(readLabelNames([]), { value: '' });
  t.strictSame(readLabelNames(''), { value: '' });
  for (const value of ['a', 5, [''], [['a']], {}])
    t.ok('problem' in readLabelNames(value), JSON.stringify(value));
});
