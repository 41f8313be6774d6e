import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { exposition, type LargeFamily, labelText, type TextFormat } from '#src/telemetry/exposition.js';
import { Metrics } from '#src/telemetry/metrics.js';

async function textOf(small: string, large: LargeFamily[], format: TextFormat): Promise<string> {
  let text = '';
  for await (const part of exposition(small, large, format)) text += part;
  return text;
}

const SENT: LargeFamily = {
  name: 'sent_total',
  help: 'What was sent.',
  type: 'counter',
  lines: [
    ['{user="a"}', 1],
    ['{user="b"}', 2.5],
  ],
};

t.test('labels are escaped as Prometheus reads them', async (t) => {
  t.equal(labelText({ user: 'a' }), '{user="a"}');
  t.equal(labelText({ user: 'a"b\\c\nd', reason: 'x' }), '{user="a\\"b\\\\c\\nd",reason="x"}');
});

t.test('large families follow the others', async (t) => {
  const held: LargeFamily = { name: 'held', help: 'What is held.', type: 'gauge', lines: [] };
  t.equal(
    await textOf('# TYPE x counter\nx 1\n', [SENT, held], 'prometheus'),
    '# TYPE x counter\nx 1\n# HELP sent_total What was sent.\n# TYPE sent_total counter\nsent_total{user="a"} 1\n' +
      'sent_total{user="b"} 2.5\n# HELP held What is held.\n# TYPE held gauge\n',
  );
});

t.test('in OpenMetrics families of counters have no _total, and the text has an end', async (t) => {
  const metrics = new Metrics();
  metrics.counter({ name: 'pushes_total', help: 'x_total of pushes_total', read: () => 3 });
  metrics.gauge({ name: 'odd_total_gauge', help: 'y', read: () => 1 });
  metrics.histogram('took_seconds', 'z').observe(0.1);
  const text = await textOf(await metrics.registry.metrics(), [SENT], 'openmetrics');
  t.match(text, '# HELP pushes x_total of pushes_total\n# TYPE pushes counter\npushes_total 3\n');
  t.match(text, '# TYPE odd_total_gauge gauge\nodd_total_gauge 1\n');
  t.match(text, 'took_seconds_count 1\n');
  t.match(text, '# HELP sent What was sent.\n# TYPE sent counter\nsent_total{user="a"} 1\n');
  t.ok(text.endsWith('# EOF\n'));
  t.notMatch(text, /\n\n/);
});

t.test('the loop is free between the parts of a family', async (t) => {
  const lines = Array.from({ length: 5000 }, (_, i) => [`{user="${i}"}`, i] as const);
  let turns = 0;
  let done = false;
  const counting = (async () => {
    while (!done) {
      await nextTurn();
      turns++;
    }
  })();
  const text = await textOf('', [{ ...SENT, lines }], 'prometheus');
  done = true;
  await counting;
  t.ok(turns >= 4, `${turns} turns`);
  t.equal(text.split('\n').length, 5003);
});
