/** A real Envoy with one of the configurations of envoy/, as it is but for the ports, and edges for it to ask. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { freePort } from '../free-port.js';
import { answering, needs, type Started, type StartedEdge, start, startEdge } from './processes.js';

export interface StartedEnvoy extends Started {
  readonly url: string;
  readonly admin: string;
}

export interface EnvoyPlan {
  /** Ports that the edges listen on: of gRPC, or of the proxy. */
  readonly edges: readonly number[];
  readonly mimir: string;
  /** Beyond the ports: exact texts, each of which must be there. */
  readonly changes?: readonly (readonly [string, string])[];
}

export function needsEnvoy(t: Test): boolean {
  return needs(t, 'envoy', ['--version']);
}

/** One of its own for each call, unlike the test's. */
export function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'mimir-edge-envoy-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export async function startEnvoy(t: Test, config: string, plan: EnvoyPlan): Promise<StartedEnvoy> {
  const [port, admin] = [await freePort(), await freePort()];
  const mimirPort = new URL(plan.mimir).port;
  let text = readFileSync(new URL(`../../../envoy/${config}`, import.meta.url), 'utf8');
  const change = (from: string, to: string) => {
    if (!text.includes(from)) throw new Error(`${config} does not have ${from}`);
    text = text.replaceAll(from, to);
  };
  for (const [from, to] of plan.changes ?? []) change(from, to);
  change('port_value: 10000', `port_value: ${port}`);
  change('port_value: 9901', `port_value: ${admin}`);
  change('address: 0.0.0.0', 'address: 127.0.0.1');
  change('port_value: 8080', `port_value: ${mimirPort}`);
  if (text.includes('port_value: 8081')) {
    const [endpoint = ''] = text.match(/^.*port_value: 8081 .*\n/m) ?? [];
    const endpoints = plan.edges.map((edge) => endpoint.replace('8081', String(edge)));
    change(endpoint, endpoints.join(''));
  }
  const file = join(folder(t), config);
  writeFileSync(file, text);
  const started = start(t, 'envoy', [
    ...[
      '-c',
      file,
      '--disable-hot-restart',
      '--concurrency',
      '1',
      '-l',
      'warning',
      '--file-flush-interval-msec',
      '50',
    ],
  ]);
  const url = `http://127.0.0.1:${admin}`;
  if (!(await answering(`${url}/ready`, () => true)))
    throw new Error(`Envoy does not start: ${started.output()}`);
  return { ...started, url: `http://127.0.0.1:${port}`, admin: url };
}

/** Until Envoy has found so many edges healthy. */
export function seesHealthy(envoy: StartedEnvoy, edges: number, withinMs?: number): Promise<boolean> {
  return answering(
    `${envoy.admin}/clusters`,
    (text) => text.match(/^mimir-edge::.*::health_flags::healthy$/gm)?.length === edges,
    withinMs,
  );
}

export interface GrpcEdge extends StartedEdge {
  readonly port: number;
  readonly flags: readonly string[];
}

export async function startGrpcEdge(
  t: Test,
  flags: readonly string[] = [],
  port?: number,
): Promise<GrpcEdge> {
  const grpcPort = port ?? (await freePort());
  const edge = await startEdge(t, ['--envoy.enabled=true', `--listen.grpc=127.0.0.1:${grpcPort}`, ...flags]);
  return { ...edge, port: grpcPort, flags };
}
