import t from 'tap';
import { downstreamHeaders, HOP_BY_HOP, MessageHeaders, namedInConnection } from '#src/base/http1/headers.js';

t.test('headers are written a line each, and found by their lower-case names', async (t) => {
  const headers = new MessageHeaders(['Host', 'a', 'X-Many', 'b: c']);
  t.equal(headers.text, 'Host: a\r\nX-Many: b: c\r\n');
  t.equal(headers.text, headers.text);
  for (const name of ['host', 'x-many']) t.ok(headers.has(name), name);
  for (const name of ['a', 'b: c', 'hos', 'most', 'x-mine', '']) t.notOk(headers.has(name), name);
  t.equal(new MessageHeaders([]).text, '');
  t.notOk(new MessageHeaders([]).has('host'));
});

t.test('what is meant for one connection only does not reach the client', async (t) => {
  for (const name of [
    'Connection',
    'Keep-Alive',
    'Proxy-Authenticate',
    'Proxy-Authorization',
    'Proxy-Connection',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'Upgrade',
  ]) {
    t.ok(HOP_BY_HOP.has(name.toLowerCase()), name);
    t.strictSame(downstreamHeaders(['A', '1', name, 'x', 'B', '2']).list, ['A', '1', 'B', '2'], name);
  }
  t.equal(HOP_BY_HOP.size, 9);
});

t.test("what another says in the edge's name does not reach the client", async (t) => {
  const raw = ['X-Mimir-Edge-Reason', 'rate_limited', 'Not-X-Mimir-Edge-', 'its own'];
  t.strictSame(downstreamHeaders(raw).list, ['Not-X-Mimir-Edge-', 'its own']);
});

t.test('what the upstream names in Connection does not reach the client either', async (t) => {
  for (const [connection, list] of [
    ['close', ['X-One', '1', 'X-Two', '2', 'Content-Type', 'text/plain']],
    ['x-one', ['X-Two', '2', 'Content-Type', 'text/plain']],
    ['close, X-Two , content-type', ['X-One', '1', 'Content-Type', 'text/plain']],
  ] as const) {
    const raw = ['X-One', '1', 'CONNECTION', connection, 'X-Two', '2', 'Content-Type', 'text/plain'];
    t.strictSame(downstreamHeaders(raw).list, list, connection);
  }
  t.strictSame(downstreamHeaders([]).list, []);
});

t.test('a client may not have dropped what the upstream decides on', async (t) => {
  for (const [connection, names] of [
    [undefined, undefined],
    ['keep-alive', undefined],
    ['close', undefined],
    ['', undefined],
    [' , ', undefined],
    ['X-Scope-OrgID', undefined],
    ['content-length, Content-Type, CONTENT-ENCODING', undefined],
    ['x-mine', ['x-mine']],
    ['Keep-Alive, X-Mine,, x-scope-orgid,x-yours', ['keep-alive', 'x-mine', 'x-yours']],
  ] as const) {
    const named = namedInConnection(connection, 'x-scope-orgid');
    t.strictSame(named && [...named], names, String(connection));
  }
});
