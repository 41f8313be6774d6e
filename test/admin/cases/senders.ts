/** The API tells who pushes. */
import type { Test } from 'tap';
import { PUSH_500 } from '../../doors/http/fixtures.js';
import { compress, encodeVersion2 } from '../../payload/encode.js';
import type { StartAdmin } from '../fixtures.js';

interface Senders {
  readonly known: number;
  readonly more: number;
  readonly ofVersion1: number;
  readonly ignoringRetryAfter: number;
  readonly newToday: number;
  readonly senders: readonly { readonly tenant: string; readonly program: string; readonly pushes: number }[];
}

const VERSION_2 = compress(
  encodeVersion2([{ labels: [['__name__', 'up']], value: 1, timestampMs: Date.now() }]),
);

export function sendersCases(t: Test, admin: StartAdmin): void {
  t.test(
    'who pushes: program, version, addresses, protocol, sizes, and who comes again too early',
    async (t) => {
      const overrides = 'overrides: { a: { ingestion_rate: 1, ingestion_burst_size: 1000 } }';
      const edge = await admin(t, {}, overrides);
      const agent = { 'User-Agent': 'Prometheus/2.53.1' };
      for (let i = 0; i < 3; i++) await edge.push(PUSH_500, agent);
      await edge.push(PUSH_500, { ...agent, 'Retry-Attempt': '1' });
      await edge.push(VERSION_2, {
        'X-Scope-OrgID': 'b',
        'User-Agent': 'OpenTelemetry Collector Contrib/0.100.0 (linux/amd64)',
        'Content-Type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
        'X-Forwarded-For': '198.51.100.77, 10.20.30.40',
      });
      const all = await edge.json<Senders>('senders');
      t.match(all, { known: 2, more: 0, ofVersion1: 1, newToday: 0 });
      const [first, second] = all.senders;
      t.match(first, {
        tenant: 'a',
        program: 'Prometheus',
        version: '2.53.1',
        network: '127.0.0.0/24',
        protocol: 'rw1',
        compression: 'snappy',
        pushes: 4,
        bodies: 4,
        meanBytes: PUSH_500.length,
        largest: PUSH_500.length,
        refused: 2,
        retries: 1,
        atMostOver: 0,
      });
      t.match(second, {
        tenant: 'b',
        program: 'OpenTelemetry Collector Contrib',
        version: '0.100.0',
        network: '10.20.30.0/24',
        protocol: 'rw2',
        pushes: 1,
        refused: 0,
      });
      const one = await edge.json<Senders>('senders?tenant=b');
      t.strictSame(
        one.senders.map(({ tenant }) => tenant),
        ['b'],
      );
      t.strictSame((await edge.json<Senders>('senders?tenant=nobody')).senders, []);
    },
  );
}
