/**
 * Every setting, declared once: its path, type, default and meaning. Validation, --help, --print-config and
 * docs/settings.md are made from this table.
 */
import type { SourceSpec } from './source-spec.js';

/** How a value is written and what it becomes. Durations become milliseconds, sizes bytes. */
export interface SettingTypes {
  string: string;
  strings: readonly string[];
  url: readonly string[];
  /** May have a password in it: never shown. */
  redis: readonly string[];
  sources: readonly SourceSpec[];
  path: string;
  paths: readonly string[];
  address: { readonly host: string; readonly port: number };
  duration: number;
  size: number;
  count: number;
  /** A number, or auto: the cores that this process may use. */
  cores: number;
  bool: boolean;
}

type SettingType = keyof SettingTypes | readonly string[];

export interface Setting<T extends SettingType = SettingType> {
  /** A list of words is a choice of one. */
  readonly type: T;
  /** As it would be written in the file. */
  readonly fallback: string;
  readonly doc: string;
  /** For counts, sizes and durations (in milliseconds). */
  readonly min?: number;
  readonly max?: number;
}

/** Node's timers fire at once when they are asked for more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

function setting<const T extends SettingType>(
  type: T,
  fallback: string,
  doc: string,
  min?: number,
  max = type === 'duration' ? LONGEST_TIMER_MS : Number.MAX_SAFE_INTEGER,
): Setting<T> {
  return min === undefined ? { type, fallback, doc } : { type, fallback, doc, min, max };
}

export const SETTINGS = {
  workers: setting(
    'cores',
    '1',
    'Processes that serve behind one port; `auto`: one for each core. More than one share their buckets, and need no ' +
      'Redis for it.',
    1,
    256,
  ),

  'upstream.url': setting('url', '', "Mimir's distributors, or what stands before them. One URL or several."),
  'upstream.connections': setting('count', '128', 'Connections to each URL at most.', 1),
  'upstream.connect_timeout': setting('duration', '2s', 'Time to connect.', 1),
  'upstream.headers_timeout': setting('duration', '30s', 'Time until Mimir begins its answer to a push.', 1),
  'upstream.body_timeout': setting('duration', '30s', 'Longest silence within an answer to a push.', 1),
  'upstream.tls.ca_file': setting(
    'path',
    '',
    "PEM file with the CA of an https upstream. Empty: the system's.",
  ),

  'listen.proxy': setting('address', '0.0.0.0:8080', 'Where pushes, and everything else for Mimir, come in.'),
  'listen.grpc': setting(
    'address',
    '0.0.0.0:8081',
    "Where Envoy's ext_authz and ratelimit call, with `envoy.enabled`.",
  ),
  'listen.admin': setting('address', '127.0.0.1:8082', 'Metrics, probes, the admin API and the status page.'),

  'admin.tokens_file': setting(
    'path',
    '',
    'Who may write (and read, see `admin.reads`): on each line a name, `read` or `write`, a token. Empty: nobody may.',
  ),
  'admin.reads': setting(
    ['open', 'token'],
    'open',
    'Whether reading the API needs a token. Metrics and probes never do.',
  ),
  'admin.hosts': setting(
    'strings',
    '',
    'Names that the API and the page are reached under, besides addresses and localhost.',
  ),
  'admin.audit_file': setting(
    'path',
    '',
    'Where every change is added as a line of JSON. Empty: memory alone.',
  ),
  'admin.history_max_bytes': setting(
    'size',
    '256MiB',
    'Memory for the last day of each tenant: some 20 kB for one that is never silent.',
    0,
  ),

  'tenant.header': setting('string', 'X-Scope-OrgID', 'The header that names the tenant.'),
  'tenants.max': setting('count', '10000', 'Tenants held in memory; the least recently used goes first.', 1),
  'tenants.unknown': setting(
    ['defaults', 'refuse', 'pass'],
    'defaults',
    'Tenants that no overrides document names: give them the defaults, refuse them (403), or let them pass unjudged.',
  ),
  mode: setting(
    ['enforce', 'shadow', 'off'],
    'enforce',
    'For tenants without a mode of their own: enforce, decide and count but let pass, or do nothing. `off` beats ' +
      "every tenant's own mode.",
  ),

  'push.paths': setting(
    'strings',
    '/api/v1/push',
    'Paths of pushes, which are enforced however they are written: percent-encoded, with `//` or `/../`, in another case. ' +
      'What does not write is passed through.',
  ),
  'push.unjudged': setting(
    ['refuse', 'pass'],
    'refuse',
    "Mimir's other writes (`/otlp/v1/metrics`, `/api/v1/push/influx/write`, and `/api/v1/push` if it is not in " +
      '`push.paths`), which the edge can not judge: refuse them (503), or let them pass every limit.',
  ),
  'push.max_body_bytes': setting('size', '100MiB', 'A push on the wire.', 1),
  'push.max_uncompressed_bytes': setting('size', '100MiB', 'A push uncompressed.', 1),
  'push.max_series': setting(
    'count',
    '1000000',
    'Series in a push: bounds the memory that a small body can claim.',
    1,
  ),
  'push.max_bytes_in_flight': setting('size', '512MiB', 'Body bytes that the process holds at one time.', 1),

  'series.over_limit': setting(
    ['filter', 'refuse'],
    'filter',
    'A push of which some series break a label rule, or are new and over a limit: forward the others, as Mimir does, or ' +
      'refuse all of it.',
  ),
  'ha.drop_duplicates': setting(
    'bool',
    'true',
    'Answer the pushes of replicas that are not elected (202). Otherwise they are forwarded, uncharged, for Mimir to drop.',
  ),

  'server.header_timeout': setting('duration', '10s', "Time for a request's headers.", 1),
  'server.body_timeout': setting(
    'duration',
    '30s',
    "Time for a push's body; longest silence in other bodies.",
    1,
  ),
  'server.idle_timeout': setting('duration', '75s', 'Time that an idle connection is kept.', 1),
  'server.max_connections': setting('count', '10000', 'Connections at one time.', 1),

  'decode.inline_max_bytes': setting(
    'size',
    '1MiB',
    'Bodies up to this size on the wire are decoded inline.',
    0,
  ),
  'decode.threads': setting('count', '1', 'Threads that decode larger bodies. 0: everything inline.', 0, 256),
  'decode.max_retained_bytes': setting('size', '64MiB', 'Memory that a decoder keeps between pushes.', 0),

  'overrides.file': setting(
    'paths',
    '',
    "Mimir's overrides, one file or several, merged in order. Empty: none.",
  ),
  'overrides.edge_file': setting(
    'paths',
    '',
    'Overrides of the limits that Mimir does not have, of the same form.',
  ),
  'overrides.sources': setting(
    'sources',
    '',
    'More of them, merged in order after the files: `configmap:[NAMESPACE/]NAME[#KEY]`, an http:// or https:// URL, ' +
      '`file:PATH`, or a list.',
  ),
  'overrides.edge_sources': setting('sources', '', 'The same for the limits that Mimir does not have.'),
  'overrides.bearer_token_file': setting(
    'path',
    '',
    'File with a token that URLs are sent as `Authorization: Bearer`; read again for each request. Empty: none.',
  ),
  'overrides.poll_interval': setting(
    'duration',
    '10s',
    'How often files are looked at when no event comes, URLs always, and ConfigMaps at least while no watch stands.',
    100,
  ),
  'overrides.request_timeout': setting(
    'duration',
    '10s',
    'Time for an answer of a URL, or of the API server.',
    1,
  ),
  'overrides.watch_silence': setting(
    'duration',
    '90s',
    'A watch that brings nothing for so long, where a bookmark is due every minute, is given up.',
    1000,
  ),
  'overrides.kubeconfig': setting(
    'path',
    '',
    "Its current context leads to the API server. Empty: the pod's own account.",
  ),
  'overrides.max_bytes': setting('size', '16MiB', 'Size of an overrides document at most.', 1),
  'overrides.required': setting('bool', 'false', 'Not ready before all overrides were read once.'),
  'overrides.keep_in': setting(
    'path',
    '',
    'Folder for the last good documents: they count at a start at which their source can not be read. Empty: none.',
  ),

  'mimir.distributors': setting(
    'count',
    '1',
    "Mimir's distributors: each gives a tenant the whole burst.",
    1,
  ),

  'state.redis.url': setting(
    'redis',
    '',
    'Where replicas share their buckets: redis:// or rediss://, several for Sentinel and Cluster. Empty: each replica ' +
      'counts for itself.',
  ),
  'state.redis.mode': setting(['single', 'sentinel', 'cluster'], 'single', 'What the URLs are.'),
  'state.redis.sentinel_master': setting(
    'string',
    'mymaster',
    'The name that the sentinels know the primary under.',
  ),
  'state.redis.username_file': setting(
    'path',
    '',
    'File with the user name; read again before every connection.',
  ),
  'state.redis.password_file': setting(
    'path',
    '',
    'File with the password; read again before every connection.',
  ),
  'state.redis.sentinel_password_file': setting('path', '', "File with the sentinels' own password."),
  'state.redis.tls.ca_file': setting('path', '', "PEM file with the CA of rediss://. Empty: the system's."),
  'state.redis.tls.cert_file': setting('path', '', 'PEM file with a client certificate.'),
  'state.redis.tls.key_file': setting('path', '', 'PEM file with its key.'),
  'state.redis.key_prefix': setting(
    'string',
    'mimir-edge:',
    'Before every key: two fleets on one Redis need two.',
  ),
  'state.redis.command_timeout': setting('duration', '50ms', 'Time that a push waits for one answer.', 1),
  'state.redis.connect_timeout': setting(
    'duration',
    '1s',
    'Time to connect, and that the start waits for Redis.',
    1,
  ),
  'state.redis.max_in_flight': setting(
    'count',
    '1024',
    'Calls sent and not answered; beyond, local shares.',
    1,
  ),
  'state.replicas': setting(
    'count',
    '0',
    'Replicas that share the limits. 0: counted by heartbeats in Redis.',
    0,
  ),
  'state.on_loss': setting(
    ['local-share', 'allow', 'refuse'],
    'local-share',
    'Without Redis: each replica serves its share, pushes that no lease covers pass, or they are refused (503).',
  ),
  'state.close_timeout': setting('duration', '1s', 'Time to return leases and announce series on stop.', 0),

  'series.tracking': setting('bool', 'true', 'Know which series are active, and enforce the limits on them.'),
  'series.idle_timeout': setting(
    'duration',
    '20m',
    'A series that was not sent for so long is not active any more. Rounded up to minutes; the same for all replicas.',
    60_000,
    5_400_000,
  ),
  'series.max': setting(
    'count',
    '20000000',
    'Active series that the process knows, about 18 bytes each; beyond, new ones pass without being counted.',
    1,
    100_000_000,
  ),

  'envoy.enabled': setting(
    'bool',
    'false',
    "Serve Envoy's ext_authz and ratelimit. Then the proxy is only served if there is an `upstream.url`.",
  ),
  'envoy.charge': setting(
    'bool',
    'true',
    'ext_authz charges what a push costs. false: it only looks, and the ratelimit filter behind it charges.',
  ),
  'envoy.on_partial_body': setting(
    ['refuse', 'pass'],
    'refuse',
    'A push of which Envoy sends a part only: refuse it (413), or let it pass unjudged.',
  ),
  'envoy.on_missing_body': setting(
    ['refuse', 'pass'],
    'refuse',
    'A push whose body Envoy does not send: refuse it (503), or let it pass unjudged.',
  ),
  'envoy.on_text_body': setting(
    ['refuse', 'pass'],
    'refuse',
    'A push whose body Envoy sends as text, which destroys it: refuse it (503), or let it pass unjudged.',
  ),
  'envoy.on_filter': setting(
    ['refuse', 'pass'],
    'refuse',
    'A push of which some series may not pass, and which ext_authz can not rewrite: refuse all of it, or let it pass whole.',
  ),
  'envoy.ratelimit.domains': setting('strings', 'mimir-edge', 'Domains of ratelimit calls that are served.'),
  'envoy.ratelimit.tenant_key': setting('string', 'tenant', 'The descriptor entry that names the tenant.'),
  'envoy.ratelimit.bucket_key': setting(
    'string',
    'bucket',
    'The descriptor entry that names the bucket: `requests`, `items` or `bytes`. Without one it is `requests`.',
  ),
  'envoy.ratelimit.unknown': setting(
    ['allow', 'refuse'],
    'allow',
    'Descriptors that name no bucket of a tenant: let the request pass, or refuse it.',
  ),
  'envoy.ratelimit.overrides': setting(
    'bool',
    'false',
    "A descriptor's own limit holds in place of the tenant's.",
  ),
  'envoy.ratelimit.headers': setting('bool', 'true', 'RateLimit-* headers for the client.'),
  'envoy.max_connections': setting('count', '1000', 'gRPC connections at one time.', 1),
  'envoy.max_concurrent_streams': setting(
    'count',
    '1024',
    'Calls at one time on a connection.',
    1,
    2 ** 31 - 1,
  ),
  'envoy.max_connection_age': setting(
    'duration',
    '5m',
    'After about this time an Envoy is asked to connect anew, so that new replicas get their share.',
    1000,
  ),
  'envoy.tls.cert_file': setting(
    'path',
    '',
    'PEM file with the certificate of `listen.grpc`; read again when it changes. Empty: plain text.',
  ),
  'envoy.tls.key_file': setting('path', '', 'PEM file with its key.'),
  'envoy.tls.client_ca_file': setting(
    'path',
    '',
    'PEM file with the CA whose certificates clients must show. Empty: none need one.',
  ),

  'shutdown.delay': setting(
    'duration',
    '0s',
    'After SIGTERM: time to go on serving, not ready, so that load balancers look elsewhere.',
    0,
  ),
  'shutdown.timeout': setting(
    'duration',
    '30s',
    'Then: time for requests under way. What is left is cut.',
    0,
  ),

  'log.level': setting(['debug', 'info', 'warn', 'error', 'silent'], 'info', 'Least level that is logged.'),
  'log.refusals_per_minute': setting(
    'count',
    '6',
    'Refusals logged for a tenant each minute; all are counted.',
    0,
  ),
} as const satisfies Record<string, Setting>;

export type SettingPath = keyof typeof SETTINGS;

export type SettingValue<S> =
  S extends Setting<infer T>
    ? T extends keyof SettingTypes
      ? SettingTypes[T]
      : T extends readonly (infer Word)[]
        ? Word
        : never
    : never;
