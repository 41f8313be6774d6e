/**
 * Series as in a Kubernetes cluster: fifty for each pod, from cAdvisor, from the application's own HTTP metrics and from
 * kube-state-metrics, with about twelve labels each. A scrape has them metric by metric, each for every pod of a node, so a
 * push has a few metrics of many pods.
 */

const METRICS_PER_PUSH = 5;

/** Hexadecimal digits at the end of each pod's name, which tell tenants and generations of pods apart. */
export const POD_SUFFIX_LENGTH = 8;

export interface SampleSeries {
  /** Sorted by name. The value of `pod` ends with the suffix. */
  readonly labels: readonly (readonly [string, string])[];
  /** Its index within the push. */
  readonly pod: number;
}

type Labels = Readonly<Record<string, string>>;

interface Pod {
  /** Its index over all pushes of a tenant. */
  readonly number: number;
  readonly name: string;
  readonly application: string;
  readonly namespace: string;
  readonly uid: string;
  readonly node: string;
  readonly address: string;
}

const CADVISOR = [
  'container_cpu_usage_seconds_total',
  'container_cpu_cfs_periods_total',
  'container_cpu_cfs_throttled_periods_total',
  'container_fs_reads_bytes_total',
  'container_fs_writes_bytes_total',
  'container_fs_usage_bytes',
  'container_memory_cache',
  'container_memory_rss',
  'container_memory_swap',
  'container_memory_usage_bytes',
  'container_memory_working_set_bytes',
  'container_memory_failures_total',
  'container_network_receive_bytes_total',
  'container_network_receive_packets_dropped_total',
  'container_network_receive_packets_total',
  'container_network_transmit_bytes_total',
  'container_network_transmit_packets_dropped_total',
  'container_network_transmit_packets_total',
  'container_processes',
  'container_threads',
];
const STATE = [
  'kube_pod_container_info',
  'kube_pod_container_resource_limits',
  'kube_pod_container_resource_requests',
  'kube_pod_container_status_ready',
  'kube_pod_container_status_restarts_total',
  'kube_pod_container_status_running',
  'kube_pod_container_status_terminated',
  'kube_pod_container_status_waiting',
];
const HANDLERS = ['/api/v1/orders', '/api/v1/orders/{id}'];
const BUCKETS = ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '+Inf'];

/** The series of a pod. */
const FAMILIES: readonly ((pod: Pod) => Labels)[] = [
  ...CADVISOR.map((name) => (pod: Pod) => cadvisor(name, pod)),
  ...HANDLERS.flatMap((handler) => BUCKETS.map((le) => (pod: Pod) => requestDuration(handler, le, pod))),
  ...STATE.map((name) => (pod: Pod) => kubeState(name, pod)),
];

/** After this many pushes all metrics of the same pods were sent. */
export const PUSHES_PER_NODE = Math.ceil(FAMILIES.length / METRICS_PER_PUSH);

/** The series of one push of a tenant. Pushes of the same size and different numbers share no series. */
export function seriesOfPush(push: number, count: number): SampleSeries[] {
  const pods = Math.ceil(count / METRICS_PER_PUSH);
  const firstPod = Math.floor(push / PUSHES_PER_NODE) * pods;
  const firstFamily = (push % PUSHES_PER_NODE) * METRICS_PER_PUSH;
  return Array.from({ length: count }, (_, index) => {
    const pod = index % pods;
    const family = FAMILIES[firstFamily + Math.floor(index / pods)];
    if (family === undefined) throw new Error('there are fewer metrics than pushes need');
    const labels = family(describePod(firstPod + pod));
    return { pod, labels: Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)) };
  });
}

function describePod(number: number): Pod {
  const application = `application-${number % 23}`;
  const node = Math.floor(number / 30);
  return {
    number,
    application,
    name: `${application}-${hex(number % 97, 10)}-${number.toString(16).padStart(POD_SUFFIX_LENGTH, '0')}`,
    namespace: `team-${number % 40}-production`,
    uid: `${hex(number, 8)}-${hex(number * 7, 4)}-${hex(number * 31, 4)}-${hex(number * 131, 12)}`,
    node: `ip-10-${node % 16}-${node % 250}-17.eu-west-1.compute.internal`,
    address: `10.${node % 16}.${node % 250}.${number % 250}`,
  };
}

function cadvisor(name: string, pod: Pod): Labels {
  return {
    __name__: name,
    cluster: 'prod-eu-west-1',
    container: pod.application,
    endpoint: 'https-metrics',
    id: `/kubepods/burstable/pod${pod.uid}`,
    image: `registry.example.com/platform/${pod.application}:v1.${pod.number % 7}`,
    instance: `${pod.address}:10250`,
    job: 'kubelet',
    metrics_path: '/metrics/cadvisor',
    namespace: pod.namespace,
    node: pod.node,
    pod: pod.name,
  };
}

function requestDuration(handler: string, le: string, pod: Pod): Labels {
  return {
    __name__: 'http_request_duration_seconds_bucket',
    cluster: 'prod-eu-west-1',
    code: '200',
    container: pod.application,
    endpoint: 'http',
    handler,
    instance: `${pod.address}:8080`,
    job: pod.application,
    le,
    method: 'GET',
    namespace: pod.namespace,
    pod: pod.name,
    service: pod.application,
  };
}

function kubeState(name: string, pod: Pod): Labels {
  return {
    __name__: name,
    cluster: 'prod-eu-west-1',
    container: pod.application,
    endpoint: 'http',
    instance: '10.0.4.12:8080',
    job: 'kube-state-metrics',
    namespace: pod.namespace,
    node: pod.node,
    pod: pod.name,
    service: 'kube-state-metrics',
    uid: pod.uid,
  };
}

function hex(number: number, length: number): string {
  const digits = (Math.imul(number + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0');
  return (digits + digits).slice(-length);
}
