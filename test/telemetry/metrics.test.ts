import t from 'tap';
import { Metrics } from '#src/telemetry/metrics.js';
import { WordCounter } from '#src/telemetry/word-counter.js';

t.test('a latency histogram counts into the right buckets', async (t) => {
  const metrics = new Metrics();
  const histogram = metrics.histogram('seconds', 'How long.');
  for (const seconds of [0.00001, 0.00005, 0.00006, 100]) histogram.observe(seconds);
  const text = await metrics.registry.metrics();
  for (const line of [
    '_bucket{le="0.00005"} 2',
    '_bucket{le="0.0001"} 3',
    '_bucket{le="30"} 3',
    '_bucket{le="+Inf"} 4',
    '_count 4',
  ]) {
    t.ok(text.includes(`seconds${line}\n`), line);
  }
});

t.test('a label set that is not read any more is not exported any more', async (t) => {
  const metrics = new Metrics();
  const values = new Map([
    ['a', 1],
    ['b', 2],
  ]);
  metrics.gauges({
    name: 'held',
    help: 'x',
    labelNames: ['user'],
    read: () => [...values].map(([user, value]) => [{ user }, value]),
  });
  t.match(await metrics.registry.metrics(), /held\{user="a"\} 1\nheld\{user="b"\} 2/);
  values.delete('a');
  values.set('b', 3);
  const text = await metrics.registry.metrics();
  t.notMatch(text, 'user="a"');
  t.match(text, 'held{user="b"} 3');
});

t.test('the words of a counter are zeros before they are counted, and others come as they are', async (t) => {
  const metrics = new Metrics();
  const counter = new WordCounter<string>(metrics, 'ends_total', 'x', 'how', ['well', 'badly']);
  counter.add('well');
  counter.add('well');
  counter.add('oddly');
  const rows = (await metrics.registry.metrics())
    .split('\n')
    .filter((line) => line.startsWith('ends_total{'));
  t.strictSame(rows, ['ends_total{how="well"} 2', 'ends_total{how="badly"} 0', 'ends_total{how="oddly"} 1']);
});
