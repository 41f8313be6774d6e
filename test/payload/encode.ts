/** Makes remote-write bodies, version 1 and 2, with protobufjs and snappyjs: what the kernel reads comes from others. */
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import SnappyJS from 'snappyjs';

export interface SeriesToSend {
  /** Name and value pairs, sorted by name, `__name__` among them. */
  readonly labels: readonly (readonly [string, string])[];
  readonly value: number;
  readonly timestampMs: number;
}

/** The message types, read from proto/. */
export const WriteRequestV1 = lookup('remote-write-v1.proto', 'prometheus.WriteRequest');
export const WriteRequestV2 = lookup('remote-write-v2.proto', 'io.prometheus.write.v2.Request');

export function encodeVersion1(series: readonly SeriesToSend[]): Uint8Array {
  return WriteRequestV1.encode({
    timeseries: series.map(({ labels, value, timestampMs }) => ({
      labels: labels.map(([name, text]) => ({ name, value: text })),
      samples: [{ value, timestamp: timestampMs }],
    })),
  }).finish();
}

/** So many series of one metric, with a sample each. */
export function oneSampleEach(series: number): Uint8Array {
  return encodeVersion1(
    Array.from({ length: series }, (_, index) => ({
      labels: [
        ['__name__', 'm'],
        ['index', `${index}`],
      ],
      value: 1,
      timestampMs: 1,
    })),
  );
}

export function encodeVersion2(series: readonly SeriesToSend[]): Uint8Array {
  const symbols = new Map([['', 0]]);
  const ref = (text: string): number => {
    const known = symbols.get(text);
    if (known !== undefined) return known;
    symbols.set(text, symbols.size);
    return symbols.size - 1;
  };
  const timeseries = series.map(({ labels, value, timestampMs }) => ({
    labelsRefs: labels.flatMap(([name, text]) => [ref(name), ref(text)]),
    samples: [{ value, timestamp: timestampMs }],
  }));
  return WriteRequestV2.encode({ symbols: [...symbols.keys()], timeseries }).finish();
}

export function compress(body: Uint8Array): Uint8Array {
  return SnappyJS.compress(body);
}

function lookup(file: string, type: string): protobuf.Type {
  const path = fileURLToPath(new URL(`../../../proto/${file}`, import.meta.url));
  return protobuf.loadSync(path).lookupType(type);
}
