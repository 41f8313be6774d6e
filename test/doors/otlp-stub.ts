/**
 * A decoder that counts number points of OTLP as a series each, named as they are and with their attributes: through everything but
 * the kernel's own reading of OTLP.
 */

import { decodeSource } from '#src/payload/decode-source.js';
import { createDecoder, type DecoderOptions } from '#src/payload/decoder-pool.js';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import type { Decoder } from '#src/payload/push.js';
import { WriteRequestV1 } from '../payload/encode.js';
import { OtlpRequest } from '../payload/otlp-json/proto.js';

// biome-ignore lint/suspicious/noExplicitAny: messages of protobufjs have no types
type Message = any;

function seriesOf(message: Uint8Array): object[] {
  const request: Message = OtlpRequest.decode(message);
  const metrics: Message[] = request.resourceMetrics.flatMap((resource: Message) =>
    resource.scopeMetrics.flatMap((scope: Message) => scope.metrics),
  );
  return metrics.flatMap(({ name, gauge, sum }) =>
    ((gauge ?? sum)?.dataPoints ?? []).map(({ attributes }: Message) => ({
      labels: [
        { name: '__name__', value: name },
        ...attributes.map(({ key, value }: Message) => ({ name: key, value: value.stringValue })),
      ],
      samples: [{ value: 1, timestamp: Date.now() }],
    })),
  );
}

export function otlpDecoder(options: Partial<DecoderOptions> = {}) {
  const decoder = createDecoder({
    inlineMaxBytes: 1 << 20,
    threads: 0,
    maxRetainedBytes: 64 << 20,
    ...options,
  });
  const inline = new InlineDecoder(64 << 20);
  const decode: Decoder['decode'] = (chunks, byteLength, how, wanted) => {
    if (how.source?.form !== 'otlp') return decoder.decode(chunks, byteLength, how, wanted);
    return decodeSource(how.source, Buffer.concat(chunks), how, (message, given) => {
      try {
        const body = WriteRequestV1.encode({ timeseries: seriesOf(message) }).finish();
        const push = inline.decodePlain(body, { ...given, protocol: 'rw1' });
        return push.kind === 'push' ? { ...push, protocol: 'otlp' } : push;
      } catch (error) {
        return { kind: 'broken', code: 'protobuf', message: `${error}`, offset: 0 };
      }
    });
  };
  return { ...decoder, decode };
}
