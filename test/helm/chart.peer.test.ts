/** The chart through a real helm: what it renders is valid, is what the edge takes, and is what was meant. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig, SETTING_PATHS } from '#src/config/config.js';
import { SETTINGS } from '#src/config/settings.js';
import { needs } from '../e2e/processes.js';

const ROOT = new URL('../../../', import.meta.url).pathname;
const CHART = join(ROOT, 'helm/mimir-edge');
const GOLDEN = join(ROOT, 'test/helm/golden');
/** The oldest that the chart promises, and a new one. */
const KUBERNETES = ['1.30', '1.35'];
const UPSTREAM = { upstream: { url: 'http://mimir:8080' } };

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  // biome-ignore lint/suspicious/noExplicitAny: manifests of many kinds, looked into by path
  readonly [field: string]: any;
}

if (!needs(t, 'helm', ['version'])) process.exit();

interface Rendered {
  readonly status: number | null;
  readonly text: string;
  readonly error: string;
}

function helm(values: object, ...more: string[]): Rendered {
  const run = spawnSync('helm', ['template', 'edge', CHART, '--values', '-', ...more], {
    input: JSON.stringify(values),
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return { status: run.status, text: run.stdout, error: run.stderr };
}

function manifests({ text }: Rendered): Manifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS())
    .filter((manifest) => manifest !== null);
}

function of(kind: string, all: Manifest[], name = 'edge-mimir-edge'): Manifest {
  const found = all.find((one) => one.kind === kind && one.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

const PRESETS = readdirSync(join(CHART, 'presets')).map((file) => file.replace('.yaml', ''));
const preset = (name: string): object => parse(readFileSync(join(CHART, 'presets', `${name}.yaml`), 'utf8'));

t.test('helm lint finds nothing', async (t) => {
  for (const name of PRESETS) {
    const { status, stdout } = spawnSync(
      'helm',
      ['lint', '--strict', CHART, '-f', join(CHART, 'presets', `${name}.yaml`)],
      { encoding: 'utf8' },
    );
    t.equal(status, 0, `${name}: ${stdout}`);
  }
});

/** Presets as they were looked at and found right. UPDATE_GOLDEN=1 writes them anew. */
t.test('presets render as they did', async (t) => {
  for (const name of PRESETS) {
    // Copies of files that are looked at below.
    const { text } = helm(preset(name), '--set', 'dashboards.enabled=false,prometheusRule.enabled=false');
    const file = join(GOLDEN, `${name}.yaml`);
    mkdirSync(GOLDEN, { recursive: true });
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, text);
    t.ok(existsSync(file), file);
    t.equal(text, readFileSync(file, 'utf8'), name);
  }
});

/** Every value that changes what there is, with every other. */
function* matrix(): Generator<[string, Record<string, unknown>]> {
  const overrides = {
    none: {},
    named: {
      configMap: { name: 'runtime', namespace: 'mimir', key: 'overrides.yaml', edgeKey: 'edge.yaml' },
    },
    own: { tenants: { a: { ingestion_rate: 20_000_000 } }, edgeTenants: { a: { mode: 'shadow' } } },
  };
  const redis = {
    none: {},
    builtIn: { builtIn: { enabled: true } },
    external: { passwordSecret: { name: 'secret', key: 'password' } },
  };
  for (const mode of ['inline', 'ext_authz', 'both'])
    for (const [from, source] of Object.entries(overrides))
      for (const [which, store] of Object.entries(redis))
        for (const all of [true, false])
          yield [
            `${mode}-${from}-${which}-${all ? 'all' : 'least'}`,
            {
              mode,
              overrides: source,
              redis: store,
              config: {
                ...(mode === 'ext_authz' ? {} : UPSTREAM),
                ...(which === 'external' ? { state: { redis: { url: 'rediss://redis:6380' } } } : {}),
                series: { max: 20_000_000 },
                limits: { ingestion_rate: 1_000_000, ingestion_burst_size: 10_000_000 },
              },
              replicas: 1_000_000,
              autoscaling: { enabled: all },
              pdb: { enabled: all },
              networkPolicy: { enabled: all },
              serviceMonitor: { enabled: all },
              prometheusRule: { enabled: all },
              dashboards: { enabled: all },
              serviceAccount: { create: all },
              ...(all
                ? {
                    admin: { tokensSecret: { name: 'tokens', key: 'tokens' } },
                    extraEnv: [{ name: 'MIMIR_EDGE_LOG_LEVEL', value: 'warn' }],
                    extraVolumes: [{ name: 'ca', configMap: { name: 'ca' } }],
                    extraVolumeMounts: [{ name: 'ca', mountPath: '/etc/ca' }],
                    podLabels: { team: 'metrics' },
                    podAnnotations: { note: 'yes' },
                    nodeSelector: { disk: 'ssd' },
                    tolerations: [{ key: 'edge', operator: 'Exists' }],
                    priorityClassName: 'high',
                    image: { pullSecrets: [{ name: 'registry' }] },
                  }
                : {}),
            },
          ];
}

t.test('any mix of values gives manifests that are valid, and settings that the edge takes', async (t) => {
  const folder = t.testdir();
  const files: string[] = [];
  for (const [name, values] of matrix()) {
    const rendered = helm(values);
    if (rendered.status !== 0) t.fail(`${name}: ${rendered.error}`);
    const all = manifests(rendered);
    const problems = [
      ...(/\de\+\d/.test(rendered.text) ? ['a number in scientific notation'] : []),
      ...settingsProblems(of('ConfigMap', all)),
      ...podProblems(of('Deployment', all)),
      ...referenceProblems(all),
    ];
    t.strictSame(problems, [], name);
    files.push(join(folder, `${name}.yaml`));
    // As helm wrote it, but for kinds that Kubernetes itself does not know.
    const documents = rendered.text.split(/^---$/m);
    const known = documents.filter((text) => !text.includes('apiVersion: monitoring.coreos.com'));
    writeFileSync(files.at(-1)!, known.join('---'));
  }
  if (!needs(t, 'kubernetes-validate')) return;
  for (const version of KUBERNETES) {
    const run = spawnSync('kubernetes-validate', ['--strict', '--quiet', '-k', version, ...files], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    const said = `${run.stdout}${run.stderr}`;
    t.equal(run.status, 0, `Kubernetes ${version} takes them ${said}`);
  }
});

function settingsProblems({ data }: Manifest): string[] {
  const text = data['edge.yaml'];
  const loaded = loadConfig({ file: { name: 'edge.yaml', text }, env: {}, flags: {} });
  if ('errors' in loaded) return loaded.errors.map(({ path, message }) => `${path}: ${message}`);
  const { config } = loaded;
  return [
    ...(config['series.max'] === 20_000_000 ? [] : ['series.max is not what was given']),
    ...(config.defaults.ingestion_burst_size === 10_000_000 ? [] : ['a limit is not what was given']),
  ];
}

/** Nothing may write, rise or be root; mounts and volumes, ports and probes belong together. */
function podProblems({ spec }: Manifest): string[] {
  const pod = spec.template.spec;
  const [container] = pod.containers;
  const expected: [string, unknown, unknown][] = [
    ['runAsNonRoot', pod.securityContext.runAsNonRoot, true],
    ['seccompProfile', pod.securityContext.seccompProfile.type, 'RuntimeDefault'],
    ['readOnlyRootFilesystem', container.securityContext.readOnlyRootFilesystem, true],
    ['allowPrivilegeEscalation', container.securityContext.allowPrivilegeEscalation, false],
    ['capabilities', container.securityContext.capabilities.drop.join(), 'ALL'],
    ['enableServiceLinks', pod.enableServiceLinks, false],
  ];
  const volumes = pod.volumes.map(({ name }: { name: string }) => name).sort();
  const mounted = container.volumeMounts.map(({ name }: { name: string }) => name).sort();
  const ports = container.ports.map(({ name }: { name: string }) => name);
  const probes = ['startupProbe', 'livenessProbe', 'readinessProbe'];
  return [
    ...expected.filter(([, found, wanted]) => found !== wanted).map(([name]) => name),
    ...(volumes.join() === mounted.join() ? [] : [`volumes ${volumes}, mounts ${mounted}`]),
    ...probes.filter((probe) => !ports.includes(container[probe].httpGet.port)),
  ];
}

/** What one manifest says of another is true. */
function referenceProblems(all: Manifest[]): string[] {
  const deployment = of('Deployment', all);
  const pod = deployment['spec'].template;
  const selects = (labels: Record<string, string>) =>
    Object.entries(labels).every(([name, value]) => pod.metadata.labels[name] === value);
  const problems: string[] = [];
  if (!selects(deployment['spec'].selector.matchLabels))
    problems.push('the Deployment does not select its pods');
  const ports = pod.spec.containers[0].ports.map(({ name }: { name: string }) => name);
  for (const { kind, metadata, spec } of all) {
    if (kind !== 'Service' || metadata.name.endsWith('-redis')) continue;
    if (!selects(spec.selector)) problems.push(`the Service ${metadata.name} does not select the pods`);
    for (const { targetPort } of spec.ports)
      if (!ports.includes(targetPort)) problems.push(`the Service ${metadata.name} sends to ${targetPort}`);
  }
  for (const { kind, spec } of all) {
    if (kind === 'PodDisruptionBudget' && !selects(spec.selector.matchLabels)) problems.push(kind);
    if (kind === 'HorizontalPodAutoscaler' && 'replicas' in deployment['spec'])
      problems.push('two say how many');
  }
  return problems;
}

t.test('the Role is of one ConfigMap, where that is, for the account that the pods have', async (t) => {
  const all = manifests(
    helm({ config: UPSTREAM, overrides: { configMap: { name: 'runtime', namespace: 'mimir' } } }),
  );
  const role = of('Role', all);
  t.equal(role.metadata.namespace, 'mimir');
  t.strictSame(role['rules'], [
    {
      apiGroups: [''],
      resources: ['configmaps'],
      resourceNames: ['runtime'],
      verbs: ['get', 'list', 'watch'],
    },
  ]);
  const pod = of('Deployment', all)['spec'].template.spec;
  t.strictSame(of('RoleBinding', all)['subjects'], [
    { kind: 'ServiceAccount', name: pod.serviceAccountName, namespace: 'default' },
  ]);
  t.equal(pod.automountServiceAccountToken, true);
  const without = manifests(helm({ config: UPSTREAM }));
  t.notOk(without.some(({ kind }) => kind === 'Role'));
  t.equal(of('Deployment', without)['spec'].template.spec.automountServiceAccountToken, false);
});

t.test('whatever type the Service has, the admin port stays inside the cluster', async (t) => {
  for (const type of ['ClusterIP', 'NodePort', 'LoadBalancer']) {
    const all = manifests(helm({ mode: 'both', config: UPSTREAM, service: { type } }));
    const ports = (service: Manifest) => service['spec'].ports.map(({ name }: { name: string }) => name);
    t.match(of('Service', all)['spec'], { type });
    t.strictSame(ports(of('Service', all)), ['http'], type);
    t.match(of('Service', all, 'edge-mimir-edge-admin')['spec'], { type: 'ClusterIP' });
    t.strictSame(ports(of('Service', all, 'edge-mimir-edge-admin')), ['admin'], type);
    t.match(
      of('Service', all, 'edge-mimir-edge-grpc')['spec'],
      { clusterIP: 'None' },
      'Envoy sees each replica',
    );
  }
});

t.test('names stay within what Kubernetes takes', async (t) => {
  const values = {
    mode: 'both',
    config: UPSTREAM,
    redis: { builtIn: { enabled: true } },
    overrides: { tenants: { a: {} } },
    dashboards: { enabled: true },
    fullnameOverride: 'x'.repeat(70),
    nameOverride: 'y'.repeat(70),
  };
  const all = manifests(helm(values));
  const keys = all.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  t.equal(new Set(keys).size, keys.length, 'no two have one name');
  for (const { metadata } of all) {
    t.ok(metadata.name.length <= 63, metadata.name);
    const labels = Object.values((metadata as { labels?: Record<string, string> }).labels ?? {});
    t.ok(labels.every((label) => label.length <= 63));
  }
  t.match(of('ConfigMap', all, 'x'.repeat(63))['data']['edge.yaml'], `${'x'.repeat(57)}-redis:6379`);
});

t.test('ports, probes, policies and Services follow the addresses in the settings', async (t) => {
  const listen = { proxy: '0.0.0.0:9080', grpc: '[::]:9081', admin: '0.0.0.0:9082' };
  const rendered = helm({ mode: 'both', config: { ...UPSTREAM, listen }, networkPolicy: { enabled: true } });
  const all = manifests(rendered);
  const [container] = of('Deployment', all)['spec'].template.spec.containers;
  t.strictSame(
    container.ports.map(({ containerPort }: { containerPort: number }) => containerPort),
    [9080, 9081, 9082],
  );
  const { ingress } = of('NetworkPolicy', all)['spec'];
  t.strictSame(
    ingress.flatMap(({ ports }: { ports: { port: number }[] }) => ports.map(({ port }) => port)),
    [9080, 9081, 9082],
  );
  const refused = helm({ config: { ...UPSTREAM, listen: { admin: '127.0.0.1:8082' } } });
  t.match(refused.error, /config\.listen\.admin is 127\.0\.0\.1:8082, which nobody reaches/);
});

t.test('a Prometheus that guards ask may be reached, and none where none is asked', async (t) => {
  const networkPolicy = { enabled: true, prometheus: [{ podSelector: {} }], prometheusPorts: [9091] };
  const egress = (config: object) =>
    of('NetworkPolicy', manifests(helm({ config: { ...UPSTREAM, ...config }, networkPolicy })))['spec']
      .egress;
  const guard = { prometheus: { url: 'http://prometheus:9091', memory: 'x' } };
  t.match(egress({ guard }), [{}, {}, { ports: [{ port: 9091 }], to: [{ podSelector: {} }] }]);
  t.notMatch(JSON.stringify(egress({})), '9091');
});

t.test('ConfigMaps that are named in the settings may be read, each where it is', async (t) => {
  const overrides = {
    sources: ['configmap:mimir/runtime#x', 'configmap:own', 'file:/a'],
    edge_sources: 'configmap:mimir/edge, configmap:own#y',
  };
  const all = manifests(helm({ config: { ...UPSTREAM, overrides } }));
  const roles = all.filter(({ kind }) => kind === 'Role');
  t.strictSame(roles.map(({ metadata, rules }) => [metadata.namespace, rules[0].resourceNames]).sort(), [
    ['default', ['own']],
    ['mimir', ['runtime', 'edge']],
  ]);
  t.equal(of('Deployment', all)['spec'].template.spec.automountServiceAccountToken, true);
});

t.test('the pod is given more time than it may take to stop', async (t) => {
  const all = manifests(helm({ config: UPSTREAM }));
  const { terminationGracePeriodSeconds, containers } = of('Deployment', all)['spec'].template.spec;
  const loaded = loadConfig({
    file: { name: 'edge.yaml', text: of('ConfigMap', all)['data']['edge.yaml'] },
    env: {},
    flags: {},
  });
  if ('errors' in loaded) throw new Error('settings');
  const { config } = loaded;
  const seconds =
    containers[0].lifecycle.preStop.sleep.seconds +
    (config['shutdown.delay'] + config['shutdown.timeout'] + config['state.close_timeout']) / 1000;
  t.ok(terminationGracePeriodSeconds > seconds);
});

t.test('rules and dashboards are the files that are tested, and link to where the pages are', async (t) => {
  const all = manifests(helm(preset('production'), '--set', 'prometheusRule.runbooks=https://here/'));
  const files = ['alerts', 'recording'].flatMap(
    (name) =>
      parse(
        readFileSync(join(CHART, 'rules', `${name}.yaml`), 'utf8').replaceAll(
          'docs/runbooks/',
          'https://here/',
        ),
      ).groups,
  );
  t.strictSame(of('PrometheusRule', all)['spec'].groups, files);
  for (const file of readdirSync(join(CHART, 'dashboards'))) {
    const name = `edge-mimir-edge-dashboard-${file.replace('.json', '')}`;
    const text = of('ConfigMap', all, name)['data'][`mimir-edge-${file}`];
    t.strictSame(JSON.parse(text), JSON.parse(readFileSync(join(CHART, 'dashboards', file), 'utf8')), file);
  }
});

t.test('every setting can be given, and what is none is refused with its place', async (t) => {
  const config: Record<string, unknown> = {};
  for (const path of SETTING_PATHS) {
    if (path === 'upstream.url') continue;
    const { type, fallback } = SETTINGS[path];
    const value = type === 'count' ? Number(fallback) : type === 'bool' ? fallback === 'true' : fallback;
    let at = config;
    const names = path.split('.');
    for (const name of names.slice(0, -1)) {
      at[name] ??= {};
      at = at[name] as Record<string, unknown>;
    }
    // The chart's own, where the edge's would not be reached.
    const { [path]: own = value } = { workers: 1, 'listen.admin': '0.0.0.0:8082' } as Record<string, unknown>;
    at[names.at(-1)!] = own;
  }
  const rendered = helm({
    config: { ...config, upstream: { ...(config['upstream'] as object), url: 'http://a' } },
  });
  t.equal(rendered.status, 0, rendered.error);
  for (const [values, message] of [
    [{ config: { ...UPSTREAM, push: { max_seris: 1 } } }, /max_seris/],
    [{ config: { ...UPSTREAM, mode: 'strict' } }, /config\/mode|config\.mode/],
    [{ config: { ...UPSTREAM, shutdown: { delay: '5 apples' } } }, /shutdown.delay/],
    [{ config: { ...UPSTREAM, limits: { ingestion_rat: 1 } } }, /ingestion_rat/],
    [{ replica: 3 }, /replica/],
    [
      { config: UPSTREAM, autoscaling: { enabled: true, min: 5, max: 4 } },
      /autoscaling\.min is 5 and autoscaling\.max is 4/,
    ],
    [{}, /config\.upstream\.url is needed/],
    [{ mode: 'ext_authz', config: UPSTREAM }, /config\.upstream\.url has no use/],
    [{ config: UPSTREAM, overrides: { tenants: { a: {} }, configMap: { name: 'b' } } }, /exclude each other/],
  ] as const) {
    const { status, error } = helm(values);
    t.not(status, 0);
    t.match(error, message);
  }
});

t.test('big numbers from the command line stay whole', async (t) => {
  const { text } = helm(
    { config: UPSTREAM },
    '--set',
    'config.series.max=20000000,config.limits.ingestion_rate=1000000',
  );
  t.match(text, /"max": 20000000\b/);
  t.match(text, /"ingestion_rate": 1000000\b/);
});
