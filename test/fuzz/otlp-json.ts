/**
 * Throws OTLP as JSON, sound and damaged, at its reader for a while, and compares what it makes of each with protobufjs; what is sound is
 * made JSON again, and compared once more. The first difference ends it with exit code 1 and the body in a file.
 *
 *   npm run fuzz:otlp-json -- --seconds 60 [--seed N]
 */
import { isUtf8 } from 'node:buffer';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { toJson } from '#src/payload/otlp-json/to-json.js';
import { toProtobuf } from '#src/payload/otlp-json/to-protobuf.js';
import { OtlpRequest } from '../payload/otlp-json/proto.js';
import { jsonOf, request } from '../payload/otlp-json/requests.js';
import { damage, damaged } from '../payload/pushes.js';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
});
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
const MAX = 4 << 20;

const cases = fc.record({
  given: request,
  snake: fc.boolean(),
  numbers: fc.boolean(),
  hurt: fc.option(damage, { freq: 2 }),
});

let executions = 0;
let accepted = 0;
const deadline = Date.now() + seconds * 1000;
for (let round = 0; Date.now() < deadline; round++) {
  for (const { given, snake, numbers, hurt } of fc.sample(cases, { seed: seed + round, numRuns: 50 })) {
    executions++;
    const sound = Buffer.from(jsonOf(given, { snake, numbers }));
    const body = hurt === null ? sound : Buffer.from(damaged(sound, hurt));
    const problem = hurt === null ? differs(body, given) : isWrong(body);
    if (problem === undefined) continue;
    const file = `fuzz-otlp-json-${seed}-${executions}.json`;
    writeFileSync(file, body);
    console.error(`${problem}: seed ${seed}; the body is in ${file}`);
    process.exit(1);
  }
}
console.log(
  `fuzz:otlp-json: ${executions} bodies in ${seconds} s (${Math.round(executions / seconds)} a second), ${accepted} of them ` +
    `sound, no difference; seed ${seed}`,
);

function contents(message: Uint8Array): string {
  const normal = OtlpRequest.encode(OtlpRequest.decode(message)).finish();
  return JSON.stringify(OtlpRequest.decode(normal).toJSON());
}

function differs(body: Buffer, given: object): string | undefined {
  const message = toProtobuf(body, MAX);
  if (!(message instanceof Uint8Array)) return `what is sound is refused (${JSON.stringify(message)})`;
  accepted++;
  const expected = contents(OtlpRequest.encode(OtlpRequest.fromObject(given)).finish());
  if (contents(message) !== expected) return 'the message differs';
  const again = toProtobuf(Buffer.from(toJson(message)), MAX);
  return again instanceof Uint8Array && contents(again) === expected
    ? undefined
    : 'it differs after a way back';
}

/** Of what was damaged it is known only that what is taken is JSON, and becomes a message. */
function isWrong(body: Buffer): string | undefined {
  const message = toProtobuf(body, MAX);
  if (!(message instanceof Uint8Array)) return undefined;
  accepted++;
  try {
    JSON.parse(body.toString());
    if (isUtf8(body)) OtlpRequest.decode(message);
    return undefined;
  } catch (error) {
    return `what is no JSON is taken (${error})`;
  }
}
