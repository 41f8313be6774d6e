/**
 * Messages about whole pushes; `left-out-sentences.ts` has those about series. Each says what happened to whom, the number
 * and the limit, and what to do. Most begin after "the push of tenant a was refused:", which `pushRefused` prepends.
 */
import type { EdgeLimits, TenantLimits } from '../limits/limits.js';
import type { TenantIdFault } from '../limits/tenant-id.js';
import type { HaLabels } from '../payload/push.js';
import type { LimitedBucket } from './limited-bucket.js';

/** As in Mimir's messages, the error id goes between the two. */
export interface Sentence {
  readonly what: string;
  readonly remedy: string;
}

export function pushRefused(tenant: string | undefined, { what, remedy }: Sentence): Sentence {
  return {
    what: `the push${tenant === undefined ? '' : ` of tenant ${tenant}`} was refused: ${what}`,
    remedy,
  };
}

// Who sends

export const TENANT_ID_FAULTS: Record<TenantIdFault, Sentence> = {
  empty: {
    what: 'it names no tenant',
    remedy: 'let the sender, or the proxy in front, set the tenant header (tenant.header)',
  },
  too_long: { what: 'its tenant id is longer than 150 characters', remedy: 'use a shorter one' },
  unsupported_character: {
    what: 'its tenant id has a character that Mimir does not allow',
    remedy: "use a-z A-Z 0-9 ! - _ . * ' ( ) only",
  },
  reserved: { what: 'its tenant id is one that Mimir keeps for itself', remedy: 'use another one' },
  several: { what: 'it names more than one tenant', remedy: 'name one' },
};

export function unknownTenant(id: string): Sentence {
  return {
    what: `no overrides document names tenant ${id}`,
    remedy: 'add it to one, or set tenants.unknown to defaults',
  };
}

/** The same for a tenant without a bucket of its own. */
export function withoutRoom({ what, remedy }: Sentence): Sentence {
  return {
    what: `${what}; it shares this limit with others, as no overrides document names it and the edge holds no more such tenants`,
    remedy: `${remedy}, name it in a document, or raise tenants.max or tenants.unknown_max`,
  };
}

// Rates

export function overItemRate(
  { rate, burst }: LimitedBucket,
  items: number,
  left: number,
  limits: TenantLimits,
): Sentence {
  return {
    what:
      `it holds ${heldItems(items)}, and ${leftOf(left)} of the ingestion rate of ${rate} items/s with a burst of ` +
      `${burst}`,
    remedy: `send less, or raise ingestion_rate or ${burstSetting(limits)}`,
  };
}

export function overBurst({ burst }: LimitedBucket, items: number, limits: TenantLimits): Sentence {
  return {
    what: `it holds ${heldItems(items)}, more than the burst of ${burst}, and can not pass at any rate`,
    remedy: `send smaller pushes, or raise ${burstSetting(limits)}`,
  };
}

export function overByteRate({ rate, capacity }: LimitedBucket, bytes: number, left: number): Sentence {
  return {
    what:
      `its body has ${count(bytes, 'byte')}, and ${leftOf(left)} of the byte rate of ${rate} bytes/s with a burst ` +
      `of ${capacity}`,
    remedy: 'send less, or raise bytes_per_second or bytes_burst_size',
  };
}

export function overRequestRate({ rate, burst }: LimitedBucket): Sentence {
  return {
    what: `the tenant sends more than its request rate of ${rate} requests/s with a burst of ${burst}`,
    remedy: 'send fewer, larger pushes, or raise request_rate or request_burst_size',
  };
}

/** `part`: which part of its rates. */
export function lessAdmitted(part: number, priority: EdgeLimits['priority']): Sentence {
  const percent = Math.round(part * 1000) / 10;
  return {
    what:
      `too much comes for Mimir, and tenants of priority ${priority} may send ${percent} % of their rates and bursts until ` +
      'that is over (panic)',
    remedy:
      'nothing, if it ends: the sender comes again. Otherwise see GET /api/v1/panic for why, or raise the priority of this tenant',
  };
}

export function stateLost(): Sentence {
  return {
    what: 'the edge can not reach the shared state, and lets no push through without it (state.on_loss)',
    remedy: 'send it again soon',
  };
}

export function seriesBusy(): Sentence {
  return {
    what: 'too many new series wait for the shared state to look at them',
    remedy: 'send it again soon',
  };
}

function leftOf(n: number): string {
  if (n === 0) return 'none are left';
  return `only ${n} ${n === 1 ? 'is' : 'are'} left`;
}

function heldItems(items: number): string {
  return `${count(items, 'item')} (samples, histograms, exemplars, metadata)`;
}

function burstSetting(limits: TenantLimits): string {
  return limits.ingestion_burst_factor >= 1 ? 'ingestion_burst_factor' : 'ingestion_burst_size';
}

// The body

export function notSnappy(contentEncoding = ''): Sentence {
  return {
    what: `content encoding ${JSON.stringify(contentEncoding)} is not remote write's`,
    remedy: 'compress it as snappy: Mimir reads nothing else',
  };
}

export function unknownMessage(contentType = ''): Sentence {
  return {
    what: `content type ${JSON.stringify(contentType)} names a message that is not remote write's`,
    remedy: 'name proto=prometheus.WriteRequest, proto=io.prometheus.write.v2.Request, or none',
  };
}

export function notOtlpType(contentType = ''): Sentence {
  return {
    what: `content type ${JSON.stringify(contentType)} is not OTLP's`,
    remedy: 'send application/x-protobuf or application/json, without parameters',
  };
}

export function notOtlpEncoding(contentEncoding = ''): Sentence {
  return {
    what: `content encoding ${JSON.stringify(contentEncoding)} is none that Mimir reads`,
    remedy: 'compress it as gzip, lz4 or zstd, or send no such header',
  };
}

export function noZstd(): Sentence {
  return {
    what: 'this edge reads no zstd: its Node is older than 22.15',
    remedy: 'compress it as gzip or lz4, or run the edge with a newer Node',
  };
}

export function writeNotJudged(): Sentence {
  return {
    what: 'its path takes series in a protocol that the edge does not judge',
    remedy: 'send remote write, set push.influx for line protocol, or set push.unjudged to pass',
  };
}

export function unknownPrecision(precision: string): Sentence {
  return {
    what: `its precision ${JSON.stringify(precision.slice(0, 20))} is none of ns, us, ms and s`,
    remedy: 'name one of them, or none for nanoseconds',
  };
}

export function bodyTooLarge(maxBytes: number): Sentence {
  return {
    what: `its body is larger than ${maxBytes} bytes`,
    remedy: 'send smaller pushes, or raise push.max_body_bytes',
  };
}

export function bodyTooLate(timeoutMs: number): Sentence {
  return {
    what: `its body did not arrive within ${timeoutMs} ms`,
    remedy: 'look at the network, or raise server.body_timeout',
  };
}

export function edgeOverloaded(heldBytes: number, maxBytes: number): Sentence {
  return {
    what: `the edge holds ${heldBytes} of at most ${maxBytes} body bytes`,
    remedy: 'send it again later, add replicas, or raise push.max_bytes_in_flight',
  };
}

export function upstreamFull(): Sentence {
  return {
    what: 'Mimir can not take all that is sent, and this tenant sends more than its share',
    remedy:
      'nothing, if it ends: the sender comes again. Otherwise add distributors, or raise the weight of this tenant',
  };
}

/** `holder`: a tenant or an address. `setting` limits its share of the memory for bodies. */
export function overShare(holder: string, heldBytes: number, maxBytes: number, setting: string): Sentence {
  return {
    what: `the edge holds ${heldBytes} of at most ${maxBytes} body bytes for ${holder}`,
    remedy: `send it again later, or raise ${setting} or push.max_bytes_in_flight`,
  };
}

/** `found` is what the decoder reports, such as "the body is too large when uncompressed". */
export function overDecoderCap(found: string, setting: string): Sentence {
  return { what: found, remedy: `send smaller pushes, or raise ${setting}` };
}

/** `offset`: undefined where the position is unknown. */
export function bodyBroken(found: string, offset: number | undefined): Sentence {
  const where = offset === undefined ? '' : ` at byte ${offset}`;
  return {
    what: `its body does not decode: ${found}${where}`,
    remedy: 'look at it with mimir-edge inspect',
  };
}

export function decoderLost(found: string): Sentence {
  return { what: found, remedy: 'send it again' };
}

// What Envoy sends

const EXT_AUTHZ = 'with_request_body of the ext_authz filter';

export function checkIncomplete(): Sentence {
  return {
    what: 'it did not arrive whole from Envoy in time',
    remedy:
      'look at the network, or raise timeout of the grpc_service of the ext_authz filter, and server.body_timeout',
  };
}

export function judgedTooLate(): Sentence {
  return {
    what: 'the edge could not judge it in the time that Envoy gives',
    remedy: 'send it again later, add replicas, or raise timeout of the grpc_service of the ext_authz filter',
  };
}

export function besideBodyTooLarge(maxHeaders: number, maxBytes: number): Sentence {
  return {
    what: `Envoy sent more than ${maxHeaders} headers, or more than ${maxBytes} bytes beside the body`,
    remedy: 'name the headers that the edge reads in allowed_headers of the ext_authz filter',
  };
}

export function bodyPartial(): Sentence {
  return {
    what: 'Envoy sent a part of the body only',
    remedy: `send smaller pushes, or raise max_request_bytes in ${EXT_AUTHZ}`,
  };
}

export function bodyNotSent(): Sentence {
  return {
    what: 'Envoy did not send the body',
    remedy: `set ${EXT_AUTHZ}, and do not switch it off for the route`,
  };
}

export function bodySentAsText(): Sentence {
  return {
    what: 'Envoy sent the body as text, which destroys it',
    remedy: `set pack_as_bytes in ${EXT_AUTHZ}`,
  };
}

export function ratelimitCallTooLarge(max: number, what: 'bytes' | 'descriptors'): Sentence {
  return {
    what: `the ratelimit call of Envoy has more than ${max} ${what}`,
    remedy: 'send fewer or shorter ones',
  };
}

/** For a call with no known descriptor: it has no reason of its own. */
export const UNKNOWN_DESCRIPTOR =
  'the request was refused: a descriptor names no bucket of a tenant (err-edge-unknown-descriptor). ' +
  'Look at the actions of the ratelimit filter.';

// The whole push

export function tooManySeries(series: number, allowed: number): Sentence {
  return {
    what: `it holds ${series} series, and one push may hold ${allowed}`,
    remedy: 'send smaller pushes, or raise max_series_per_request',
  };
}

export function tooManyClusters(allowed: number, cluster: string): Sentence {
  return {
    what:
      `it comes from HA cluster ${cluster}, and the tenant has ${count(allowed, 'other')} already, as many as it ` +
      'may have',
    remedy: 'raise ha_max_clusters, or give the label ha_cluster_label fewer values',
  };
}

/** Not a refusal, and not the sender's mistake. */
export function duplicateDropped(tenant: string, { cluster, replica }: HaLabels): string {
  return `the push of tenant ${tenant} was dropped as a duplicate: replica ${replica} of HA cluster ${cluster} is not elected`;
}

/** The same for some series of a push. */
export function duplicatesLeftOut(tenant: string, duplicates: number, series: number): string {
  return (
    `${duplicates} of ${series} series of tenant ${tenant} were dropped as duplicates and the rest was taken: ` +
    'they come from replicas of HA clusters that are not elected'
  );
}

export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
