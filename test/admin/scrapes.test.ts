import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { formatOf, type MetricsText, Scrapes, takesGzip } from '#src/admin/scrapes.js';
import { eventually, listen } from '../doors/http/fixtures.js';

async function given(t: Test, text: MetricsText): Promise<string> {
  const scrapes = new Scrapes(text);
  const server = createServer((req, res) => void scrapes.answer(req, res));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return await listen(server);
}

interface Scraped {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** As it comes: nothing unpacks it. */
function scrape(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Scraped> {
  return new Promise((resolve, reject) => {
    request(url, { method, headers }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () => resolve({ headers: res.headers, body: Buffer.concat(chunks) }));
      res.on('error', reject);
    })
      .on('error', reject)
      .end();
  });
}

t.test('the format is what the scraper likes best', async (t) => {
  const prometheus =
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.2';
  for (const [accept, format] of [
    [undefined, 'prometheus'],
    ['*/*', 'prometheus'],
    ['text/plain;version=0.0.4', 'prometheus'],
    ['application/openmetrics-text', 'openmetrics'],
    ['Application/OpenMetrics-Text; Version=1.0.0', 'openmetrics'],
    ['application/openmetrics-text; version=0.0.1', 'prometheus'],
    ['application/openmetrics-text;q=0', 'prometheus'],
    ['application/openmetrics-text;q=0.3, text/plain;q=0.5', 'prometheus'],
    ['application/openmetrics-text;q=2', 'prometheus'],
    ['application/openmetrics-text;q=x', 'prometheus'],
    [prometheus, 'openmetrics'],
  ] as const) {
    t.equal(formatOf(accept), format, String(accept));
  }
  for (const [encodings, taken] of [
    [undefined, false],
    ['gzip', true],
    ['br, GZIP;q=0.5', true],
    ['gzip;q=0', false],
    ['*', true],
    ['gzip;q=0, *', false],
    ['identity', false],
  ] as const) {
    t.equal(takesGzip(encodings), taken, String(encodings));
  }
});

t.test('a text is packed for those who take that, and is the same', async (t) => {
  const url = await given(t, async function* (format) {
    yield `${format} `;
    yield 'text\n';
  });
  const plain = await scrape(url);
  t.equal(plain.body.toString(), 'prometheus text\n');
  t.match(plain.headers, {
    'content-type': /^text\/plain; version=0\.0\.4/,
    vary: 'Accept, Accept-Encoding',
  });
  const packed = await scrape(url, { Accept: 'application/openmetrics-text', 'Accept-Encoding': 'gzip' });
  t.equal(gunzipSync(packed.body).toString(), 'openmetrics text\n');
  t.match(packed.headers, {
    'content-type': /^application\/openmetrics-text; version=1/,
    'content-encoding': 'gzip',
  });
  const { headers, body } = await scrape(url, {}, 'HEAD');
  t.equal(body.length, 0);
  t.equal(headers['content-length'], String('prometheus text\n'.length));
});

t.test('those who ask at the same time get one text, and whoever comes later another', async (t) => {
  let made = 0;
  let release = (): void => {};
  const first = new Promise<void>((resolve) => {
    release = resolve;
  });
  const scrapes = new Scrapes(async function* () {
    const one = ++made;
    if (one === 1) await first;
    yield `text ${one}`;
  });
  let asked = 0;
  const server = createServer((req, res) => {
    void scrapes.answer(req, res);
    if (++asked === 3) release();
  });
  t.teardown(() => server.close());
  const url = await listen(server);
  for (const { body } of await Promise.all([scrape(url), scrape(url), scrape(url)])) {
    t.equal(body.toString(), 'text 1');
  }
  t.equal((await scrape(url)).body.toString(), 'text 2');
});

t.test('a text that can not be made is an error for who asked, and not for who asks next', async (t) => {
  let broken = true;
  const scrapes = new Scrapes(async function* () {
    if (broken) throw new Error('broken');
    yield 'text';
  });
  const server = createServer((req, res) => {
    scrapes.answer(req, res).catch(() => res.writeHead(500).end('failed'));
  });
  t.teardown(() => server.close());
  const url = await listen(server);
  t.equal((await scrape(url, { 'Accept-Encoding': 'gzip' })).body.toString(), 'failed');
  t.equal((await scrape(url)).body.toString(), 'failed');
  broken = false;
  t.equal((await scrape(url)).body.toString(), 'text');
});

t.test('whoever does not read is cut when too many do not', async (t) => {
  const line = `${'x'.repeat(1 << 20)}\n`;
  const url = await given(t, async function* () {
    for (let i = 0; i < 16; i++) yield line;
  });
  const { port } = new URL(url);
  const silent: { socket: Socket; closed: boolean }[] = [];
  for (let i = 0; i < 12; i++) {
    const one = { socket: connect(Number(port), '127.0.0.1'), closed: false };
    one.socket.on('error', () => {});
    one.socket.on('close', () => {
      one.closed = true;
    });
    one.socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
    one.socket.pause();
    silent.push(one);
    t.teardown(() => one.socket.destroy());
  }
  // A paused socket does not hear that it was closed: it is asked for by reading on at last.
  t.equal((await scrape(url)).body.length, 16 * line.length, 'who reads is served');
  for (const { socket } of silent) socket.resume();
  t.ok(await eventually(() => silent.filter(({ closed }) => closed).length >= 4), 'the oldest were cut');
});
