/** What the log says of Mimir's addresses. */
import { pino } from 'pino';
import t from 'tap';
import { upstreamEvents } from '#src/app/upstream-log.js';

t.test(
  'a line of the log has no more addresses than somebody reads, and says how many there are',
  async (t) => {
    const lines: { msg: string; level: number }[] = [];
    const log = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
    const addresses = Array.from({ length: 500 }, (_, i) => `http://10.0.${i >> 8}.${i & 255}:80`);
    const events = upstreamEvents(log);
    events.resolved('mimir', addresses, 3, 9500);
    t.match(lines[0]?.msg, /^mimir: 3 known before, now it is http:.* and 480 more$/);
    t.ok(JSON.stringify(lines[0]).length < 2000);
    t.match(lines[1], { level: 40, msg: 'mimir has 9500 more addresses than can be used' });
    events.resolved('mimir', addresses.slice(0, 2), 3, 0);
    t.match(lines[2]?.msg, /now it is http:\/\/10.0.0.0:80, http:\/\/10.0.0.1:80$/);
    t.equal(lines.length, 3);
  },
);
