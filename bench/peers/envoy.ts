/** Peers of the benches about Envoy: Envoy itself, with or without the edge to ask, and gRPC servers. */
import { fork } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/free-port.js';
import { benchFolder, cpuOf, type Peer, startEdge, startProcess } from './processes.js';

export type GrpcPeer = Pick<Peer, 'cpu' | 'stop'> & { readonly port: number };

/** envoy/ext-authz.yaml on one thread, without access logs; `edgePort` undefined: nothing is asked. */
export async function startEnvoy(upstream: string, edgePort: number | undefined): Promise<Peer> {
  const [port, admin] = [await freePort(), await freePort()];
  const folder = benchFolder();
  const config = join(folder, 'envoy.yaml');
  const text = readFileSync(new URL('../../../envoy/ext-authz.yaml', import.meta.url), 'utf8')
    .replace(/ {16}access_log:\n( {18}.*\n)+/, '')
    .replace('port_value: 10000', `port_value: ${port}`)
    .replace('port_value: 9901', `port_value: ${admin}`)
    .replace('port_value: 8081', `port_value: ${edgePort ?? admin}`)
    .replace('port_value: 8080', `port_value: ${new URL(upstream).port}`);
  const filter = / {18}- name: envoy.filters.http.ext_authz\n( {20}.*\n)+/;
  const perRoute = / {26}typed_per_filter_config:\n( {28}.*\n)+/;
  writeFileSync(config, edgePort === undefined ? text.replace(filter, '').replace(perRoute, '') : text);
  const args = ['-c', config, '--disable-hot-restart', '--concurrency', '1', '-l', 'error'];
  return startProcess('Envoy', 'envoy', args, port, folder);
}

/** An edge that Envoy can ask. */
export async function startGrpcEdge(flags: readonly string[] = []): Promise<GrpcPeer> {
  const port = await freePort();
  const edge = await startEdge('http://127.0.0.1:9', [
    '--envoy.enabled=true',
    `--listen.grpc=127.0.0.1:${port}`,
    ...flags,
  ]);
  return { port, cpu: edge.cpu, stop: edge.stop };
}

/** One of the servers of grpc-server.ts. */
export async function startGrpcServer(...args: readonly string[]): Promise<GrpcPeer> {
  const child = fork(new URL('./grpc-server.js', import.meta.url), args);
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', resolve as (message: unknown) => void);
    child.once('exit', () => reject(new Error(`the gRPC server ${args.join(' ')} ended`)));
  });
  return {
    port,
    cpu: () => cpuOf(child.pid!),
    stop: () =>
      new Promise((resolve) => {
        child.removeAllListeners('exit').once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}
