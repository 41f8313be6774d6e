import t from 'tap';
import {
  CODE_OK,
  CODE_OVER_LIMIT,
  checkResponse,
  healthCheckRequest,
  healthCheckResponse,
  healthListResponse,
  NOT_SERVING,
  PROTO_ROOT,
  rateLimitRequest,
  rateLimitResponse,
  reflectionRequest,
  reflectionResponse,
  SERVICE_UNKNOWN,
  SERVING,
} from '#src/doors/envoy/grpc/messages.js';

t.test('each message is the one of its name, and its numbers are those of the protocol', async (t) => {
  const bytes = (encoded: Uint8Array) => Buffer.from(encoded).toString('hex');
  t.equal(bytes(checkResponse.encode({ status: { code: 7 } })), '0a020807');
  t.equal(bytes(healthCheckResponse.encode({ status: SERVING })), '0801');
  t.equal(bytes(healthCheckResponse.encode({ status: NOT_SERVING })), '0802');
  t.equal(bytes(healthCheckResponse.encode({ status: SERVICE_UNKNOWN })), '0803');
  t.equal(
    bytes(healthListResponse.encode({ statuses: { a: { status: SERVING } } })),
    '0a070a01611202' + '0801',
  );
  t.equal(
    bytes(rateLimitResponse.encode({ overallCode: CODE_OK, statuses: [{ code: CODE_OVER_LIMIT }] })),
    '080112020802',
  );
  t.match(healthCheckRequest.decode(Buffer.from('0a0161', 'hex')), { service: 'a' });
  t.match(rateLimitRequest.decode(Buffer.from('0a01611804', 'hex')), { domain: 'a', hitsAddend: 4 });
  t.match(reflectionRequest.decode(Buffer.from('0a01613a00', 'hex')), {
    host: 'a',
    messageRequest: 'listServices',
  });
  const answer = {
    validHost: 'a',
    originalRequest: { host: '' },
    listServicesResponse: { service: [{ name: 'b' }] },
  };
  t.equal(bytes(reflectionResponse.encode(answer)), '0a0161' + '1200' + '32050a030a0162');
});

t.test('what is no such message is none, and texts that are no UTF-8 are texts all the same', async (t) => {
  t.equal(healthCheckRequest.decode(Buffer.from([0x0a, 5, 1])), undefined);
  t.equal(healthCheckRequest.decode(Buffer.from([0x0b])), undefined);
  t.match(healthCheckRequest.decode(Buffer.from([0x0a, 3, 0x61, 0xff, 0x62])), { service: 'a\ufffdb' });
});

t.test('fields are known by name, with all that they are made of', async (t) => {
  const http = PROTO_ROOT.lookupType('envoy.service.auth.v3.AttributeContext.HttpRequest');
  t.equal(http.fields['rawBody']?.id, 12);
  t.ok(http.fields['rawBody']?.resolved);
});
