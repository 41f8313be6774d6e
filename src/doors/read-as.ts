/** How to read a write, by its path and headers, or why it can not be read. */
import type { Reason } from '../enforce/reasons.js';
import {
  notOtlpEncoding,
  notOtlpType,
  noZstd,
  type Sentence,
  unknownPrecision,
  writeNotJudged,
} from '../enforce/sentences.js';
import type { Protocol } from '../payload/push.js';
import type { Source } from '../payload/source.js';
import { formatOf } from './format.js';
import { influxSource } from './influx-format.js';
import { type OtlpFormatFault, otlpSource } from './otlp-format.js';
import type { ProtocolLabel } from './push-metrics.js';
import { undecodable } from './refusal-answer.js';
import type { SenderProtocol } from './senders.js';
import type { WriteRoute } from './write-paths.js';

export interface ReadAs {
  readonly protocol: Protocol;
  /** Undefined: remote write. */
  readonly source: Source | undefined;
}

/** Its name in metrics. */
export function protocolLabel({ protocol, source }: ReadAs): ProtocolLabel {
  return source?.form ?? protocol;
}

/** Its name in the list of senders, in which OTLP as JSON is separate, so that its senders can be found. */
export function senderProtocolOf(how: ReadAs | Unreadable): SenderProtocol {
  if (isUnreadable(how)) return 'unreadable';
  return how.source?.form === 'otlp' && how.source.json ? 'otlp-json' : protocolLabel(how);
}

export type Unreadable = readonly [Reason, Sentence];

interface WriteHead {
  /** A path with its query. */
  readonly target: string;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
}

export function readAs(route: WriteRoute, head: WriteHead): ReadAs | Unreadable {
  const { contentType, contentEncoding } = head;
  switch (route) {
    case 'unjudged':
      return ['edge_unjudged_write', writeNotJudged()];
    case 'influx': {
      const source = influxSource(head.target, contentEncoding, Date.now());
      if (typeof source === 'string') return ['edge_malformed_body', unknownPrecision(source)];
      return { protocol: 'rw1', source };
    }
    case 'otlp': {
      const source = otlpSource(contentType, contentEncoding);
      if (typeof source === 'object') return { protocol: 'otlp', source };
      return ['edge_unsupported_media_type', OTLP_FAULTS[source](head)];
    }
    case 'push': {
      const format = formatOf(contentType, contentEncoding);
      return format === 'not_snappy' || format === 'unknown_message'
        ? undecodable(format, contentType, contentEncoding)
        : REMOTE_WRITE[format];
    }
  }
}

const OTLP_FAULTS: Record<OtlpFormatFault, (head: WriteHead) => Sentence> = {
  unknown_type: ({ contentType }) => notOtlpType(contentType),
  unknown_encoding: ({ contentEncoding }) => notOtlpEncoding(contentEncoding),
  no_zstd: noZstd,
};

/** Shared objects, so that the hot path allocates none. */
const REMOTE_WRITE: Record<'rw1' | 'rw2', ReadAs> = {
  rw1: { protocol: 'rw1', source: undefined },
  rw2: { protocol: 'rw2', source: undefined },
};

export function isUnreadable(how: ReadAs | Unreadable): how is Unreadable {
  return Array.isArray(how);
}
