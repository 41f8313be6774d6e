import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

const FOLDER = new URL('../../../test/', import.meta.url).pathname;
/** How a test asks for another program, or starts one by its name. npm comes with Node. */
const ASKS =
  /\bNODE_OF_IMAGE\b|\bneeds(Envoy)?\(|\bredisMissing\b|\bRedisServer\.start\(|\bstart(Nginx|Envoy)\(|\bspawn(Sync)?\(\s*'(?!npm')/;

/** They need none, but minutes. */
const LONG = ['e2e/guard-latency.peer.test.ts'];

const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts') && !file.endsWith('peers.test.ts'))
  .map((file) => ({ file, asks: ASKS.test(readFileSync(join(FOLDER, file), 'utf8')) }));

t.test('a test that needs another program than Node says so in its name: *.peer.test.ts', async (t) => {
  t.ok(files.length > 50);
  t.strictSame(
    files.filter(({ file, asks }) => asks && !file.endsWith('.peer.test.ts')).map(({ file }) => file),
    [],
  );
});

t.test('what is named so does need one, or takes minutes', async (t) => {
  t.strictSame(
    files.filter(({ file, asks }) => !asks && file.endsWith('.peer.test.ts')).map(({ file }) => file),
    LONG,
  );
});
