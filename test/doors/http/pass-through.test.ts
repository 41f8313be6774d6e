import { createServer, request } from 'node:http';
import t from 'tap';
import { closeServer, edge, eventually, listen, PUSH_500, rawExchange, upstream } from './fixtures.js';

t.test('every other path and method passes as it is', async (t) => {
  const mimir = await upstream((req, res, body) =>
    res.writeHead(207, { 'X-From': 'mimir' }).end(`${req.method} ${body}`),
  );
  const proxy = await edge(`${mimir.url}/base/`);
  const cases = [
    ['GET', '/prometheus/api/v1/query?query=up%7B%7D&x=1', undefined],
    ['POST', '/prometheus/api/v1/query_range', 'query=up'],
    ['PUT', '/some/thing', 'put'],
    ['DELETE', '/some/thing', undefined],
    ['PATCH', '/some/thing', 'patch'],
    ['OPTIONS', '/some/thing', undefined],
    ['GET', '/api/v1/push', undefined],
    ['POST', '/api/v1/pushy', 'x'],
  ] as const;
  for (const [method, path, body] of cases) {
    const response = await fetch(proxy.url + path, { method, ...(body === undefined ? {} : { body }) });
    t.equal(response.status, 207);
    t.equal(await response.text(), `${method} ${body ?? ''}`);
    t.match(mimir.arrived.at(-1), { method, url: `/base${path}` });
  }
  const head = await fetch(proxy.url, { method: 'HEAD' });
  t.equal(head.headers.get('x-from'), 'mimir');
  await proxy.stop();
  await mimir.close();
});

t.test('bodies stream both ways at once', async (t) => {
  const echo = createServer((req, res) => {
    res.writeHead(200);
    req.pipe(res);
  });
  const proxy = await edge(await listen(echo));
  let received = '';
  const call = request(`${proxy.url}/echo`, { method: 'POST' }, (res) => {
    res.on('data', (data) => {
      received += data;
    });
  });
  for (const part of ['one,', 'two,', 'three,']) {
    call.write(part);
    t.ok(await eventually(() => received.endsWith(part)), `${part} is back before the next is sent`);
  }
  call.end();
  await eventually(() => received.length === 14);
  await proxy.stop();
  await closeServer(echo);
});

t.test('headers for one connection only are not passed on, either way', async (t) => {
  const mimir = await upstream((_req, res) => {
    res.writeHead(200, {
      Connection: 'close, X-Private',
      'X-Private': '1',
      'Keep-Alive': 'timeout=9',
      'X-Public': '2',
    });
    res.end('ok');
  });
  const proxy = await edge(mimir.url);
  const answer = await rawExchange(
    proxy.port,
    'GET / HTTP/1.1\r\nHost: public.example\r\nConnection: keep-alive, X-Mine, Content-Type, X-Scope-OrgID\r\nX-Scope-OrgID: a\r\nX-Mine: 1\r\nTE: trailers\r\n' +
      'Upgrade: h2c\r\nProxy-Authorization: secret\r\nX-Forwarded-For: 10.0.0.1\r\nX-Twice: a\r\nX-Twice: b\r\nContent-Type: t/x\r\n\r\n',
    'ok',
  );
  t.match(answer, /X-Public: 2/);
  t.notMatch(answer, /X-Private|timeout=9/);
  const arrived = mimir.arrived[0];
  t.match(arrived?.headers, {
    'x-forwarded-for': '10.0.0.1, 127.0.0.1',
    'x-forwarded-host': 'public.example',
    'content-type': 't/x',
    'x-scope-orgid': 'a',
    'x-twice': 'a, b',
  });
  t.equal(arrived?.headers.host, mimir.url.slice('http://'.length));
  for (const name of ['x-mine', 'te', 'upgrade', 'proxy-authorization'])
    t.notOk(name in (arrived?.headers ?? {}), name);
  await proxy.stop();
  await mimir.close();
});

t.test('what the edge says of itself nobody else says: its headers end at it, either way', async (t) => {
  const mimir = await upstream((_req, res) => {
    res.writeHead(200, {
      'X-Mimir-Edge-Reason': 'rate_limited',
      'x-mimir-edge-new': '1',
      'X-Mimir-Other': '2',
    });
    res.end('ok');
  });
  const proxy = await edge(mimir.url);
  for (const path of ['/other', '/api/v1/push']) {
    const response = await fetch(`${proxy.url}${path}`, {
      method: 'POST',
      headers: {
        'X-Scope-OrgID': 'a',
        'X-Mimir-Edge-Reason': 'x',
        'x-mimir-EDGE-verdict': 'y',
        'X-Mimir-Other': 'z',
      },
      body: PUSH_500,
    });
    t.equal(response.status, 200);
    t.strictSame(
      [...response.headers.keys()].filter((name) => name.startsWith('x-mimir')),
      ['x-mimir-other'],
      path,
    );
    t.strictSame(
      Object.keys(mimir.arrived.at(-1)?.headers ?? {}).filter((name) => name.startsWith('x-mimir')),
      ['x-mimir-other'],
      path,
    );
  }
  await proxy.stop();
  await mimir.close();
});

t.test('an unreachable Mimir is 502 for reads, too', async (t) => {
  const gone = await upstream();
  await gone.close();
  const proxy = await edge(gone.url);
  t.equal((await fetch(`${proxy.url}/ready`)).status, 502);
  await proxy.stop();
});
