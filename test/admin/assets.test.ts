/** What the console weighs, and how it is served. */
import { createServer, request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { Assets } from '#src/admin/assets.js';
import { listen } from '../doors/http/fixtures.js';

const FILES = ['/', '/page/main.js', '/page/style.css', '/page/icon.svg'];
const MOST_BYTES = 60_000;

const assets = new Assets();
const server = createServer((req, res) => {
  if (!assets.answer(req, res, req.url ?? '')) res.writeHead(404).end();
});
const url = await listen(server);
t.teardown(() => server.close());

interface Answer {
  readonly status: number | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Buffer;
}

/** As it comes over the wire: fetch would unpack it. */
function get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request(`${url}${path}`, { headers, agent: false }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () =>
        resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(chunks) }),
      );
    })
      .on('error', reject)
      .end();
  });
}

t.test('all of the console is less than 60 kB over the wire', async (t) => {
  const answers = await Promise.all(FILES.map((path) => get(path, { 'Accept-Encoding': 'br, gzip' })));
  for (const { status, headers } of answers) {
    t.match(
      { status, headers },
      { status: 200, headers: { 'content-encoding': 'gzip', vary: 'Accept-Encoding' } },
    );
  }
  const bytes = answers.reduce((sum, one) => sum + one.body.length, 0);
  t.ok(bytes < MOST_BYTES, `${bytes} bytes`);
});

t.test('whoever can not unpack gets it as it is, and whoever has it gets nothing', async (t) => {
  const { headers, body } = await get('/page/style.css');
  t.equal(headers['content-encoding'], undefined);
  t.ok(body.length > 10_000);
  const again = await get('/page/style.css', { 'If-None-Match': String(headers['etag']) });
  t.match(again, { status: 304, body: { length: 0 } });
  t.equal((await get('/page/../tokens')).status, 404);
});

t.test('what is packed is what others get', async (t) => {
  for (const path of FILES) {
    const packed = await get(path, { 'Accept-Encoding': 'gzip' });
    t.ok(gunzipSync(packed.body).equals((await get(path)).body), path);
  }
});
