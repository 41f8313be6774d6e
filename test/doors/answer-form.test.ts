/** Senders of OTLP are answered with a message in the type of their request, whole also where Envoy carries it as text. */
import { isUtf8 } from 'node:buffer';
import t from 'tap';
import { asText, sayDuplicate, sayPartial, sayRefusal, sayStatus } from '#src/doors/answer-form.js';
import type { Reason } from '#src/enforce/reasons.js';
import { OtlpResponse, OtlpStatus } from '../payload/otlp-json/proto.js';

function refusal(reason: Reason, status: number, message = 'too much') {
  return {
    kind: 'refuse',
    reason,
    status,
    message,
    retryAfterSeconds: undefined,
    observed: undefined,
    allowed: undefined,
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
    ['edge_otlp_too_large', 413, 413, 3],
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
  'series over a limit of the ingesters are a partial success, those that break a rule are not',
  async (t) => {
    for (const reason of ['per_user_series_limit', 'per_metric_series_limit'] as const) {
      const protobuf = sayPartial('otlp_protobuf', refusal(reason, 400));
      t.equal(protobuf.status, 200);
      t.strictSame(OtlpResponse.decode(protobuf.body).toJSON(), {
        partialSuccess: { errorMessage: 'too much' },
      });
      const json = sayPartial('otlp_json', refusal(reason, 400));
      t.strictSame([json.status, `${json.body}`], [200, '{"partialSuccess":{"errorMessage":"too much"}}']);
      t.equal(sayPartial('text', refusal(reason, 400)).status, 400);
    }
    t.equal(sayPartial('otlp_protobuf', refusal('label_name_too_long', 400)).status, 400);
  },
);

t.test('what is dropped or can not be delivered is a status, too', async (t) => {
  const duplicate = sayDuplicate('otlp_protobuf', 'not elected');
  t.strictSame([duplicate.status, status(duplicate.body)], [202, { code: 6, message: 'not elected' }]);
  const failure = sayStatus('otlp_protobuf', 502, 'no connection');
  t.strictSame([failure.status, status(failure.body)], [502, { code: 14, message: 'no connection' }]);
});

t.test('as text it is UTF-8, and says the same but for spaces', async (t) => {
  const say = (message: string) => sayRefusal('otlp_protobuf', refusal('rate_limited', 429, message));
  for (let length = 0; length < 1000; length++) {
    const message = 'x'.repeat(length);
    const { body } = asText('otlp_protobuf', message, say);
    if (!isUtf8(body)) t.fail(`${length} characters are no UTF-8`);
    const said = status(Buffer.from(body.toString()));
    if ((said['message'] ?? '').trimEnd() !== message || said['code'] !== 8) t.fail(`${length} characters`);
  }
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
