/**
 * Throws damaged calls at the gRPC door for a while: broken messages, broken frames, resets in the middle. Every call
 * must end, nothing may be held afterwards, and the process may not grow. Ends with exit code 1 where it is not so.
 *
 *   npm run fuzz:envoy -- --seconds 60 [--seed N]
 */
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { PROTO_ROOT } from '#src/doors/envoy/grpc/messages.js';
import {
  CHECK,
  checkOf,
  door,
  framed,
  RawCall,
  rawSession,
  SHOULD_RATE_LIMIT,
} from '../doors/envoy/fixtures.js';
import { PUSH_500 } from '../doors/http/fixtures.js';
import { damage, damaged, messageV1 } from '../payload/pushes.js';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
});
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
/** Far above what the door holds at any time, far below what a leak reaches in a minute. */
const MOST_RSS_BYTES = 1 << 30;
const HANG_MS = 60_000;
const CALLS_AT_ONCE = 50;

const checkType = PROTO_ROOT.lookupType('envoy.service.auth.v3.CheckRequest');
const rateLimitType = PROTO_ROOT.lookupType('envoy.service.ratelimit.v3.RateLimitRequest');
const header = fc.tuple(
  fc.oneof(
    fc.constantFrom('x-scope-orgid', 'content-type', 'content-encoding', 'content-length', '__proto__'),
    fc.constantFrom('x-envoy-auth-partial-body', 'x-request-id', 'constructor', ''),
    fc.string(),
  ),
  fc.oneof(
    fc.constantFrom('a', 'true', '0', '-1', '1e99', 'gzip', 'identity', 'application/x-protobuf'),
    fc.string(),
  ),
);
const body = fc.oneof(fc.constant(PUSH_500), messageV1, fc.uint8Array({ maxLength: 200 }));
const checkRequest = fc
  .record({
    body,
    bodyDamage: fc.option(damage, { freq: 2 }),
    headers: fc.array(header, { maxLength: 8 }),
    asList: fc.boolean(),
    path: fc.constantFrom(
      '/api/v1/push',
      '/api/v1/push?a',
      '/otlp/v1/metrics',
      'http://h/api/v1/%70ush',
      '/',
      '',
      '*',
    ),
  })
  .map(({ body, bodyDamage, headers, asList, path }) => {
    const sent = bodyDamage === null ? body : damaged(body, bodyDamage);
    const list = headers.map(([key, value]) => ({ key, rawValue: Buffer.from(value) }));
    const http = asList ? { path, headerMap: { headers: list } } : { path };
    return checkType.encode(checkOf(sent, Object.fromEntries(headers), http)).finish();
  });
const word = fc.oneof(fc.constantFrom('tenant', 'bucket', 'a', 'items', 'bytes', 'requests'), fc.string());
const rateLimitRequest = fc
  .record({
    domain: fc.constantFrom('mimir-edge', 'other'),
    hitsAddend: fc.nat(),
    descriptors: fc.array(
      fc.record({
        entries: fc.array(fc.record({ key: word, value: word }), { maxLength: 4 }),
        limit: fc.option(fc.record({ requestsPerUnit: fc.nat(), unit: fc.nat({ max: 9 }) })),
        hitsAddend: fc.option(fc.record({ value: fc.oneof(fc.nat(), fc.constant(2 ** 60)) })),
      }),
      { maxLength: 6 },
    ),
  })
  .map((request) => rateLimitType.encode(request).finish());

function seldom<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });
}

const cases = fc.record({
  call: fc.oneof(
    { weight: 3, arbitrary: fc.tuple(fc.constant<string>(CHECK), checkRequest) },
    { weight: 1, arbitrary: fc.tuple(fc.constant<string>(SHOULD_RATE_LIMIT), rateLimitRequest) },
    {
      weight: 1,
      arbitrary: fc.tuple(
        fc.constantFrom<string>(
          '/grpc.health.v1.Health/Check',
          '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
        ),
        fc.uint8Array({ maxLength: 40 }),
      ),
    },
  ),
  messageDamage: fc.option(damage, { freq: 2 }),
  frameDamage: seldom(damage),
  resetAt: seldom(fc.double({ min: 0, max: 1, noNaN: true })),
});
type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;

const served = await door({ overrides: 100, check: { maxBodyBytes: 20_000 }, bytesInFlight: 400_000 });
/** Node ends a connection with many resets, whosever they are: each is used for some rounds only. */
const ROUNDS_A_SESSION = 20;
let session = rawSession(served.port);
const outcomes = new Map<string, number>();
const deadline = Date.now() + seconds * 1000;
let calls = 0;
for (let round = 0; Date.now() < deadline; round++) {
  if (round % ROUNDS_A_SESSION === 0) {
    session.destroy();
    session = rawSession(served.port);
  }
  const batch = fc.sample(cases, { seed: seed + round, numRuns: CALLS_AT_ONCE });
  const hang = setTimeout(() => giveUp('a call does not end', round), HANG_MS);
  await Promise.all(batch.map(run));
  for (let tries = 0; served.door.activeCalls > 0 && tries < 1000; tries++) await new Promise(setImmediate);
  clearTimeout(hang);
  if (served.bugs.length > 0) giveUp(`a bug: ${served.bugs[0]}`, round);
  if (served.budget.used !== 0) giveUp(`${served.budget.used} bytes are held`, round);
  if (process.memoryUsage().rss > MOST_RSS_BYTES) giveUp('the process has grown', round);
  for (const list of [served.bodies, served.errors, served.outcomes, served.refusals, served.descriptors]) {
    list.length = 0;
  }
}
session.destroy();
await served.stop();
const counted = [...outcomes].sort().map(([name, count]) => `${name} ${count}`);
console.log(
  `fuzz: ${calls} calls in ${seconds} s, all ended, nothing held; gRPC status: ${counted.join(', ')}; seed ${seed}`,
);

async function run({ call: [path, message], messageDamage, frameDamage, resetAt }: Case): Promise<void> {
  calls++;
  const bytes = framed(messageDamage === null ? message : damaged(message, messageDamage));
  const sent = frameDamage === null ? bytes : Buffer.from(damaged(bytes, frameDamage));
  const call = new RawCall(session, { ':path': path });
  if (resetAt === null) {
    call.stream.end(sent);
  } else {
    call.stream.write(sent.subarray(0, Math.floor(resetAt * sent.length)));
    setImmediate(() => call.stream.destroy());
  }
  const { grpcStatus = 'none' } = await call.answer;
  outcomes.set(grpcStatus, (outcomes.get(grpcStatus) ?? 0) + 1);
}

function giveUp(problem: string, round: number): void {
  console.error(`${problem}: seed ${seed + round}`);
  process.exit(1);
}
