import fc from 'fast-check';
import t from 'tap';
import {
  DISCARDED_REQUESTS,
  DISCARDED_SAMPLES,
  discarded,
  TALLY_NUMBERS,
  Tally,
} from '#src/enforce/tally.js';
import { NO_TENANT, OTHER_TENANTS } from '#src/enforce/tenant-metrics.js';
import { addEntry, emptyEntry, type FrameEntry } from '#src/usage/frame.js';
import { type ReadTenant, TallyReader } from '#src/usage/tally-reader.js';
import { limits, push, samples } from '../enforce/fixtures.js';

class Source {
  readonly byId = new Map<string, ReadTenant>();
  readonly gone = new Tally();
  readonly #none: ReadTenant = { id: NO_TENANT, limits: limits(), tally: new Tally(), series: undefined };

  of(id: string): ReadTenant & { tally: Tally } {
    const tenant = this.byId.get(id) ?? { id, limits: limits(), tally: new Tally(), series: undefined };
    this.byId.set(id, tenant);
    return tenant;
  }

  leave(id: string): void {
    const tenant = this.byId.get(id);
    if (tenant === undefined) return;
    this.byId.delete(id);
    this.gone.absorb(tenant.tally);
  }

  tenants = () => this.byId.values();
  unattributed = () => this.#none;
  departed = () => this.gone;

  /** All that was ever counted. */
  all(): Tally {
    const all = new Tally();
    for (const { tally } of [...this.byId.values(), this.#none, { tally: this.gone }]) all.absorb(tally);
    return all;
  }
}

const events = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('send' as const),
        id: fc.constantFrom('a', 'b', 'c'),
        samples: fc.nat(50),
      }),
    },
    fc.record({
      do: fc.constant('refuse' as const),
      id: fc.constantFrom('a', 'b', 'c'),
      samples: fc.nat(50),
    }),
    fc.record({
      do: fc.constant('leave' as const),
      id: fc.constantFrom('a', 'b', 'c'),
      samples: fc.constant(0),
    }),
    fc.record({ do: fc.constant('second' as const), id: fc.constant(''), samples: fc.constant(0) }),
    fc.record({ do: fc.constant('frame' as const), id: fc.constant(''), samples: fc.constant(0) }),
  ),
  { maxLength: 60 },
);

t.test('frames add up to what was counted, whoever left memory and came back', async () => {
  fc.assert(
    fc.property(events, (list) => {
      const source = new Source();
      const reader = new TallyReader(source);
      const sum = emptyEntry('sum');
      let second = 0;
      const frame = () => {
        reader.read(second++);
        for (const entry of reader.entriesNow()) addEntry(sum, entry);
      };
      for (const { do: what, id, samples: count } of list) {
        if (what === 'second') reader.read(second++);
        else if (what === 'frame') frame();
        else if (what === 'leave') source.leave(id);
        else {
          const { tally } = source.of(id);
          const one = samples(count);
          tally.requests++;
          tally.received(one);
          if (what === 'refuse') tally.refuse('rate_limited', one);
          else tally.accepted++;
        }
      }
      frame();
      const all = source.all();
      TALLY_NUMBERS.forEach((name, i) => {
        if (sum.added[i] !== all[name]) throw new Error(`${name}: ${sum.added[i]} is not ${all[name]}`);
      });
      const refused = sum.discards.find(({ reason }) => reason === 'rate_limited')?.counts;
      for (const field of [DISCARDED_REQUESTS, DISCARDED_SAMPLES]) {
        const counted = discarded(all.refused, 'rate_limited', field);
        if ((refused?.[field] ?? 0) !== counted) throw new Error(`refused ${field}: ${refused?.[field]}`);
      }
      const inSeconds = (kind: number) =>
        sum.seconds!.reduce((total, n, i) => total + (i % 3 === kind ? n : 0), 0);
      return inSeconds(0) === sum.items && inSeconds(1) === all.requests && inSeconds(2) === all.bodyBytes;
    }),
  );
});

t.test('what came is in the second that is read, and a tenant that is silent is in no frame', async (t) => {
  const source = new Source();
  const reader = new TallyReader(source);
  const { tally } = source.of('a');
  source.of('silent');
  reader.read(20);
  tally.requests += 2;
  tally.samples += 7;
  reader.read(21);
  reader.read(22);
  tally.samples += 1;
  reader.read(29);
  const [entry, ...more] = reader.entriesNow() as [FrameEntry, ...FrameEntry[]];
  t.same(more, []);
  t.equal(entry.id, 'a');
  t.same(
    [...entry.seconds!].map((n, i) => [Math.floor(i / 3), i % 3, n]).filter(([, , n]) => n !== 0),
    [
      [1, 0, 7],
      [1, 1, 2],
      [9, 0, 1],
    ],
  );
  t.same(reader.entriesNow(), []);
});

t.test('exemplars count as items only while the tenant may have some', async (t) => {
  const source = new Source();
  let most = 0;
  const tally = new Tally();
  source.byId.set('a', {
    id: 'a',
    tally,
    series: undefined,
    get limits() {
      return limits({ max_global_exemplars_per_user: most });
    },
  });
  const reader = new TallyReader(source);
  tally.samples += 1;
  tally.exemplars += 10;
  reader.read(0);
  most = 100;
  reader.read(1);
  tally.exemplars += 5;
  reader.read(2);
  t.equal(reader.entriesNow()[0]?.items, 6);
});

t.test('those that came and left between two readings are counted together', async (t) => {
  const source = new Source();
  const reader = new TallyReader(source);
  reader.read(0);
  source.of('brief').tally.requests += 3;
  source.leave('brief');
  reader.read(1);
  t.match(reader.entriesNow(), [{ id: OTHER_TENANTS, added: { 0: 3 } }]);
});

t.test('a frame has the most of any push since the last one, of a tenant that left, too', async (t) => {
  const source = new Source();
  const reader = new TallyReader(source);
  const { tally } = source.of('a');
  const send = (series: number, labels: number, bytes: number) => {
    tally.requests++;
    tally.received(push(Array(series).fill({ labels }), 0, bytes));
  };
  const peaks = () => {
    reader.read(0);
    return reader.entriesNow().map((entry) => entry.peaks.slice(0, 3));
  };
  send(3, 12, 700);
  send(2, 14, 900);
  t.same(peaks(), [[3, 14, 900]]);
  send(1, 5, 100);
  t.same(peaks(), [[1, 5, 100]], 'what came before is not in it any more');
  send(4, 6, 200);
  source.leave('a');
  t.same(peaks(), [[4, 6, 200]]);
});
