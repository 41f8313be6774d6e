/** Senders of OTLP are answered with a message in the type of their request, whole also where Envoy carries it as text. */
import { isUtf8 } from 'node:buffer';
import t from 'tap';
import { asText, type Said, sayDuplicate, sayRefusal, sayStatus } from '#src/doors/answer-form.js';
import type { Reason } from '#src/enforce/reasons.js';
import { OtlpResponse, OtlpStatus } from '../payload/otlp-json/proto.js';

function refusal(reason: Reason, status: number, message = 'too much', isSoft = false) {
  return {
    kind: 'refuse',
    reason,
    status,
    message,
    retryAfterSeconds: undefined,
    observed: undefined,
    allowed: undefined,
    isSoft,
  } as const;
}

const status = (body: Buffer) => OtlpStatus.decode(body).toJSON();

t.test('a refusal is a status, with the code that Mimir gives it', async (t) => {
  const rows: [reason: Reason, http: number, answered: number, code: number][] = [
    ['rate_limited', 429, 429, 8],
    ['rate_limited', 529, 503, 14],
    ['max_active_series', 429, 429, 8],
    ['label_name_too_long', 400, 400, 3],
    ['too_many_ha_clusters', 400, 400, 9],
    ['max_active_series', 400, 400, 8],
    ['per_user_series_limit', 400, 400, 3],
    ['edge_malformed_body', 400, 400, 400],
    ['edge_unsupported_media_type', 415, 415, 415],
    ['edge_otlp_too_large', 413, 413, 413],
    ['edge_missing_tenant', 401, 401, 16],
    ['edge_unknown_tenant', 403, 403, 7],
    ['edge_overloaded', 503, 503, 14],
  ];
  for (const [reason, http, answered, code] of rows) {
    const protobuf = sayRefusal('otlp_protobuf', refusal(reason, http));
    t.match(protobuf, { status: answered, contentType: 'application/x-protobuf' }, reason);
    t.strictSame(status(protobuf.body), { code, message: 'too much' });
    const json = sayRefusal('otlp_json', refusal(reason, http));
    t.match(json, { status: answered, contentType: 'application/json' });
    t.strictSame(JSON.parse(`${json.body}`), { code, message: 'too much' });
    t.match(sayRefusal('text', refusal(reason, http)), { status: http, body: Buffer.from('too much\n') });
  }
});

t.test(
  'series that Mimir leaves to its ingesters are a partial success, whatever else there was',
  async (t) => {
    for (const reason of ['per_user_series_limit', 'per_metric_series_limit'] as const) {
      const soft = refusal(reason, 400, 'too much', true);
      const protobuf = sayRefusal('otlp_protobuf', soft);
      t.equal(protobuf.status, 200);
      t.strictSame(OtlpResponse.decode(protobuf.body).toJSON(), {
        partialSuccess: { errorMessage: 'too much' },
      });
      const json = sayRefusal('otlp_json', soft);
      t.strictSame([json.status, `${json.body}`], [200, '{"partialSuccess":{"errorMessage":"too much"}}']);
      t.equal(sayRefusal('text', soft).status, 400);
    }
  },
);

t.test('what is dropped or can not be delivered is a status, too', async (t) => {
  const duplicate = sayDuplicate('otlp_protobuf', 'not elected');
  t.strictSame([duplicate.status, status(duplicate.body)], [202, { code: 6, message: 'not elected' }]);
  const failure = sayStatus('otlp_protobuf', 502, 'no connection');
  t.strictSame([failure.status, status(failure.body)], [502, { code: 14, message: 'no connection' }]);
});

t.test('as text it is UTF-8, and says the same but for spaces', async (t) => {
  const forms: [say: (message: string) => Said, read: (body: Buffer) => object, code: number | undefined][] =
    [
      [(message) => sayRefusal('otlp_protobuf', refusal('rate_limited', 429, message)), status, 8],
      // Two bytes of a code above 127 are not UTF-8.
      [(message) => sayRefusal('otlp_protobuf', refusal('edge_malformed_body', 400, message)), status, 3],
      [
        (message) => sayRefusal('otlp_protobuf', refusal('per_user_series_limit', 400, message, true)),
        (body) => {
          const { partialSuccess } = OtlpResponse.decode(body).toJSON();
          return { message: partialSuccess['errorMessage'] };
        },
        undefined,
      ],
    ];
  for (const [say, read, code] of forms) {
    for (let length = 0; length < 1000; length++) {
      const message = 'x'.repeat(length);
      const { body } = asText('otlp_protobuf', message, say);
      if (!isUtf8(body)) t.fail(`${length} characters are no UTF-8`);
      const said = read(Buffer.from(body.toString())) as { message?: string; code?: number };
      if ((said.message ?? '').trimEnd() !== message || said.code !== code) t.fail(`${length} characters`);
    }
  }
  const say = (message: string) => sayRefusal('otlp_protobuf', refusal('rate_limited', 429, message));
  const long = asText('otlp_protobuf', '\u{ffff}'.repeat(100_000), say);
  t.ok(isUtf8(long.body));
  t.match(status(long.body), { code: 8, message: '\u{ffff}'.repeat(2000) });
  t.equal(
    asText('otlp_json', 'é', (message) =>
      sayRefusal('otlp_json', refusal('rate_limited', 429, message)),
    ).body.toString(),
    '{"code":8,"message":"é"}',
  );
});
