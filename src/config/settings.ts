/**
 * Every setting, declared once: its path, type, default and meaning. Validation, --help, --print-config and
 * docs/settings.md are generated from this table.
 */
import type { Budget } from '../advice/budget.js';
import type { Policy } from '../advice/policy.js';
import type { SourceSpec } from './source-spec.js';

/** How a value is written and what it becomes. Durations become milliseconds, sizes bytes. */
export interface SettingTypes {
  string: string;
  strings: readonly string[];
  url: readonly string[];
  /** May contain a password: never shown. */
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
  /** A number, or auto: what suits the cores and the processes on them. */
  threads: number | 'auto';
  /** A number, all (Infinity), or none (0). */
  most: number;
  bool: boolean;
  /** With a fraction. */
  number: number;
  policies: readonly Policy[];
  budgets: readonly Budget[];
}

type SettingType = keyof SettingTypes | readonly string[];

export interface Setting<T extends SettingType = SettingType> {
  /** A list of words is a choice of one. */
  readonly type: T;
  /** As written in the file. */
  readonly fallback: string;
  readonly doc: string;
  /** For counts, sizes and durations (in milliseconds). */
  readonly min?: number;
  readonly max?: number;
}

/** Node's timers fire at once if they are set for longer. */
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
    'How many processes serve behind one port; `auto` means one for each core. Workers of one machine ' +
      'share their buckets even without Redis. Raise it when one core is not enough.',
    1,
    256,
  ),

  'upstream.url': setting(
    'url',
    '',
    "Where accepted pushes go: the URL of Mimir's distributors or of the load balancer in front of " +
      'them, or a list of URLs. All addresses of a name are used. `dns:http://NAME:PORT` queries DNS ' +
      'servers and respects the TTL, `srv:http://_http._tcp.NAME` looks up SRV records, which include ' +
      'ports; `#ZONE` after a URL sets the zone of its addresses.',
  ),
  'upstream.resolve_interval': setting(
    'duration',
    '30s',
    'How often names in `upstream.url` are resolved again, in addition to after failed connections and ' +
      'when a connection reaches its age. For `dns:` and `srv:`, a shorter TTL takes precedence.',
    1000,
  ),
  'upstream.dns_servers': setting(
    'strings',
    '',
    "The DNS servers for `dns:` and `srv:`, as IP:port. Empty: the system's.",
  ),
  'upstream.zone': setting(
    'string',
    '',
    'The zone of this edge. Addresses in the same zone are preferred while half of them are healthy. ' +
      'Empty: all addresses are equal.',
  ),
  'upstream.max_connection_age': setting(
    'duration',
    '5m',
    'How long a connection to Mimir is used, varied by a tenth, so that new distributors get their ' +
      'share. 0: no limit.',
  ),
  'upstream.slow_start': setting(
    'duration',
    '10s',
    'How long it takes until an address that is new, or healthy again, gets its full share. 0: it gets ' +
      'it at once.',
  ),
  'upstream.retry_503': setting(
    'bool',
    'false',
    'Whether a push that an address answers with 503 is sent to another one, once, for at most one push ' +
      'in ten. Mimir may have stored part of such a push already; samples with the same timestamp are ' +
      'stored once.',
  ),
  'upstream.breaker': setting(
    ['off', 'observe', 'act'],
    'observe',
    'When half of the pushes within ten seconds, at least twenty, fail at every address: `act` answers ' +
      'further ones with 503 at once, and after a while tries one at a time; `observe` only reports it in ' +
      'log, metrics and on the page.',
  ),
  'upstream.fairness': setting(
    ['off', 'observe', 'act'],
    'off',
    'When Mimir becomes slower, or says that it is overloaded: `act` sends only as much as it answers ' +
      'in time, shared among tenants by their weights; tenants above their share wait a little, then get ' +
      '503. `observe` only counts what would wait.',
  ),
  'upstream.fair_wait': setting(
    'duration',
    '1s',
    'How long a push may wait for its turn with `upstream.fairness`.',
    1,
  ),
  'upstream.fair_bytes': setting(
    'size',
    '64MiB',
    'Body bytes that may wait for their turn with `upstream.fairness`.',
    1,
  ),
  'upstream.capacity_floor': setting(
    'count',
    '10000',
    'Samples and other items that may always be under way to each address, however slow it is, in pushes of 1000. For ' +
      'larger pushes it is more, for smaller ones less: a push of a hundred times the size gets ten times as much.',
    1,
  ),
  'upstream.capacity_learning': setting(
    'duration',
    '30s',
    'How long after the start, and for new addresses, latency is only measured.',
  ),
  'upstream.ready_path': setting(
    'string',
    '',
    'The path for readiness checks of each address, such as /ready. After three answers of 5xx, or ' +
      'none, the address is left out. Empty: addresses are judged only by their answers to pushes.',
  ),
  'upstream.ready_interval': setting('duration', '5s', 'How often `upstream.ready_path` is requested.', 100),
  'upstream.connections': setting(
    'count',
    '128',
    'The maximal number of connections to each address for pushes, and as many again for everything ' +
      'else; further requests wait for a free one. Raise it when Mimir is slow to answer and many pushes ' +
      'are under way.',
    1,
  ),
  'upstream.queue_timeout': setting(
    'duration',
    '10s',
    'How long a request may wait for a free connection. After that it was not sent, and the sender gets ' +
      '503 and retries.',
    1,
  ),
  'upstream.tenant_share': setting(
    'count',
    '50',
    'Percent of the connections for requests other than pushes that one tenant may use at the same ' +
      'time, so that its slow queries leave some to others.',
    1,
    100,
  ),
  'upstream.address_share': setting(
    'count',
    '80',
    'Percent of the connections for requests other than pushes that requests from one address may use ' +
      'at the same time, while others use some, too.',
    1,
    100,
  ),
  'upstream.connect_timeout': setting(
    'duration',
    '2s',
    'How long connecting to Mimir may take. After that another address is tried, once, or the sender ' +
      'gets 502.',
    1,
  ),
  'upstream.headers_timeout': setting(
    'duration',
    '30s',
    'How long Mimir may take to begin its answer to a push, including the wait for a connection. After ' +
      'that the sender gets 504 and retries.',
    1,
  ),
  'upstream.body_timeout': setting(
    'duration',
    '30s',
    'How long Mimir may pause within its answer to a push before the connection is closed.',
    1,
  ),
  'upstream.tls.ca_file': setting(
    'path',
    '',
    "A PEM file with the CA of an https upstream's certificate. Empty: the system's CAs.",
  ),

  'listen.proxy': setting(
    'address',
    '0.0.0.0:8080',
    'The address for senders: for pushes, and for everything else that is passed through to Mimir.',
  ),
  'listen.grpc': setting(
    'address',
    '0.0.0.0:8081',
    "The address for Envoy's ext_authz and ratelimit filters. Only used with `envoy.enabled`.",
  ),
  'listen.admin': setting(
    'address',
    '127.0.0.1:8082',
    'The address for metrics, probes, the admin API and the status page. By default anybody who reaches ' +
      'it can read them, see `admin.reads`.',
  ),

  'admin.tokens_file': setting(
    'path',
    '',
    'A file with the tokens of the admin API, one per line: a name, `read` or `write`, the token. Read ' +
      'again when it changes. Empty: nobody can change anything.',
  ),
  'admin.reads': setting(
    ['open', 'token'],
    'open',
    'Whether reading the API and the status page needs a token (`token`) or not (`open`). Metrics and ' +
      'probes never need one.',
  ),
  'admin.hosts': setting(
    'strings',
    '',
    'Host names under which people open the API and the status page. IP addresses and localhost always ' +
      'work; requests for any other name are refused. Metrics are also served under cluster-internal ' +
      'names (`edge-1`, `edge.monitoring.svc`).',
  ),
  'admin.audit_file': setting(
    'path',
    '',
    'A file to which every change is appended as a line of JSON. Empty: changes are only kept in ' +
      'memory, until the restart.',
  ),
  'admin.history_max_bytes': setting(
    'size',
    '256MiB',
    "The maximal memory for the last day's curves of all tenants. A tenant that sends all the time " +
      'takes about 20 kB, and 11 kB more for each reason for which it loses something; beyond the limit, ' +
      'new counters have no curves.',
    0,
  ),

  'usage.dir': setting(
    'path',
    '',
    "A folder in which the hours and days of tenants' usage survive restarts without Redis " +
      '([usage.md](usage.md)). It must not be shared between machines. Empty: they are kept in memory; ' +
      'with Redis they are kept there.',
  ),
  'usage.max_bytes': setting(
    'size',
    '256MiB',
    'The maximal memory, in Redis or here, for the hours and days of all tenants. A tenant that sends ' +
      'all the time takes about 10 kB. Beyond it, new tenants are not recorded ' +
      '(`mimir_edge_usage_records_without_room`). With Redis, each replica uses up to a quarter of it in ' +
      'memory for the hours that it counted itself: 3 kB for such a tenant.',
    0,
  ),
  'usage.tenants_max': setting(
    'count',
    '10000',
    'The maximal number of tenants in an hour of the whole fleet with usage of their own: about 8 kB of ' +
      'memory each where the book is kept, and 5 kB in each replica of a fleet for what it counted ' +
      'itself. Further ones are counted together as `(other)` (`mimir_edge_usage_tenants_without_room`).',
    1,
    100_000,
  ),

  'usage.prometheus.url': setting(
    'string',
    '',
    "A Prometheus, or a compatible server (Mimir's API is below `/prometheus`), that is queried once " +
      'for usage from before the edge recorded it ([usage.md](usage.md)). Empty: none.',
  ),
  'usage.prometheus.bearer_token_file': setting(
    'path',
    '',
    'A file with a token for it (`Authorization: Bearer`). Empty: no token is sent.',
  ),
  'usage.prometheus.tenant': setting('string', '', 'The `X-Scope-OrgID` for it. Empty: none is sent.'),
  'usage.prometheus.selector': setting(
    'string',
    '',
    'Further matchers in PromQL for its metrics, such as `cluster="prod"` if it has those of several ' +
      'Mimirs.',
  ),
  'usage.prometheus.replication_factor': setting(
    'count',
    '3',
    "How many of Mimir's ingesters hold each series: the active series that they report are divided by " +
      'it.',
    1,
    10,
  ),

  'metrics.tenants': setting(
    'most',
    'all',
    'Which tenants have lines of their own in /metrics: `all` in memory, a number of those with the ' +
      'most samples, or `none`. All others are counted together as `(other)`. A tenant has some 20 lines, ' +
      'and more if it is refused.',
    0,
    Number.POSITIVE_INFINITY,
  ),

  'tenant.header': setting('string', 'X-Scope-OrgID', 'The request header that names the tenant.'),
  'tenants.max': setting(
    'count',
    '10000',
    'The maximal number of tenants in memory. When one more comes, one that no overrides document names ' +
      'is evicted, or else the least recently used one, and its counters are added to `(other)`. Set it ' +
      'above the number of tenants that send.',
    1,
  ),
  'tenants.unknown_max': setting(
    'most',
    'all',
    'The maximal number of tenants in memory that no overrides document names: a number, or `all` of ' +
      'the room that others leave in `tenants.max`. They never evict a tenant that a document names. When ' +
      'there is no room, a tenant is only evicted if its buckets are full or, without Redis, if its debts ' +
      'can be remembered; otherwise new ones share one set of buckets with the default limits, and are ' +
      'counted as `(other)`.',
    0,
    Number.POSITIVE_INFINITY,
  ),
  'tenants.unknown': setting(
    ['defaults', 'refuse', 'pass'],
    'defaults',
    'What happens to tenants that no overrides document names: they get the default limits ' +
      '(`defaults`), 403 (`refuse`), or are not judged at all (`pass`).',
  ),
  mode: setting(
    ['enforce', 'shadow', 'off'],
    'enforce',
    'What happens to pushes over a limit, for tenants without a mode of their own: `enforce` refuses ' +
      'them, `shadow` counts them and lets them pass, `off` does not judge at all. A global `off` also ' +
      'applies to tenants with a mode of their own.',
  ),

  'push.paths': setting(
    'strings',
    '/api/v1/push',
    'The paths for pushes. Limits apply however such a path is written (percent-encoded, with `//` or ' +
      '`/../`, in another case). Every path that does not write is passed through.',
  ),
  'push.unjudged': setting(
    ['refuse', 'pass'],
    'refuse',
    'What happens to writes that the edge does not judge (`/api/v1/push/influx/write` without ' +
      '`push.influx`, `/otlp/v1/metrics` without `push.otlp`, and `/api/v1/push` if it is not in ' +
      '`push.paths`): 503 (`refuse`), or they go to Mimir without any limit of the edge (`pass`).',
  ),
  'push.otlp': setting(
    'bool',
    'true',
    'Whether `/otlp/v1/metrics` accepts OTLP, with the same limits as remote write ' +
      '([otlp.md](otlp.md)).',
  ),
  'push.influx': setting(
    'bool',
    'false',
    'Whether `/api/v1/push/influx/write` accepts line protocol, with the same limits as remote write ' +
      '([influx.md](influx.md)). Enable it if Mimir has it enabled, too ' +
      '(`-distributor.influx-endpoint-enabled`).',
  ),
  'push.max_body_bytes': setting(
    'size',
    '100MiB',
    'The largest push, as sent (compressed). A larger one gets 400, as from Mimir. Keep it at or below ' +
      "Mimir's `-distributor.max-recv-msg-size`.",
    1,
  ),
  'push.max_uncompressed_bytes': setting(
    'size',
    '100MiB',
    'The largest push after decompression. A larger one gets 400, as from Mimir.',
    1,
  ),
  'push.max_series': setting(
    'count',
    '1000000',
    "The maximal number of series in one push, whatever the tenant's limits. A push with more gets 413. " +
      'It prevents small bodies from using much memory.',
    1,
  ),
  'push.max_bytes_in_flight': setting(
    'size',
    '512MiB',
    'The maximal memory for bodies in one process. When it is used up, pushes get 503 before their ' +
      'bodies are read, and senders retry. Raise it, with the memory of the pod, when Mimir is slow.',
    1,
  ),
  'push.tenant_share': setting(
    'count',
    '50',
    'Percent of `push.max_bytes_in_flight` that bodies of one tenant may use at the same time.',
    1,
    100,
  ),
  'push.address_share': setting(
    'count',
    '80',
    'Percent of `push.max_bytes_in_flight` that bodies from one address may use at the same time while ' +
      'others send, too. An address that has been alone for two minutes, such as a proxy, may use all of ' +
      'it.',
    1,
    100,
  ),

  'series.over_limit': setting(
    ['filter', 'refuse'],
    'filter',
    'What happens to a push of which some series break a label rule, or are new and over a series ' +
      'limit: the others go on to Mimir (`filter`, as in Mimir), or all of it is refused (`refuse`).',
  ),
  'ha.tracker_enabled': setting(
    'bool',
    'false',
    'Whether Mimir has an HA tracker (`-distributor.ha-tracker.enable`). Without one, Mimir accepts ' +
      "everything that a tenant's HA pairs send, whatever its `accept_ha_samples` says, and so does the " +
      'edge.',
  ),
  'ha.drop_duplicates': setting(
    'bool',
    'true',
    'Whether the edge answers pushes from HA replicas that are not elected, with 202. Otherwise they go ' +
      'to Mimir, which drops them. They are not charged either way.',
  ),

  'server.header_timeout': setting(
    'duration',
    '10s',
    'How long a sender may take for the headers of a request; on `listen.grpc`, a client for the TLS ' +
      'handshake and then for the start of HTTP/2.',
    1,
  ),
  'server.body_timeout': setting(
    'duration',
    '30s',
    'How long a sender may take for the body of a push; after that it gets 503. Other bodies, which are ' +
      'passed through, need to send 1 KiB within this time.',
    1,
  ),
  'server.idle_timeout': setting(
    'duration',
    '75s',
    'How long an idle connection is kept open. Keep it longer than the idle timeout of the load ' +
      'balancer in front.',
    1,
  ),
  'server.write_timeout': setting(
    'duration',
    '30s',
    'How long a sender may read nothing of an answer before its connection is closed. Its next request ' +
      'is not served before it has read the answers to earlier ones.',
    1,
  ),
  'server.max_connections': setting(
    'count',
    '10000',
    'The maximal number of connections from senders. Further ones are closed at once.',
    1,
  ),

  'decode.inline_max_bytes': setting(
    'size',
    '1MiB',
    'Bodies up to this uncompressed size are decoded on the main thread; larger ones, and decompression ' +
      'bombs, in a decoding thread, so that they do not delay others.',
    0,
  ),
  'decode.threads': setting(
    'threads',
    'auto',
    'How many threads decode large bodies; `auto` is half of the cores, divided by `workers`, between 1 ' +
      'and 4. 0 decodes everything on the main thread. Raise it when `mimir_edge_decode_queue` stays ' +
      'above 0.',
    0,
    256,
  ),
  'decode.max_waiting': setting(
    'count',
    '32',
    'How many large bodies of one tenant may wait for a decoding thread. Further ones get 503. Tenants ' +
      'take turns, however many bodies each has waiting.',
    1,
  ),
  'decode.max_retained_bytes': setting(
    'size',
    '64MiB',
    'How much memory a decoder keeps after a push. What a large push needed beyond that is freed.',
    0,
  ),

  'overrides.file': setting(
    'paths',
    '',
    "Mimir's overrides files (its runtime configuration). Several files are merged in order: later ones " +
      'win, limit by limit. Empty: none.',
  ),
  'overrides.edge_file': setting(
    'paths',
    '',
    "Files with the edge's own limits, which Mimir does not have. They have the form of overrides " +
      'files, but must not be given to Mimir.',
  ),
  'overrides.sources': setting(
    'sources',
    '',
    "Further sources of Mimir's overrides, merged after the files: `configmap:[NAMESPACE/]NAME[#KEY]`, " +
      'an http:// or https:// URL, `file:PATH`, or a list of these.',
  ),
  'overrides.edge_sources': setting(
    'sources',
    '',
    "Further sources of the edge's own limits, written as in `overrides.sources`.",
  ),
  'overrides.bearer_token_file': setting(
    'path',
    '',
    'A file with a token for all overrides URLs (`Authorization: Bearer`). Read again for each request. ' +
      'Empty: no token is sent.',
  ),
  'overrides.poll_interval': setting(
    'duration',
    '10s',
    'How often the edge polls: URLs always, files if the system reports no changes, a ConfigMap while ' +
      'its watch is broken (the longest wait in that case).',
    100,
  ),
  'overrides.request_timeout': setting(
    'duration',
    '10s',
    "How long a URL or Kubernetes' API server may take to answer.",
    1,
  ),
  'overrides.watch_silence': setting(
    'duration',
    '90s',
    'How long the watch of a ConfigMap may be silent before it counts as broken. The API server sends a ' +
      'bookmark every minute: keep it above that.',
    1000,
  ),
  'overrides.kubeconfig': setting(
    'path',
    '',
    "A kubeconfig whose current context is the API server to use. Empty: the pod's own service account.",
  ),
  'overrides.max_bytes': setting(
    'size',
    '16MiB',
    'The largest overrides document. A larger one is not used, and the last valid one stays.',
    1,
  ),
  'overrides.required': setting(
    'bool',
    'false',
    'Whether the edge only becomes ready once all overrides were read. Otherwise, when they can not be ' +
      'read, it starts with the default limits for everybody.',
  ),
  'overrides.keep_in': setting(
    'path',
    '',
    'A folder in which the last valid overrides are kept, for a start while their source is ' +
      'unreachable. Empty: none are kept.',
  ),

  'mimir.distributors': setting(
    'count',
    '1',
    'How many distributors Mimir runs. Each of them grants a tenant its whole burst, so the edge ' +
      'multiplies bursts by this number. Change it when the distributors are scaled.',
    1,
  ),
  'mimir.usage_tracker': setting(
    'bool',
    'false',
    'Whether Mimir runs a usage tracker (`-usage-tracker.enabled`). It also enforces ' +
      '`max_global_series_per_user` for tenants without `max_active_series_per_user`, with the error ' +
      '`err-mimir-max-active-series` and its status.',
  ),
  'mimir.retry_after.enabled': setting(
    'bool',
    'true',
    "Whether Mimir's answers to senders over a limit have a Retry-After header; the edge's answers are " +
      "the same. Set these three to the values of Mimir's flags `-distributor.retry-after-header.*`.",
  ),
  'mimir.retry_after.min_backoff': setting(
    'duration',
    '6s',
    'The minimal Retry-After, used after the first attempt. Each further attempt, counted by the sender ' +
      'in its header Retry-Attempt, doubles it.',
    1000,
  ),
  'mimir.retry_after.max_backoff': setting('duration', '96s', 'The maximal Retry-After.', 1000),

  'state.redis.url': setting(
    'redis',
    '',
    'The Redis in which replicas share buckets, HA elections and active series: redis:// or rediss://, ' +
      'several URLs for Sentinel or Cluster. Empty: each replica enforces the limits for itself.',
  ),
  'state.redis.mode': setting(
    ['single', 'sentinel', 'cluster'],
    'single',
    'The meaning of the URLs: one Redis server (`single`), sentinels that know it (`sentinel`), or ' +
      'nodes of a Redis Cluster (`cluster`).',
  ),
  'state.redis.sentinel_master': setting(
    'string',
    'mymaster',
    'The name of the primary in the sentinels. Used with `state.redis.mode: sentinel`.',
  ),
  'state.redis.username_file': setting(
    'path',
    '',
    'A file with the user name for Redis. Read again before every connection.',
  ),
  'state.redis.password_file': setting(
    'path',
    '',
    'A file with the password for Redis. Read again before every connection.',
  ),
  'state.redis.sentinel_password_file': setting(
    'path',
    '',
    'A file with the password of the sentinels, if they have one.',
  ),
  'state.redis.tls.ca_file': setting(
    'path',
    '',
    "A PEM file with the CA of a rediss:// server's certificate. Empty: the system's CAs.",
  ),
  'state.redis.tls.cert_file': setting(
    'path',
    '',
    'A PEM file with a client certificate, if Redis requires one.',
  ),
  'state.redis.tls.key_file': setting('path', '', 'A PEM file with the key of that certificate.'),
  'state.redis.key_prefix': setting(
    'string',
    'mimir-edge:',
    'The prefix of every key in Redis. Fleets that share a Redis need different prefixes.',
  ),
  'state.redis.command_timeout': setting(
    'duration',
    '50ms',
    'How long a push waits for an answer from Redis. After that `state.on_loss` applies.',
    1,
  ),
  'state.redis.connect_timeout': setting(
    'duration',
    '1s',
    'How long connecting to Redis may take. The start waits this long, and continues without it.',
    1,
  ),
  'state.redis.max_in_flight': setting(
    'count',
    '1024',
    "The maximal number of unanswered calls to Redis. Beyond it, pushes are decided by the replica's " +
      'local share.',
    1,
  ),
  'state.replicas': setting(
    'count',
    '0',
    'How many replicas share the limits. 0: they are counted through Redis. Set it if Redis may be ' +
      'unreachable when they start.',
    0,
  ),
  'state.on_loss': setting(
    ['local-share', 'allow', 'refuse'],
    'local-share',
    'What applies while Redis does not answer: each replica enforces its share of the limits ' +
      '(`local-share`), pushes pass (`allow`), or they get 503 (`refuse`). `allow` and `refuse` only ' +
      'affect pushes for which the replica has no tokens left.',
  ),
  'state.hash_key_file': setting(
    'path',
    '',
    'A file with a secret of at least 16 characters, with which series are hashed, so that no sender ' +
      'can make series that collide. It must be the same for all replicas. Empty: they agree on one in ' +
      'Redis, which is fine unless others can read it.',
  ),
  'state.dir': setting(
    'path',
    '',
    "A folder of this replica's own for state that survives a restart: temporary modes and limits, and " +
      "the guards' standing, so that a kill switch or a panic stays in force even if Redis is " +
      'unreachable. Empty: nothing is kept.',
  ),
  'state.close_timeout': setting(
    'duration',
    '1s',
    'How long a stopping replica may take to return the tokens that it holds and to announce its last ' +
      'series.',
    0,
  ),

  'series.tracking': setting(
    'bool',
    'true',
    'Whether the edge tracks active series and enforces limits on them. Disabling it saves about 18 ' +
      'bytes per series.',
  ),
  'series.idle_timeout': setting(
    'duration',
    '20m',
    'After this time without a sample a series is no longer active. Rounded up to whole minutes. It ' +
      'must be the same for all replicas.',
    60_000,
    5_400_000,
  ),
  'series.max': setting(
    'count',
    '20000000',
    'The maximal number of active series that one process tracks, at about 18 bytes each. Beyond it new ' +
      'series pass uncounted (`mimir_edge_series_untracked_total`). Tenants without a series limit use at ' +
      'most half of it.',
    1,
    100_000_000,
  ),

  'envoy.enabled': setting(
    'bool',
    'false',
    "Whether to serve Envoy's ext_authz and ratelimit filters on `listen.grpc`. The proxy is then only " +
      'served if `upstream.url` is set.',
  ),
  'envoy.charge': setting(
    'bool',
    'true',
    'Whether ext_authz charges the tenant for a push. Disable it if the ratelimit filter charges, ' +
      'otherwise pushes are charged twice.',
  ),
  'envoy.on_partial_body': setting(
    ['refuse', 'pass'],
    'refuse',
    'What happens to a push whose body Envoy truncates: 413 (`refuse`), or it passes unjudged (`pass`).',
  ),
  'envoy.on_missing_body': setting(
    ['refuse', 'pass'],
    'refuse',
    'What happens to a push whose body Envoy does not send: 503 (`refuse`), or it passes unjudged ' +
      '(`pass`).',
  ),
  'envoy.on_text_body': setting(
    ['refuse', 'pass'],
    'refuse',
    'What happens to a push whose body Envoy sends as text, which corrupts it (`pack_as_bytes` is not ' +
      'set): 503 (`refuse`), or it passes unjudged (`pass`).',
  ),
  'envoy.on_filter': setting(
    ['refuse', 'pass'],
    'refuse',
    'What happens to a push of which some series may not pass, since ext_authz can not remove them: all ' +
      'of it is refused (`refuse`), or it passes completely (`pass`).',
  ),
  'envoy.ratelimit.domains': setting(
    'strings',
    'mimir-edge',
    'The `domain` values of ratelimit calls that are served. Calls for other domains are unknown, see ' +
      '`envoy.ratelimit.unknown`.',
  ),
  'envoy.ratelimit.tenant_key': setting(
    'string',
    'tenant',
    'The key of the descriptor entry that names the tenant.',
  ),
  'envoy.ratelimit.bucket_key': setting(
    'string',
    'bucket',
    'The key of the descriptor entry that names the bucket: `requests`, `items` or `bytes`. Without such ' +
      'an entry it is `requests`.',
  ),
  'envoy.ratelimit.unknown': setting(
    ['allow', 'refuse'],
    'allow',
    'What happens to a ratelimit call that names no bucket of a tenant: it is let through (`allow`) or ' +
      'refused (`refuse`).',
  ),
  'envoy.ratelimit.overrides': setting(
    'bool',
    'false',
    "Whether a limit in a descriptor replaces the tenant's own.",
  ),
  'envoy.ratelimit.headers': setting('bool', 'true', 'Whether `RateLimit-*` headers are sent to clients.'),
  'envoy.max_connections': setting(
    'count',
    '1000',
    'The maximal number of gRPC connections. Further ones are closed at once.',
    1,
  ),
  'envoy.max_concurrent_streams': setting(
    'count',
    '1024',
    'The maximal number of concurrent calls on one gRPC connection.',
    1,
    2 ** 31 - 1,
  ),
  'envoy.max_connection_age': setting(
    'duration',
    '5m',
    'The age at which Envoy is asked to replace a gRPC connection, so that new replicas get their share ' +
      'of the calls.',
    1000,
  ),
  'envoy.tls.cert_file': setting(
    'path',
    '',
    'A PEM file with the certificate of `listen.grpc`; a new one is used within seconds. Empty: no TLS.',
  ),
  'envoy.tls.key_file': setting('path', '', 'A PEM file with the key of that certificate.'),
  'envoy.tls.client_ca_file': setting(
    'path',
    '',
    'A PEM file with a CA: clients must then present a certificate that it signed. Empty: clients need ' +
      'none.',
  ),

  'advice.policies': setting(
    'policies',
    '',
    'A list of policies by which limits are advised; for each tenant the first policy with a matching ' +
      '`tenants` applies ([advice.md](advice.md)). Empty: the highest hour plus a fifth, for everybody.',
  ),
  'advice.currency': setting(
    'string',
    'USD',
    'The currency of prices and budgets. It is only a name: nothing is converted.',
  ),
  'advice.price.million_samples': setting(
    'number',
    '0.0006',
    'The price of a million samples that Mimir stored. [advice.md](advice.md) explains the defaults.',
    0,
  ),
  'advice.price.thousand_series_month': setting(
    'number',
    '0.465',
    'The price of a thousand active series for a month of 730 hours.',
    0,
  ),
  'advice.price.gigabyte': setting('number', '0', 'The price of a gigabyte, as compressed by senders.', 0),
  'advice.budgets': setting(
    'budgets',
    '',
    'A list of budgets: what tenants, groups of them or all may cost in a day, a month or a year ' +
      '([advice.md](advice.md)). Exceeding one is reported; rates are only halved for a time if it says ' +
      'so.',
  ),

  'guard.mode': setting(
    ['observe', 'act'],
    'observe',
    'When the load is too high for Mimir, by what the edge measures and by a Prometheus: `act` lets ' +
      'tenants use only part of their rates ([panic.md](panic.md)); `observe` reports in log, metrics and ' +
      'on the page that it would.',
  ),
  'guard.warn.at': setting('count', '75', 'The load that is a warning, in percent of the maximum.', 1, 100),
  'guard.warn.hold': setting('duration', '1m', 'How long the load has to be that high.', 0),
  'guard.warn.admit': setting(
    'count',
    '100',
    'Percent of their rates that tenants may then use, except critical ones.',
    0,
    100,
  ),
  'guard.emergency.at': setting(
    'count',
    '90',
    'The load that is an emergency, in percent of the maximum.',
    1,
    100,
  ),
  'guard.emergency.hold': setting('duration', '30s', 'How long the load has to be that high.', 0),
  'guard.emergency.admit': setting(
    'count',
    '75',
    'Percent of their rates that tenants may then use, except critical ones.',
    0,
    100,
  ),
  'guard.panic.at': setting('count', '95', 'The load that is a panic, in percent of the maximum.', 1, 100),
  'guard.panic.hold': setting('duration', '10s', 'How long the load has to be that high.', 0),
  'guard.panic.admit': setting(
    'count',
    '50',
    'Percent of their rates that tenants may then use, except critical ones.',
    0,
    100,
  ),
  'guard.panic.admit_critical': setting(
    'count',
    '80',
    'Percent of their rates that critical tenants may then use; on lower levels they may use all of ' +
      'them.',
    0,
    100,
  ),
  'guard.recovery.below': setting(
    'count',
    '70',
    'The load, in percent, below which more is admitted again.',
    1,
    100,
  ),
  'guard.recovery.after': setting('duration', '10m', 'How long all loads have to be below that.', 0),
  'guard.recovery.step': setting(
    'count',
    '10',
    'How many percent of their rates tenants get back in each step.',
    1,
    100,
  ),
  'guard.recovery.every': setting('duration', '5m', 'The minimal time between two steps.', 0),
  'guard.bytes_in_flight': setting(
    'bool',
    'true',
    'Whether the body bytes in the edge are a load: `push.max_bytes_in_flight` is 100 %.',
  ),
  'guard.upstream_failures': setting(
    'count',
    '50',
    'The percentage of failing pushes that is a load of 100 %, over the last seconds, and without the ' +
      'tenant whose pushes fail most if others send. 0: this load is ignored.',
    0,
    100,
  ),
  'guard.upstream_latency': setting(
    'count',
    '5',
    "The multiple of Mimir's usual answer time that is a load of 100 %, from 20 ms on. 0: this load is " +
      'ignored.',
    0,
    1000,
  ),
  'guard.prometheus.url': setting(
    'string',
    '',
    'A Prometheus, or a Mimir, that monitors Mimir: the URL above `/api/v1/query`. Empty: none.',
  ),
  'guard.prometheus.cpu': setting(
    'string',
    '',
    "An expression for Mimir's CPU load: 1 is the maximum, and the highest of several series counts. " +
      '[panic.md](panic.md) has examples. Empty: this load is ignored.',
  ),
  'guard.prometheus.memory': setting('string', '', "The same for Mimir's memory."),
  'guard.prometheus.series': setting('string', '', "The same for the series in Mimir's memory."),
  'guard.prometheus.other': setting('string', '', 'The same for anything else that is scarce.'),
  'guard.prometheus.interval': setting('duration', '15s', 'How often these expressions are queried.', 100),
  'guard.prometheus.timeout': setting('duration', '5s', 'How long an answer may take.', 1),
  'guard.prometheus.keep': setting(
    'duration',
    '5m',
    'For this long after an expression last had a value nothing is eased, and without a value it raises ' +
      'nothing. After that it is ignored.',
  ),
  'guard.prometheus.tenant': setting('string', '', 'The `X-Scope-OrgID` for a Mimir. Empty: none is sent.'),
  'guard.prometheus.bearer_token_file': setting(
    'path',
    '',
    'A file with a token (`Authorization: Bearer`). Read again for each query. Empty: no token is sent.',
  ),
  'guard.prometheus.username_file': setting(
    'path',
    '',
    'A file with a user name for HTTP basic authentication. Read again for each query. Empty: none is ' +
      'sent.',
  ),
  'guard.prometheus.password_file': setting('path', '', 'A file with the password of that user.'),
  'guard.prometheus.tls.ca_file': setting(
    'path',
    '',
    "A PEM file with the CA of an https Prometheus' certificate. Empty: the system's CAs.",
  ),

  'shutdown.delay': setting(
    'duration',
    '0s',
    'How long the edge keeps serving after SIGTERM while it reports that it is not ready. Set it to the ' +
      'time that load balancers need to notice.',
    0,
  ),
  'shutdown.timeout': setting(
    'duration',
    '30s',
    'How long requests under way may take after that. The rest is aborted.',
    0,
  ),

  'log.level': setting(
    ['debug', 'info', 'warn', 'error', 'silent'],
    'info',
    'The least severe messages that are logged: `warn` logs warnings and errors, `debug` logs ' +
      'everything, `silent` nothing.',
  ),
  'log.refusals_per_minute': setting(
    'count',
    '6',
    'How many refusals are logged for each tenant in a minute. The metrics always count all of them.',
    0,
  ),
} as const satisfies Record<string, Setting>;

export type SettingPath = keyof typeof SETTINGS;

type SettingValue<S> =
  S extends Setting<infer T>
    ? T extends keyof SettingTypes
      ? SettingTypes[T]
      : T extends readonly (infer Word)[]
        ? Word
        : never
    : never;

export type Settings = { readonly [P in SettingPath]: SettingValue<(typeof SETTINGS)[P]> };
