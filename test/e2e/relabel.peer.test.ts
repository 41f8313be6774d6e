// biome-ignore-all lint/suspicious/noTemplateCurlyInString: dollar signs and braces are what relabelling rules are written with.
import { createServer } from 'node:http';
import { join } from 'node:path';
import SnappyJS from 'snappyjs';
import t, { type Test } from 'tap';
import { LabelSet } from '#src/relabel/label-set.js';
import { compileRules } from '#src/relabel/relabel.js';
import { readRules, rulesOf } from '#src/relabel/rule.js';
import { closeServer, listen } from '../doors/http/fixtures.js';
import { WriteRequestV1 } from '../payload/encode.js';
import { needs } from './processes.js';
import { startPrometheus } from './prometheus-processes.js';

/** What a target shows: texts in all sorts, and labels that are empty. */
const EXPOSED = `
http_requests_total{code="200",method="get",path="/a/b"} 1
http_requests_total{code="500",method="POST",path="/a;b"} 1
http_requests_total{code="",method="Get",path="$1"} 1
latency_bucket{le="0.5",pod="web-7f9-x1",zone="a"} 1
latency_bucket{le="+Inf",pod="web-7f9-x2",zone="web"} 1
latency_sum{pod="db-0",zone="db-0",empty=""} 1
words{text="StraßE ΑΣ İ ǅ ﬁ ŉ ᾳ",same="StraßE ΑΣ İ ǅ ﬁ ŉ ᾳ"} 1
words{text="日本 😀",same="other",a_b="1",a_c="2",b_c="3"} 1
words{text="aaaa",same="",x="aaa bbb"} 1
`;

const RULES: readonly (readonly object[])[] = [
  [{ source_labels: ['__name__', 'code'], regex: 'http_requests_total;5..', action: 'drop' }],
  [{ source_labels: ['__name__'], regex: 'latency_.*|words', action: 'keep' }],
  [{ source_labels: ['path'], regex: '/(.*)/(.*)', target_label: 'first', replacement: '${1}-$2-$3-$$1-$x' }],
  [
    {
      source_labels: ['path', 'method'],
      separator: '',
      regex: '(?P<path>[^A-Za-z]*)(?P<rest>.*)',
      target_label: 'named',
      replacement: '${rest}$path',
    },
  ],
  [{ source_labels: ['pod'], regex: '([a-z]+)-(.*)', target_label: '${1}_pod', replacement: '$2' }],
  [{ source_labels: ['pod'], regex: '(.*)', target_label: '$1', replacement: 'x' }],
  [
    { target_label: 'env', replacement: 'prod' },
    { source_labels: ['none'], target_label: 'zone' },
  ],
  [{ source_labels: ['code'], regex: '', target_label: 'no_code', replacement: 'yes' }],
  [{ source_labels: ['__name__', 'path'], target_label: 'shard', modulus: 7, action: 'hashmod' }],
  [{ source_labels: ['text'], target_label: 'shard', modulus: 9007199254740881, action: 'hashmod' }],
  [{ regex: 'a_(.*)|(.*)_c', replacement: 'm_$1$2', action: 'labelmap' }],
  [
    { regex: '(.).*', replacement: '${1}1', action: 'labelmap' },
    { regex: 'text|path', action: 'labeldrop' },
  ],
  [{ regex: '__name__|le|pod|text', action: 'labelkeep' }],
  [
    { source_labels: ['text'], target_label: 'lower', action: 'lowercase' },
    { source_labels: ['text'], target_label: 'upper', action: 'uppercase' },
  ],
  [{ source_labels: ['text'], target_label: 'same', action: 'keepequal' }],
  [{ source_labels: ['zone'], target_label: 'pod', action: 'dropequal' }],
  [
    { source_labels: ['text'], regex: '(a*)(a*)', target_label: 'greedy', replacement: '$1|$2' },
    { source_labels: ['x'], regex: '(a|aa|aaa)(.*)', target_label: 'leftmost', replacement: '$1|$2' },
  ],
  [
    {
      source_labels: ['text'],
      regex: '(?i)straSSE.*|.*\\p{Han}.*|a)|(b',
      target_label: 'odd',
      replacement: 'yes',
    },
  ],
  [
    { source_labels: ['__name__'], target_label: '__name__', replacement: 'job:$1' },
    { source_labels: ['le'], regex: '.+', action: 'drop' },
  ],
];

type Pairs = readonly (readonly [string, string])[];

t.test(
  'a real Prometheus relabels what it sends as the edge relabels it',
  { timeout: 120_000 },
  async (t) => {
    if (!needs(t, 'prometheus')) return;
    const target = createServer((_req, res) =>
      res.setHeader('Content-Type', 'text/plain; version=0.0.4').end(EXPOSED),
    );
    const targetUrl = new URL(await listen(target));
    const received = await startReceiver(t);
    t.teardown(() => closeServer(target));
    const writes = [[], ...RULES].map((rules, i) => ({
      url: `${received.url}/${i}`,
      queue_config: { batch_send_deadline: '1s' },
      metadata_config: { send: false },
      write_relabel_configs: rules,
    }));
    // JSON is YAML.
    const config = {
      global: { scrape_interval: '1s' },
      scrape_configs: [{ job_name: 'x', static_configs: [{ targets: [targetUrl.host] }] }],
      remote_write: writes,
    };
    await startPrometheus(t, join(t.testdir(), 'sender'), JSON.stringify(config));
    const exposed = EXPOSED.trim().split('\n').length;
    await received.until(() => received.series(0).size > exposed);
    t.ok(received.series(0).size > exposed, 'all that is scraped is sent, and what Prometheus adds');
    for (const [i, rules] of RULES.entries()) {
      const want = () => rewritten([...received.series(0).values()], rules);
      const got = () => [...received.series(i + 1).keys()].sort();
      await received.until(() => JSON.stringify(got()) === JSON.stringify(want()));
      t.strictSame(got(), want(), JSON.stringify(rules));
    }
  },
);

/** What the rules of src/relabel make of series: sorted texts. */
function rewritten(series: readonly Pairs[], rules: readonly object[]): string[] {
  const read = readRules(rules);
  if ('problem' in read) throw new Error(read.problem);
  const relabel = compileRules(rulesOf(read.value), 'legacy');
  const texts = new Set<string>();
  for (const pairs of series) {
    const labels = new LabelSet((source) => pairs[source]?.[1] ?? '');
    for (const [index, [name]] of pairs.entries()) labels.add(name, index);
    if (relabel(labels) !== 'kept') continue;
    texts.add(textOf(labels.names.slice(0, labels.count).map((name, i) => [name, labels.valueAt(i)])));
  }
  return [...texts].sort();
}

function textOf(pairs: Pairs): string {
  return JSON.stringify([...pairs].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Takes remote writes on paths that are numbers, and keeps the series of each, by their texts. */
async function startReceiver(t: Test) {
  const series = new Map<number, Map<string, Pairs>>();
  let arrived = () => {};
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const known = of(Number(req.url?.slice(1)));
      const message = WriteRequestV1.toObject(
        WriteRequestV1.decode(SnappyJS.uncompress(Buffer.concat(chunks))),
      );
      for (const { labels = [] } of message.timeseries ?? []) {
        const pairs = labels.map(({ name, value }: { name: string; value: string }): [string, string] => [
          name,
          value,
        ]);
        known.set(textOf(pairs), pairs);
      }
      res.writeHead(204).end();
      arrived();
    });
  });
  const of = (path: number): Map<string, Pairs> => {
    const known = series.get(path) ?? new Map<string, Pairs>();
    series.set(path, known);
    return known;
  };
  const url = await listen(server);
  t.teardown(() => closeServer(server));
  return {
    url,
    series: of,
    /** Looks again after each write, for a dozen writes of each sort. */
    async until(isEnough: () => boolean): Promise<void> {
      for (let writes = 0; writes < 12 * (RULES.length + 1) && !isEnough(); writes++) {
        await new Promise<void>((resolve) => {
          arrived = resolve;
        });
      }
    },
  };
}
