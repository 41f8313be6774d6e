/** HAProxy and Envoy, passing everything through: one core, keep-alive both ways, no access log. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/free-port.js';
import { benchFolder, type Peer, startProcess } from './processes.js';

/** Where Envoy is not on the path, ENVOY says where it is. */
const ENVOY = process.env['ENVOY'] ?? 'envoy';

export const hasHaproxy = (): boolean => spawnSync('haproxy', ['-v']).status === 0;
export const hasEnvoy = (): boolean => spawnSync(ENVOY, ['--version']).status === 0;

export async function startHaproxy(upstream: string): Promise<Peer> {
  const port = await freePort();
  const folder = benchFolder();
  const config = join(folder, 'haproxy.cfg');
  writeFileSync(
    config,
    `global
      nbthread 1
      maxconn 1024
    defaults
      mode http
      timeout connect 5s
      timeout client 60s
      timeout server 60s
    frontend in
      bind 127.0.0.1:${port}
      default_backend sink
    backend sink
      http-reuse always
      server sink ${hostOf(upstream)}
`,
  );
  return startProcess('HAProxy', 'haproxy', ['-db', '-f', config], port, folder);
}

export async function startEnvoy(upstream: string): Promise<Peer> {
  const port = await freePort();
  const folder = benchFolder();
  const config = join(folder, 'envoy.json');
  const address = (host: string, port_value: number) => ({ socket_address: { address: host, port_value } });
  const [sinkHost = '', sinkPort] = hostOf(upstream).split(':');
  const manager = {
    '@type':
      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'in',
    generate_request_id: false,
    route_config: {
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'sink' } }] },
      ],
    },
    http_filters: [
      {
        name: 'router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  };
  const listener = {
    name: 'in',
    address: address('127.0.0.1', port),
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
  };
  const cluster = {
    name: 'sink',
    type: 'STATIC',
    connect_timeout: '5s',
    load_assignment: {
      cluster_name: 'sink',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(sinkHost, Number(sinkPort)) } }] }],
    },
  };
  writeFileSync(config, JSON.stringify({ static_resources: { listeners: [listener], clusters: [cluster] } }));
  const flags = ['--concurrency', '1', '--disable-hot-restart', '--log-level', 'error'];
  return startProcess('Envoy', ENVOY, ['-c', config, ...flags], port, folder);
}

function hostOf(url: string): string {
  return url.slice('http://'.length);
}
