/** The bodies that all benches share: Kubernetes-like pushes, and those of a real Prometheus. */
import { readFileSync } from 'node:fs';
import { compress, encodeVersion1, encodeVersion2, type SeriesToSend } from '../test/payload/encode.js';

/**
 * As a kubelet is scraped: metric by metric, and for each one every container of a node. Twelve labels; 500 series
 * are about 245 kB of protobuf, 47 kB as snappy.
 */
export function kubernetesSeries(count: number): SeriesToSend[] {
  return Array.from({ length: count }, (_, n) => {
    const node = Math.floor(n / 500);
    const container = n % 50;
    return {
      labels: [
        ['__name__', `container_network_receive_packets_dropped_total_${Math.floor(n / 50) % 10}`],
        ['cluster', 'prod-eu-west-1'],
        ['container', `application-${container % 23}`],
        ['endpoint', 'https-metrics'],
        ['id', `/kubepods/burstable/pod${hex(n, 8)}-${hex(n * 7, 4)}-${hex(n * 31, 8)}-${hex(n * 131, 8)}`],
        ['image', `registry.example.com/platform/application-${container % 23}:v1.${container % 7}`],
        ['instance', `10.${node % 16}.${node % 250}.17:10250`],
        ['job', 'kubelet'],
        ['metrics_path', '/metrics/cadvisor'],
        ['namespace', `team-${container % 40}-production`],
        ['node', `ip-10-${node % 16}-${node % 250}-17.eu-west-1.compute.internal`],
        ['pod', `application-${container % 23}-${hex(n * 13, 10)}-${hex(n * 17, 5)}`],
      ],
      value: n * 1.5,
      timestampMs: 1_760_000_000_000 + (n % 15),
    };
  });
}

function hex(n: number, length: number): string {
  return Math.abs(Math.imul(n + 1, 0x9e3779b1))
    .toString(16)
    .padStart(length, '7')
    .slice(-length);
}

export interface BenchBody {
  readonly name: string;
  readonly version: 1 | 2;
  readonly series: number;
  readonly snappy: Buffer;
}

export function kubernetesBody(series: number, version: 1 | 2): BenchBody {
  const all = kubernetesSeries(series);
  const plain = version === 1 ? encodeVersion1(all) : encodeVersion2(all);
  return {
    name: `${series} series, version ${version}`,
    version,
    series,
    snappy: Buffer.from(compress(plain)),
  };
}

/** The same from a replica of an HA pair. */
export function replicaBody(series: number, version: 1 | 2): BenchBody {
  const all = kubernetesSeries(series).map((one) => ({
    ...one,
    labels: [one.labels[0]!, ['__replica__', 'prometheus-k8s-0'] as const, ...one.labels.slice(1)],
  }));
  const plain = version === 1 ? encodeVersion1(all) : encodeVersion2(all);
  return {
    name: `${series} series, version ${version}`,
    version,
    series,
    snappy: Buffer.from(compress(plain)),
  };
}

export const k8s500 = kubernetesBody(500, 1);
export const k8s2000 = kubernetesBody(2000, 1);
export const k8s2000v2 = kubernetesBody(2000, 2);
export const real500: BenchBody = {
  name: 'real Prometheus, 500 series',
  version: 1,
  series: 500,
  snappy: readFileSync(new URL('../../test/data/prom-2.42-samples-500a.snappy', import.meta.url)),
};
export const small: BenchBody = { ...kubernetesBody(20, 1), name: '20 series' };
