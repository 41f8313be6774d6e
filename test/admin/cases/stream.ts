/** Server-sent events. */
import type { Test } from 'tap';
import { eventually, PUSH_500 } from '../../doors/http/fixtures.js';
import { ajv, schema } from '../document.js';
import type { StartAdmin } from '../fixtures.js';

export function streamCases(t: Test, admin: StartAdmin): void {
  t.test('the stream tells of what happens, to each what it asked for', async (t) => {
    const edge = await admin(t, {}, 'overrides: { a: { ingestion_burst_size: 0 } }');
    const stop = new AbortController();
    const response = await fetch(`${edge.url}/api/v1/stream?search=a&range=1m`, { signal: stop.signal });
    t.match(response.headers.get('content-type'), /text\/event-stream/);
    let text = '';
    const reading = (async () => {
      for await (const chunk of response.body!) text += Buffer.from(chunk).toString();
    })().catch(() => {});
    await eventually(() => text.includes('event: tenants'));
    await edge.push();
    await edge.push(PUSH_500, { 'X-Scope-OrgID': 'b' });
    t.ok(await eventually(() => text.includes('"burst_exceeded":1')), 'the table');
    t.ok(await eventually(() => text.includes('"requestId"')), 'the refusals');
    t.notMatch(text, /"id":"b"/, 'found by what was searched for');
    const events = text.split('\n\n').filter((event) => event !== '');
    for (const [name, path] of [
      ['status', '/status'],
      ['tenants', '/tenants'],
      ['denials', '/denials'],
      ['audit', '/audit'],
    ] as const) {
      const event = events.find((one) => one.startsWith(`event: ${name}\n`));
      const validate = schema(path, 'get');
      t.ok(validate(JSON.parse(event!.split('\ndata: ')[1]!)), `${name}: ${ajv.errorsText(validate.errors)}`);
    }
    stop.abort();
    await reading;
    const hasNone = async () => (await (await edge.get('/metrics')).text()).includes('admin_streams 0');
    t.ok(await eventually(hasNone), 'a reader that is gone is forgotten');
  });
}
