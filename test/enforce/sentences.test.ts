/** What people read when a push is refused, word for word: what happened, the number and the limit, and what to do. */
import t from 'tap';
import type { LimitedBucket } from '#src/enforce/limited-bucket.js';
import * as sentences from '#src/enforce/sentences.js';
import { TENANT_ID_FAULTS } from '#src/enforce/sentences.js';
import { limits } from './fixtures.js';

const BUCKET = { rate: 100, capacity: 400, burst: 200 } as LimitedBucket;
const FACTOR = limits({ ingestion_burst_factor: 1 });

type Said = readonly [sentence: sentences.Sentence, what: string, remedy: string];

function says(said: Readonly<Record<string, readonly Said[]>>): void {
  for (const [about, each] of Object.entries(said)) {
    t.test(about, async (t) => {
      for (const [sentence, what, remedy] of each) t.strictSame(sentence, { what, remedy });
    });
  }
}

says({
  'who sends': [
    [
      TENANT_ID_FAULTS.empty,
      'it names no tenant',
      'let the sender, or the proxy in front, set the tenant header (tenant.header)',
    ],
    [TENANT_ID_FAULTS.too_long, 'its tenant id is longer than 150 characters', 'use a shorter one'],
    [
      TENANT_ID_FAULTS.unsupported_character,
      'its tenant id has a character that Mimir does not allow',
      "use a-z A-Z 0-9 ! - _ . * ' ( ) only",
    ],
    [TENANT_ID_FAULTS.reserved, 'its tenant id is one that Mimir keeps for itself', 'use another one'],
    [TENANT_ID_FAULTS.several, 'it names more than one tenant', 'name one'],
    [
      sentences.unknownTenant('a'),
      'no overrides document names tenant a',
      'add it to one, or set tenants.unknown to defaults',
    ],
    [
      sentences.withoutRoom({ what: 'it is too much', remedy: 'send less' }),
      'it is too much; it shares this limit with others, as no overrides document names it and the edge holds no more such tenants',
      'send less, name it in a document, or raise tenants.max or tenants.unknown_max',
    ],
    [
      sentences.pushRefused('a', { what: 'it is too much', remedy: 'send less' }),
      'the push of tenant a was refused: it is too much',
      'send less',
    ],
    [
      sentences.pushRefused(undefined, { what: 'it is too much', remedy: 'send less' }),
      'the push was refused: it is too much',
      'send less',
    ],
  ],
  rates: [
    [
      sentences.overItemRate(BUCKET, 9, 3, limits()),
      'it holds 9 items (samples, histograms, exemplars, metadata), and only 3 are left of the ingestion rate of 100 items/s with a burst of 200',
      'send less, or raise ingestion_rate or ingestion_burst_size',
    ],
    [
      sentences.overItemRate(BUCKET, 1, 0, FACTOR),
      'it holds 1 item (samples, histograms, exemplars, metadata), and none are left of the ingestion rate of 100 items/s with a burst of 200',
      'send less, or raise ingestion_rate or ingestion_burst_factor',
    ],
    [
      sentences.overBurst(BUCKET, 201, limits({ ingestion_burst_factor: 0.5 })),
      'it holds 201 items (samples, histograms, exemplars, metadata), more than the burst of 200, and can not pass at any rate',
      'send smaller pushes, or raise ingestion_burst_size',
    ],
    [
      sentences.overByteRate(BUCKET, 1, 1),
      'its body has 1 byte, and only 1 is left of the byte rate of 100 bytes/s with a burst of 400',
      'send less, or raise bytes_per_second or bytes_burst_size',
    ],
    [
      sentences.overRequestRate(BUCKET),
      'the tenant sends more than its request rate of 100 requests/s with a burst of 200',
      'send fewer, larger pushes, or raise request_rate or request_burst_size',
    ],
    [
      sentences.lessAdmitted(1 / 3, 'low'),
      'too much comes for Mimir, and tenants of priority low may send 33.3 % of their rates and bursts until that is over (panic)',
      'nothing, if it ends: the sender comes again. Otherwise see GET /api/v1/panic for why, or raise the priority of this tenant',
    ],
  ],
  'what the edge has not': [
    [
      sentences.stateLost(),
      'the edge can not reach the shared state, and lets no push through without it (state.on_loss)',
      'send it again soon',
    ],
    [
      sentences.seriesBusy(),
      'too many new series wait for the shared state to look at them',
      'send it again soon',
    ],
    [
      sentences.edgeOverloaded(80, 100),
      'the edge holds 80 of at most 100 body bytes',
      'send it again later, add replicas, or raise push.max_bytes_in_flight',
    ],
    [
      sentences.overShare('tenant a', 40, 50, 'push.max_tenant_share'),
      'the edge holds 40 of at most 50 body bytes for tenant a',
      'send it again later, or raise push.max_tenant_share or push.max_bytes_in_flight',
    ],
    [
      sentences.upstreamFull(),
      'Mimir can not take all that is sent, and this tenant sends more than its share',
      'nothing, if it ends: the sender comes again. Otherwise add distributors, or raise the weight of this tenant',
    ],
    [sentences.decoderLost('a thread died'), 'a thread died', 'send it again'],
    [
      sentences.noZstd(),
      'this edge reads no zstd: its Node is older than 22.15',
      'compress it as gzip or lz4, or run the edge with a newer Node',
    ],
  ],
  'the body, and how it is sent': [
    [
      sentences.notSnappy('gzip'),
      'content encoding "gzip" is not remote write\'s',
      'compress it as snappy: Mimir reads nothing else',
    ],
    [
      sentences.notSnappy(),
      'content encoding "" is not remote write\'s',
      'compress it as snappy: Mimir reads nothing else',
    ],
    [
      sentences.unknownMessage('text/plain'),
      'content type "text/plain" names a message that is not remote write\'s',
      'name proto=prometheus.WriteRequest, proto=io.prometheus.write.v2.Request, or none',
    ],
    [
      sentences.unknownMessage(),
      'content type "" names a message that is not remote write\'s',
      'name proto=prometheus.WriteRequest, proto=io.prometheus.write.v2.Request, or none',
    ],
    [
      sentences.notOtlpType('text/plain'),
      'content type "text/plain" is not OTLP\'s',
      'send application/x-protobuf or application/json, without parameters',
    ],
    [
      sentences.notOtlpType(),
      'content type "" is not OTLP\'s',
      'send application/x-protobuf or application/json, without parameters',
    ],
    [
      sentences.notOtlpEncoding('br'),
      'content encoding "br" is none that Mimir reads',
      'compress it as gzip, lz4 or zstd, or send no such header',
    ],
    [
      sentences.notOtlpEncoding(),
      'content encoding "" is none that Mimir reads',
      'compress it as gzip, lz4 or zstd, or send no such header',
    ],
    [
      sentences.writeNotJudged(),
      'its path takes series in a protocol that the edge does not judge',
      'send remote write, set push.influx for line protocol, or set push.unjudged to pass',
    ],
    [
      sentences.unknownPrecision('fortnights and some more'),
      'its precision "fortnights and some " is none of ns, us, ms and s',
      'name one of them, or none for nanoseconds',
    ],
    [
      sentences.bodyTooLarge(100),
      'its body is larger than 100 bytes',
      'send smaller pushes, or raise push.max_body_bytes',
    ],
    [
      sentences.bodyTooLate(100),
      'its body did not arrive within 100 ms',
      'look at the network, or raise server.body_timeout',
    ],
    [
      sentences.overDecoderCap('the body is too large when uncompressed', 'push.max_decoded_bytes'),
      'the body is too large when uncompressed',
      'send smaller pushes, or raise push.max_decoded_bytes',
    ],
    [
      sentences.bodyBroken('a length is wrong', 0),
      'its body does not decode: a length is wrong at byte 0',
      'look at it with mimir-edge inspect',
    ],
    [
      sentences.bodyBroken('a length is wrong', undefined),
      'its body does not decode: a length is wrong',
      'look at it with mimir-edge inspect',
    ],
  ],
  'what Envoy sends': [
    [
      sentences.checkIncomplete(),
      'it did not arrive whole from Envoy in time',
      'look at the network, or raise timeout of the grpc_service of the ext_authz filter, and server.body_timeout',
    ],
    [
      sentences.judgedTooLate(),
      'the edge could not judge it in the time that Envoy gives',
      'send it again later, add replicas, or raise timeout of the grpc_service of the ext_authz filter',
    ],
    [
      sentences.besideBodyTooLarge(10, 100),
      'Envoy sent more than 10 headers, or more than 100 bytes beside the body',
      'name the headers that the edge reads in allowed_headers of the ext_authz filter',
    ],
    [
      sentences.bodyPartial(),
      'Envoy sent a part of the body only',
      'send smaller pushes, or raise max_request_bytes in with_request_body of the ext_authz filter',
    ],
    [
      sentences.bodyNotSent(),
      'Envoy did not send the body',
      'set with_request_body of the ext_authz filter, and do not switch it off for the route',
    ],
    [
      sentences.bodySentAsText(),
      'Envoy sent the body as text, which destroys it',
      'set pack_as_bytes in with_request_body of the ext_authz filter',
    ],
    [
      sentences.ratelimitCallTooLarge(100, 'descriptors'),
      'the ratelimit call of Envoy has more than 100 descriptors',
      'send fewer or shorter ones',
    ],
  ],
  'the whole push': [
    [
      sentences.tooManySeries(101, 100),
      'it holds 101 series, and one push may hold 100',
      'send smaller pushes, or raise max_series_per_request',
    ],
    [
      sentences.tooManyClusters(2, 'b'),
      'it comes from HA cluster b, and the tenant has 2 others already, as many as it may have',
      'raise ha_max_clusters, or give the label ha_cluster_label fewer values',
    ],
  ],
});

t.test('duplicates of HA pairs', async (t) => {
  t.equal(
    sentences.duplicateDropped('a', { cluster: 'eu', replica: 'r1' }),
    'the push of tenant a was dropped as a duplicate: replica r1 of HA cluster eu is not elected',
  );
  t.equal(
    sentences.duplicatesLeftOut('a', 2, 7),
    '2 of 7 series of tenant a were dropped as duplicates and the rest was taken: they come from replicas of HA clusters that are not elected',
  );
});

t.test('a descriptor that names nothing', async (t) => {
  t.equal(
    sentences.UNKNOWN_DESCRIPTOR,
    'the request was refused: a descriptor names no bucket of a tenant (err-edge-unknown-descriptor). Look at the actions of the ratelimit filter.',
  );
});
