/** Writes series of either version as no encoder would: names and values of any bytes, any labels in any order. */
import protobuf from 'protobufjs';
import { WriteRequestV1, WriteRequestV2 } from './encode.js';

type Text = string | Uint8Array;

export interface GivenSeries {
  readonly labels: readonly (readonly [name: Text, value: Text])[];
  /** Timestamps. */
  readonly samples: readonly number[];
  readonly histograms?: readonly object[];
  readonly exemplars?: readonly {
    readonly labels: readonly (readonly [name: Text, value: Text])[];
    readonly timestamp: number;
  }[];
  /** Of version 2. */
  readonly metadata?: { readonly type: number; readonly help?: string; readonly unit?: string };
}

/** `metadata`: of version 1. */
export function writeRequest(
  series: readonly GivenSeries[],
  version: 1 | 2,
  metadata: readonly object[] = [],
): Uint8Array {
  return version === 1 ? writeVersion1(series, metadata) : writeVersion2(series);
}

// Messages whose texts are bytes: protobufjs writes both the same way.
const BYTES = protobuf.Root.fromJSON({
  nested: {
    Label: { fields: { name: { type: 'bytes', id: 1 }, value: { type: 'bytes', id: 2 } } },
    Labels: { fields: { labels: { type: 'Label', id: 1, rule: 'repeated' } } },
    Symbols: { fields: { symbols: { type: 'bytes', id: 4, rule: 'repeated' } } },
  },
});

function writeVersion1(series: readonly GivenSeries[], metadata: readonly object[]): Uint8Array {
  const parts = series.map((one) => {
    const points = WriteRequestV1.lookupType('TimeSeries').encode(pointsOf(one)).finish();
    const exemplars = (one.exemplars ?? []).map(({ labels, timestamp }) =>
      field(3, Buffer.concat([labelsOf(labels), message('Exemplar', { value: 1, timestamp })])),
    );
    return field(1, Buffer.concat([labelsOf(one.labels), points, ...exemplars]));
  });
  return Buffer.concat([...parts, WriteRequestV1.encode({ metadata }).finish()]);
}

function message(type: string, fields: object): Uint8Array {
  return WriteRequestV1.lookupType(type).encode(fields).finish();
}

function labelsOf(labels: GivenSeries['labels']): Uint8Array {
  const written = labels.map(([name, value]) => ({ name: Buffer.from(name), value: Buffer.from(value) }));
  return BYTES.lookupType('Labels').encode({ labels: written }).finish();
}

function field(number: number, bytes: Uint8Array): Uint8Array {
  return protobuf.Writer.create()
    .uint32((number << 3) | 2)
    .bytes(bytes)
    .finish();
}

function pointsOf({ samples, histograms }: GivenSeries): object {
  return { samples: samples.map((timestamp) => ({ value: 1, timestamp })), histograms };
}

function writeVersion2(series: readonly GivenSeries[]): Uint8Array {
  const symbols: Buffer[] = [Buffer.alloc(0)];
  const known = new Map([['', 0]]);
  const ref = (text: Text): number => {
    const key = Buffer.from(text).toString('latin1');
    const at = known.get(key) ?? symbols.push(Buffer.from(text)) - 1;
    known.set(key, at);
    return at;
  };
  const timeseries = series.map((one) => ({
    ...pointsOf(one),
    labelsRefs: one.labels.flat().map(ref),
    exemplars: (one.exemplars ?? []).map(({ labels, timestamp }) => ({
      labelsRefs: labels.flat().map(ref),
      value: 1,
      timestamp,
    })),
    metadata:
      one.metadata === undefined
        ? undefined
        : {
            type: one.metadata.type,
            helpRef: ref(one.metadata.help ?? ''),
            unitRef: ref(one.metadata.unit ?? ''),
          },
  }));
  const table = BYTES.lookupType('Symbols').encode({ symbols }).finish();
  return Buffer.concat([table, WriteRequestV2.encode({ timeseries }).finish()]);
}
