/** Names and what they stand for, asked of a DNS server of the test's own. */
import t, { type Test } from 'tap';
import { type Resolve, systemResolver } from '#src/upstream/resolver.js';
import { upstreamSource } from '#src/upstream/upstream-source.js';
import { type DnsServer, dnsServer } from '../dns-server.js';

async function given(t: Test): Promise<{ dns: DnsServer; resolve: (text: string) => ReturnType<Resolve> }> {
  const dns = await dnsServer();
  t.teardown(() => dns.close());
  const { resolve } = systemResolver([dns.address], 2000);
  return { dns, resolve: (text) => resolve(upstreamSource(text)) };
}

t.test('an entry says how its name is looked up, and what is sent to it', async (t) => {
  for (const [text, expected] of [
    [
      'http://mimir:9009',
      { via: 'lookup', host: 'mimir', port: 9009, authority: 'mimir:9009', basePath: '' },
    ],
    ['https://mimir/base/', { via: 'lookup', protocol: 'https:', port: 443, basePath: '/base' }],
    ['http://10.0.0.1', { via: 'fixed', host: '10.0.0.1', port: 80 }],
    ['dns:http://[::1]:80', { via: 'fixed', host: '::1', port: 80, authority: '[::1]' }],
    ['dns:http://mimir:9009#zone-a', { via: 'dns', host: 'mimir', zone: 'zone-a' }],
    ['srv:http://_http._tcp.mimir', { via: 'srv', host: '_http._tcp.mimir', zone: '' }],
  ] as const) {
    t.match(upstreamSource(text), { text, ...expected }, text);
  }
});

t.test('all addresses of a name, each once, for as long as the shortest is known', async (t) => {
  const { dns, resolve } = await given(t);
  dns.ttlSeconds = 7;
  dns.set('A', 'mimir.test', ['10.0.0.2', '10.0.0.1', '10.0.0.2']);
  t.strictSame(await resolve('dns:http://mimir.test:9009'), {
    endpoints: [
      { host: '10.0.0.1', port: 9009 },
      { host: '10.0.0.2', port: 9009 },
    ],
    otherFamily: [],
    ttlMs: 7000,
  });
});

t.test('of a name with both families one is used, and the other known', async (t) => {
  const { dns, resolve } = await given(t);
  dns.set('A', 'mimir.test', ['10.0.0.1']);
  dns.set('AAAA', 'mimir.test', ['fd00::1', 'fd00::2']);
  t.match(await resolve('dns:http://mimir.test:80'), {
    endpoints: [{ host: '10.0.0.1' }],
    otherFamily: [{ host: 'fd00::1' }, { host: 'fd00::2' }],
  });
  dns.set('A', 'mimir.test', []);
  t.match(await resolve('dns:http://mimir.test:80'), {
    endpoints: [{ host: 'fd00::1' }, { host: 'fd00::2' }],
    otherFamily: [],
  });
});

t.test('SRV records have the ports, and only those of the first priority count', async (t) => {
  const { dns, resolve } = await given(t);
  dns.set('SRV', '_http._tcp.mimir.test', [
    [10, 1, 9009, 'one.test'],
    [10, 1, 9010, 'two.test'],
    [20, 1, 9011, 'three.test'],
  ]);
  dns.set('A', 'one.test', ['10.0.0.1']);
  dns.set('A', 'two.test', ['10.0.0.2']);
  dns.set('A', 'three.test', ['10.0.0.3']);
  t.match(await resolve('srv:http://_http._tcp.mimir.test'), {
    endpoints: [
      { host: '10.0.0.1', port: 9009 },
      { host: '10.0.0.2', port: 9010 },
    ],
    ttlMs: 1000,
  });
});

t.test('a name without an address is an error, and so is a server that fails', async (t) => {
  const { dns, resolve } = await given(t);
  await t.rejects(resolve('dns:http://nowhere.test:80'));
  await t.rejects(resolve('srv:http://_http._tcp.nowhere.test'));
  dns.set('A', 'mimir.test', ['10.0.0.1']);
  dns.fail(true);
  await t.rejects(resolve('dns:http://mimir.test:80'));
});

t.test("the system's own look-up gives all addresses, too", async (t) => {
  const { resolve } = await given(t);
  const { endpoints, otherFamily } = await resolve('http://localhost:9009');
  t.ok([...endpoints, ...otherFamily].some(({ host }) => host === '127.0.0.1' || host === '::1'));
});

t.test('an IP address is asked for nowhere', async (t) => {
  const { dns, resolve } = await given(t);
  t.match(await resolve('dns:http://127.0.0.1:9009'), { endpoints: [{ host: '127.0.0.1', port: 9009 }] });
  t.strictSame(dns.asked, []);
});
