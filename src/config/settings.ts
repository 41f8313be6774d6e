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
    'How many processes serve behind one port; `auto` is one for each core. Workers of one machine share ' +
      'their buckets without Redis. Raise it when one core is not enough.',
    1,
    256,
  ),

  'upstream.url': setting(
    'url',
    '',
    "Where accepted pushes go: the URL of Mimir's distributors, or of the load balancer in front of them, or a list. " +
      'All addresses of a name are used. `dns:http://NAME:PORT` asks DNS servers for them and keeps to the time that they ' +
      'give, `srv:http://_http._tcp.NAME` asks for SRV records, which have the ports; `#ZONE` behind a URL says where its ' +
      'addresses are.',
  ),
  'upstream.resolve_interval': setting(
    'duration',
    '30s',
    'How often names in `upstream.url` are looked up again, besides when a connection fails or has reached its age. Of ' +
      '`dns:` and `srv:` a shorter time that DNS gives wins.',
    1000,
  ),
  'upstream.dns_servers': setting(
    'strings',
    '',
    "The DNS servers to ask for `dns:` and `srv:`, as IP:port. Empty: the system's.",
  ),
  'upstream.zone': setting(
    'string',
    '',
    'The zone that this edge is in. Addresses of the same zone are preferred while half of them are well. Empty: all alike.',
  ),
  'upstream.max_connection_age': setting(
    'duration',
    '5m',
    'How long a connection to Mimir is used, a tenth more or less, so that new distributors get their share. 0: for as ' +
      'long as it lasts.',
  ),
  'upstream.slow_start': setting(
    'duration',
    '10s',
    'How long the share of an address grows that is new, or well again. 0: it has its whole share at once.',
  ),
  'upstream.retry_503': setting(
    'bool',
    'false',
    'Whether a push that an address answers with 503 goes to another one, once, and at most one push of ten. Mimir may have ' +
      'taken a part of such a push; the same samples at the same times are stored once.',
  ),
  'upstream.breaker': setting(
    ['off', 'observe', 'act'],
    'observe',
    'When half of the pushes of ten seconds, twenty at least, fail with every address: act answers further ones with 503 at ' +
      'once, and tries one at a time after a while; observe only says so, in log, metrics and on the page.',
  ),
  'upstream.fairness': setting(
    ['off', 'observe', 'act'],
    'off',
    'When Mimir is slower than it was, or says that it is overloaded: act sends it only what it answers in time, and tenants ' +
      'share that by their weights; who is above its share waits a little, then gets 503. observe counts what would wait.',
  ),
  'upstream.fair_wait': setting('duration', '1s', 'How long a push may wait for its turn then.', 1),
  'upstream.fair_bytes': setting('size', '64MiB', 'Body bytes that may wait for their turn then.', 1),
  'upstream.capacity_floor': setting(
    'count',
    '10000',
    'Samples and other items that may be under way to each address, however slow it is, in pushes of 1000. Of larger pushes ' +
      'more may be, of smaller ones less: a push of a hundred times the size needs ten times the room.',
    1,
  ),
  'upstream.capacity_learning': setting(
    'duration',
    '30s',
    'How long after the start, and after an address is new, it is only watched how soon it answers.',
  ),
  'upstream.ready_path': setting(
    'string',
    '',
    'What each address is asked for to learn whether it is ready, such as /ready. Three answers of 5xx, or none, leave it ' +
      'out. Empty: addresses are judged by what they answer to pushes alone.',
  ),
  'upstream.ready_interval': setting('duration', '5s', 'How often `upstream.ready_path` is asked for.', 100),
  'upstream.connections': setting(
    'count',
    '128',
    'The most connections to each address for pushes, and as many again for all else; a request waits for a free one. ' +
      'Raise it when Mimir is slow to answer and many pushes are under way.',
    1,
  ),
  'upstream.queue_timeout': setting(
    'duration',
    '10s',
    'How long a request may wait for a free connection. After that it was never sent, and the sender gets 503 and ' +
      'comes again.',
    1,
  ),
  'upstream.tenant_share': setting(
    'count',
    '50',
    'Percent of the connections for what is no push that one tenant may hold at one time, so that its slow queries ' +
      'leave some to the others.',
    1,
    100,
  ),
  'upstream.address_share': setting(
    'count',
    '80',
    'Percent of the connections for what is no push that requests from one address may hold at one time, while others ' +
      'ask, too.',
    1,
    100,
  ),
  'upstream.connect_timeout': setting(
    'duration',
    '2s',
    'How long connecting to Mimir may take. After that another address is tried, once, or the sender gets 502.',
    1,
  ),
  'upstream.headers_timeout': setting(
    'duration',
    '30s',
    'How long Mimir may take to begin its answer to a push, from when the edge would send it: the wait for a ' +
      'connection counts. After that the sender gets 504 and comes again.',
    1,
  ),
  'upstream.body_timeout': setting(
    'duration',
    '30s',
    'How long Mimir may pause within its answer to a push before the answer is cut off.',
    1,
  ),
  'upstream.tls.ca_file': setting(
    'path',
    '',
    'A PEM file with the CA that signed the certificate of an https upstream. Empty: the CAs of the ' +
      'system.',
  ),

  'listen.proxy': setting(
    'address',
    '0.0.0.0:8080',
    'The address for senders: pushes, and everything else that is passed through to Mimir.',
  ),
  'listen.grpc': setting(
    'address',
    '0.0.0.0:8081',
    "The address that Envoy's ext_authz and ratelimit filters call. Served with `envoy.enabled` alone.",
  ),
  'listen.admin': setting(
    'address',
    '127.0.0.1:8082',
    'The address for metrics, probes, the admin API and the status page. Anybody who reaches it can read ' +
      'them, see `admin.reads`.',
  ),

  'admin.tokens_file': setting(
    'path',
    '',
    'A file with the tokens of the admin API, one a line: a name, `read` or `write`, the token. Read ' +
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
      'work; a request for any other name is refused. Metrics are served under names of the own network, too (`edge-1`, ' +
      '`edge.monitoring.svc`).',
  ),
  'admin.audit_file': setting(
    'path',
    '',
    'A file to which every change is added as a line of JSON. Empty: changes are kept in memory until the ' +
      'restart.',
  ),
  'admin.history_max_bytes': setting(
    'size',
    '256MiB',
    "The most memory for the last day's curves of all tenants. A tenant that always sends takes about 20 " +
      'kB, and 11 kB more for each reason for which it loses something; beyond the limit further counters have no curves.',
    0,
  ),

  'usage.dir': setting(
    'path',
    '',
    "A folder where the hours and days of tenants' usage are kept without Redis, for restarts ([usage.md](usage.md)). Of " +
      'this machine alone: no other may have the same. Empty: they are kept in memory; with Redis they are kept there.',
  ),
  'usage.max_bytes': setting(
    'size',
    '256MiB',
    'The most memory, in Redis or here, for the hours and days of all tenants. A tenant that always sends takes about 10 kB. ' +
      'Beyond it tenants that have none yet get none (`mimir_edge_usage_records_without_room`). With Redis each replica has a ' +
      'quarter of it in memory at most, for hours of what it counted itself: 3 kB for such a tenant.',
    0,
  ),
  'usage.tenants_max': setting(
    'count',
    '10000',
    'The most tenants in an hour of the whole fleet that have usage of their own, about 8 kB of memory each where the book is ' +
      'kept, and 5 kB in each replica of a fleet for what it counted itself. Further ones are counted together as `(other)` (`mimir_edge_usage_tenants_without_room`).',
    1,
    100_000,
  ),

  'usage.prometheus.url': setting(
    'string',
    '',
    "A Prometheus, or what answers like one (Mimir's is behind `/prometheus`), that is asked once for the tenants' usage of " +
      'before the edge kept it ([usage.md](usage.md)). Empty: none is.',
  ),
  'usage.prometheus.bearer_token_file': setting(
    'path',
    '',
    'A file with a token that is sent to it (`Authorization: Bearer`). Empty: none is sent.',
  ),
  'usage.prometheus.tenant': setting(
    'string',
    '',
    'The `X-Scope-OrgID` that is sent to it. Empty: none is sent.',
  ),
  'usage.prometheus.selector': setting(
    'string',
    '',
    'Further matchers for its metrics, as in PromQL: `cluster="prod"`, where it has several Mimirs\'.',
  ),
  'usage.prometheus.replication_factor': setting(
    'count',
    '3',
    'How many ingesters of Mimir hold each series: what they say of active series is divided by it.',
    1,
    10,
  ),

  'metrics.tenants': setting(
    'most',
    'all',
    'Which tenants have lines of their own in /metrics: `all` in memory, the so many busiest by samples, or ' +
      '`none`. All others are counted together as `(other)`. A tenant has some 20 lines, more if it is refused.',
    0,
    Number.POSITIVE_INFINITY,
  ),

  'tenant.header': setting('string', 'X-Scope-OrgID', 'The request header that names the tenant.'),
  'tenants.max': setting(
    'count',
    '10000',
    'The most tenants that are held in memory. When one more comes, one that no overrides document names ' +
      'leaves, else the least recently used one, and its counters join `(other)`. Set it above the number ' +
      'of tenants that send.',
    1,
  ),
  'tenants.unknown_max': setting(
    'most',
    'all',
    'The most tenants that no overrides document names: so many, or `all` of the room that others leave in ' +
      '`tenants.max`. They never push out a tenant that a document names. When there is no room, the one ' +
      'that leaves has full buckets or, without Redis, is remembered with what it owes; where neither is to ' +
      'be had, new ones share one set of buckets under the default limits, and are counted as `(other)`.',
    0,
    Number.POSITIVE_INFINITY,
  ),
  'tenants.unknown': setting(
    ['defaults', 'refuse', 'pass'],
    'defaults',
    'What happens to tenants that no overrides document names: they get the default limits (`defaults`), ' +
      '403 (`refuse`), or go to Mimir without being judged (`pass`).',
  ),
  mode: setting(
    ['enforce', 'shadow', 'off'],
    'enforce',
    'What happens to pushes over a limit, for tenants without a mode of their own: `enforce` refuses ' +
      'them, `shadow` counts them and lets them pass, `off` does not judge at all. `off` here also switches ' +
      'off tenants that have a mode.',
  ),

  'push.paths': setting(
    'strings',
    '/api/v1/push',
    'The paths that take pushes. Limits hold however such a path is written (percent-encoded, with `//` ' +
      'or `/../`, in another case). Every path that does not write is passed through.',
  ),
  'push.unjudged': setting(
    ['refuse', 'pass'],
    'refuse',
    'What happens to writes that the edge does not judge (`/api/v1/push/influx/write` unless `push.influx` is set, ' +
      '`/otlp/v1/metrics` without `push.otlp`, and `/api/v1/push` if it is not in `push.paths`): 503 (`refuse`), or they go to Mimir ' +
      'past every limit of the edge (`pass`).',
  ),
  'push.otlp': setting(
    'bool',
    'true',
    'Whether `/otlp/v1/metrics` takes OTLP, under the same limits as remote write ([otlp.md](otlp.md)).',
  ),
  'push.influx': setting(
    'bool',
    'false',
    'Whether `/api/v1/push/influx/write` takes pushes in line protocol, under the same limits as remote write ' +
      '([influx.md](influx.md)). Set it where Mimir has it, too (`-distributor.influx-endpoint-enabled`).',
  ),
  'push.max_body_bytes': setting(
    'size',
    '100MiB',
    'The largest push, as sent (compressed). A larger one gets 400, as from Mimir. Keep it at or below what Mimir takes ' +
      '(`-distributor.max-recv-msg-size`).',
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
    "The most series in one push, whatever the tenant's limits. A push with more gets 413. It keeps a " +
      'small body from claiming much memory.',
    1,
  ),
  'push.max_bytes_in_flight': setting(
    'size',
    '512MiB',
    'The most memory for bodies that one process holds at one time. When it is used up, pushes get 503 ' +
      'before their bodies are read, and senders come again. Raise it, with the memory of the pod, when ' +
      'Mimir is slow.',
    1,
  ),
  'push.tenant_share': setting(
    'count',
    '50',
    'Percent of `push.max_bytes_in_flight` that bodies of one tenant may hold at one time.',
    1,
    100,
  ),
  'push.address_share': setting(
    'count',
    '80',
    'Percent of `push.max_bytes_in_flight` that bodies from one address may hold at one time, while others send, too: one that ' +
      'has been alone for two minutes, as a proxy is, may hold all of it.',
    1,
    100,
  ),

  'series.over_limit': setting(
    ['filter', 'refuse'],
    'filter',
    'What happens to a push of which some series break a label rule, or are new and over a series limit: ' +
      'the others go on to Mimir (`filter`, as Mimir does it), or all of it is refused (`refuse`).',
  ),
  'ha.tracker_enabled': setting(
    'bool',
    'false',
    "Whether Mimir has an HA tracker (`-distributor.ha-tracker.enable`). Without one Mimir takes all that a tenant's HA " +
      'pairs send, whatever its `accept_ha_samples` says, and so does the edge.',
  ),
  'ha.drop_duplicates': setting(
    'bool',
    'true',
    'Whether pushes from replicas of an HA pair that are not elected are answered 202 here. With false ' +
      'they go to Mimir, which drops them; they are not charged either way.',
  ),

  'server.header_timeout': setting(
    'duration',
    '10s',
    'How long a sender may take for the headers of a request; on `listen.grpc` a client for the TLS handshake, and for ' +
      'the beginning of HTTP/2.',
    1,
  ),
  'server.body_timeout': setting(
    'duration',
    '30s',
    'How long a sender may take for the body of a push; after that it gets 503. Other bodies, which are ' +
      'passed through, have to bring 1 KiB in this time.',
    1,
  ),
  'server.idle_timeout': setting(
    'duration',
    '75s',
    'How long an idle connection is kept open. Keep it longer than the load balancer in front keeps its ' +
      'own.',
    1,
  ),
  'server.write_timeout': setting(
    'duration',
    '30s',
    'How long a sender may take nothing of an answer before its connection is cut. Until it has taken the answers to ' +
      'its last requests the next one is not served.',
    1,
  ),
  'server.max_connections': setting(
    'count',
    '10000',
    'The most connections from senders at one time. Further ones are closed at once.',
    1,
  ),

  'decode.inline_max_bytes': setting(
    'size',
    '1MiB',
    'Bodies up to this size, uncompressed, are decoded on the main thread; larger ones, and those made to expand, in a ' +
      'decoding thread, so that they hold up nobody else.',
    0,
  ),
  'decode.threads': setting(
    'threads',
    'auto',
    'How many threads decode large bodies; `auto` is half of the cores, shared among `workers`, and 1 to 4. 0 decodes ' +
      'everything on the main thread. Raise it when `mimir_edge_decode_queue` stays above 0.',
    0,
    256,
  ),
  'decode.max_waiting': setting(
    'count',
    '32',
    'How many large bodies of one tenant may wait for a decoding thread. Further ones get 503. Tenants take turns, ' +
      'however many each has waiting.',
    1,
  ),
  'decode.max_retained_bytes': setting(
    'size',
    '64MiB',
    'How much memory a decoder keeps after a push. What a large push needed beyond it is given back.',
    0,
  ),

  'overrides.file': setting(
    'paths',
    '',
    "Mimir's overrides files (its runtime configuration). Several are merged in order: the later wins, " +
      'limit by limit. Empty: none.',
  ),
  'overrides.edge_file': setting(
    'paths',
    '',
    "Files with the edge's own limits, which Mimir does not have. They look like overrides files, but " +
      'must not be given to Mimir.',
  ),
  'overrides.sources': setting(
    'sources',
    '',
    "Further places of Mimir's overrides, merged after the files: `configmap:[NAMESPACE/]NAME[#KEY]`, an " +
      'http:// or https:// URL, `file:PATH`, or a list of these.',
  ),
  'overrides.edge_sources': setting(
    'sources',
    '',
    "Further places of the edge's own limits, written as in `overrides.sources`.",
  ),
  'overrides.bearer_token_file': setting(
    'path',
    '',
    'A file with a token that is sent to every overrides URL (`Authorization: Bearer`). Read again for ' +
      'each request. Empty: no token is sent.',
  ),
  'overrides.poll_interval': setting(
    'duration',
    '10s',
    'How often the edge looks for changes: at a URL always, at a file where the system reports none, at a ' +
      'ConfigMap while its watch is broken (then this is the longest wait).',
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
    'How long the watch of a ConfigMap may bring nothing before it counts as broken. The API server sends ' +
      'a sign of life every minute: keep it above that.',
    1000,
  ),
  'overrides.kubeconfig': setting(
    'path',
    '',
    "A kubeconfig whose current context leads to the API server. Empty: the pod's own service account.",
  ),
  'overrides.max_bytes': setting(
    'size',
    '16MiB',
    'The largest overrides document. A larger one is not used, and the last good one stays.',
    1,
  ),
  'overrides.required': setting(
    'bool',
    'false',
    'Whether the edge waits to become ready until all overrides were read once. With false it starts with ' +
      'the default limits for everybody when they can not be read.',
  ),
  'overrides.keep_in': setting(
    'path',
    '',
    'A folder where the last good overrides are kept, for a start while their source can not be read. ' +
      'Empty: none are kept.',
  ),

  'mimir.distributors': setting(
    'count',
    '1',
    'How many distributors Mimir runs. Each of them grants a tenant its whole burst, so the edge ' +
      'multiplies bursts by it. Change it when the distributors are scaled.',
    1,
  ),
  'mimir.usage_tracker': setting(
    'bool',
    'false',
    'Mimir runs a usage tracker (`-usage-tracker.enabled`). It answers for `max_global_series_per_user`, too, where a ' +
      'tenant has no `max_active_series_per_user`: with `err-mimir-max-active-series` and the status of that.',
  ),
  'mimir.retry_after.enabled': setting(
    'bool',
    'true',
    "Whether Mimir's answers to senders that are over a limit have the header Retry-After: the edge's answers " +
      "in its place are the same. Give the three what Mimir's flags `-distributor.retry-after-header.*` have.",
  ),
  'mimir.retry_after.min_backoff': setting(
    'duration',
    '6s',
    'The least of these Retry-After, and what they are about after the first attempt. Each further one that the sender ' +
      'counts in its header Retry-Attempt doubles it.',
    1000,
  ),
  'mimir.retry_after.max_backoff': setting('duration', '96s', 'The most of these Retry-After.', 1000),

  'state.redis.url': setting(
    'redis',
    '',
    'The Redis in which replicas share buckets, HA elections and active series: redis:// or rediss://, ' +
      'several URLs for Sentinel or Cluster. Empty: each replica enforces the limits for itself.',
  ),
  'state.redis.mode': setting(
    ['single', 'sentinel', 'cluster'],
    'single',
    'How the URLs are to be understood: one Redis server (`single`), sentinels that name it (`sentinel`), ' +
      'or nodes of a Redis Cluster (`cluster`).',
  ),
  'state.redis.sentinel_master': setting(
    'string',
    'mymaster',
    'The name under which the sentinels know the primary. Used with `state.redis.mode: sentinel`.',
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
    'A file with the password of the sentinels themselves, where they have one.',
  ),
  'state.redis.tls.ca_file': setting(
    'path',
    '',
    'A PEM file with the CA that signed the certificate of a rediss:// server. Empty: the CAs of the ' +
      'system.',
  ),
  'state.redis.tls.cert_file': setting(
    'path',
    '',
    'A PEM file with a client certificate, where Redis asks for one.',
  ),
  'state.redis.tls.key_file': setting('path', '', 'A PEM file with the key of that certificate.'),
  'state.redis.key_prefix': setting(
    'string',
    'mimir-edge:',
    'What every key in Redis begins with. Give two fleets that use one Redis different prefixes.',
  ),
  'state.redis.command_timeout': setting(
    'duration',
    '50ms',
    'How long a push waits for one answer of Redis. After that `state.on_loss` decides.',
    1,
  ),
  'state.redis.connect_timeout': setting(
    'duration',
    '1s',
    'How long connecting to Redis may take; the start waits as long for it, and goes on without.',
    1,
  ),
  'state.redis.max_in_flight': setting(
    'count',
    '1024',
    "The most calls to Redis that are not answered yet. Beyond it, pushes are decided by the replica's " +
      'own share.',
    1,
  ),
  'state.replicas': setting(
    'count',
    '0',
    'How many replicas share the limits. 0: they count each other through Redis. Set it where Redis may ' +
      'be away when they start.',
    0,
  ),
  'state.on_loss': setting(
    ['local-share', 'allow', 'refuse'],
    'local-share',
    'What holds while Redis does not answer: each replica enforces its share of the limits ' +
      '(`local-share`), pushes are let through (`allow`), or they get 503 (`refuse`). `allow` and `refuse` ' +
      'are for pushes that the replica has no tokens left for.',
  ),
  'state.hash_key_file': setting(
    'path',
    '',
    'A file with a secret of at least 16 characters, under which series are hashed, so that no sender can make series ' +
      'that count as one. All replicas need the same. Empty: they agree on one in Redis, which is right unless others ' +
      'can read that.',
  ),
  'state.dir': setting(
    'path',
    '',
    "A folder of this replica's own for what has to outlive its restart: the modes and limits that are set for a " +
      'time, and where guards stand, so that a kill switch or a panic holds again though Redis is away. Empty: ' +
      'nothing is kept.',
  ),
  'state.close_timeout': setting(
    'duration',
    '1s',
    'How long a replica that stops may take to give back the tokens that it holds and to announce its ' +
      'last series.',
    0,
  ),

  'series.tracking': setting(
    'bool',
    'true',
    'Whether the edge knows which series are active, and enforces limits on them. Switch it off to save ' +
      'about 18 bytes a series.',
  ),
  'series.idle_timeout': setting(
    'duration',
    '20m',
    'A series that was not sent for this long is no longer active and makes room. Rounded up to whole ' +
      'minutes. All replicas need the same.',
    60_000,
    5_400_000,
  ),
  'series.max': setting(
    'count',
    '20000000',
    'The most active series that one process remembers, about 18 bytes each. Beyond it new series pass ' +
      'uncounted (`mimir_edge_series_untracked_total`). Tenants without a series limit get half of it at most.',
    1,
    100_000_000,
  ),

  'envoy.enabled': setting(
    'bool',
    'false',
    "Whether Envoy's ext_authz and ratelimit filters are served, on `listen.grpc`. The proxy is then " +
      'served only if `upstream.url` is set.',
  ),
  'envoy.charge': setting(
    'bool',
    'true',
    'Whether ext_authz charges the tenant for a push. Set it to false where the ratelimit filter behind ' +
      'it charges, or pushes are charged twice.',
  ),
  'envoy.on_partial_body': setting(
    ['refuse', 'pass'],
    'refuse',
    'What happens to a push of which Envoy sends only a part: 413 (`refuse`), or it passes unjudged ' +
      '(`pass`).',
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
    'What happens to a push whose body Envoy sends as text, which destroys it (`pack_as_bytes` is not ' +
      'set): 503 (`refuse`), or it passes unjudged (`pass`).',
  ),
  'envoy.on_filter': setting(
    ['refuse', 'pass'],
    'refuse',
    'What happens to a push of which some series may not pass, since ext_authz can not take them out: all ' +
      'of it is refused (`refuse`), or it passes whole (`pass`).',
  ),
  'envoy.ratelimit.domains': setting(
    'strings',
    'mimir-edge',
    'The `domain` of the ratelimit calls that are served. Calls of other domains are unknown, see ' +
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
    "Whether a limit that a descriptor brings along holds in place of the tenant's own.",
  ),
  'envoy.ratelimit.headers': setting('bool', 'true', 'Whether clients are sent `RateLimit-*` headers.'),
  'envoy.max_connections': setting(
    'count',
    '1000',
    'The most gRPC connections at one time. Further ones are closed at once.',
    1,
  ),
  'envoy.max_concurrent_streams': setting(
    'count',
    '1024',
    'The most calls at one time on one gRPC connection.',
    1,
    2 ** 31 - 1,
  ),
  'envoy.max_connection_age': setting(
    'duration',
    '5m',
    'How old a gRPC connection may get before Envoy is asked to open another, so that new replicas get ' +
      'their share of the calls.',
    1000,
  ),
  'envoy.tls.cert_file': setting(
    'path',
    '',
    'A PEM file with the certificate of `listen.grpc`; a new one is taken up within seconds. Empty: no ' +
      'TLS.',
  ),
  'envoy.tls.key_file': setting('path', '', 'A PEM file with the key of that certificate.'),
  'envoy.tls.client_ca_file': setting(
    'path',
    '',
    'A PEM file with a CA: clients must then show a certificate that it signed. Empty: clients need none.',
  ),

  'advice.policies': setting(
    'policies',
    '',
    'How limits are advised, a list; the first policy whose `tenants` match a tenant holds for it ([advice.md](advice.md)). ' +
      'Empty: the highest hour and a fifth for all.',
  ),
  'advice.currency': setting(
    'string',
    'USD',
    'What prices and budgets are in. It is a name: nothing is converted.',
  ),
  'advice.price.million_samples': setting(
    'number',
    '0.0006',
    'What a million samples cost that Mimir took. [advice.md](advice.md) has the sums behind the defaults.',
    0,
  ),
  'advice.price.thousand_series_month': setting(
    'number',
    '0.465',
    'What a thousand active series cost in a month of 730 hours.',
    0,
  ),
  'advice.price.gigabyte': setting('number', '0', 'What a gigabyte costs, as senders compressed it.', 0),
  'advice.budgets': setting(
    'budgets',
    '',
    'What tenants, groups of them or all may cost in a day, a month or a year, a list ([advice.md](advice.md)). Going over ' +
      'one is told; only where it says so are rates halved for a time.',
  ),

  'guard.mode': setting(
    ['observe', 'act'],
    'observe',
    'When too much comes for Mimir, by what the edge measures and by a Prometheus: act lets tenants use a part of their rates alone ' +
      '([panic.md](panic.md)); observe says in log, metrics and on the page that it would.',
  ),
  'guard.warn.at': setting(
    'count',
    '75',
    'The load, in percent of what can be borne, that is a warning.',
    1,
    100,
  ),
  'guard.warn.hold': setting('duration', '1m', 'How long it has to be as high before that counts.', 0),
  'guard.warn.admit': setting(
    'count',
    '100',
    'Percent of their rates that tenants may use then, all but critical ones.',
    0,
    100,
  ),
  'guard.emergency.at': setting('count', '90', 'The load that is an emergency.', 1, 100),
  'guard.emergency.hold': setting('duration', '30s', 'How long it has to be as high before that counts.', 0),
  'guard.emergency.admit': setting(
    'count',
    '75',
    'Percent of their rates that tenants may use then, all but critical ones.',
    0,
    100,
  ),
  'guard.panic.at': setting('count', '95', 'The load that is a panic.', 1, 100),
  'guard.panic.hold': setting('duration', '10s', 'How long it has to be as high before that counts.', 0),
  'guard.panic.admit': setting(
    'count',
    '50',
    'Percent of their rates that tenants may use then, all but critical ones.',
    0,
    100,
  ),
  'guard.panic.admit_critical': setting(
    'count',
    '80',
    'Percent of their rates that critical tenants may use then; before, all of them.',
    0,
    100,
  ),
  'guard.recovery.below': setting(
    'count',
    '70',
    'More is admitted again once every load is below so many percent.',
    1,
    100,
  ),
  'guard.recovery.after': setting('duration', '10m', 'How long they have to be below that.', 0),
  'guard.recovery.step': setting(
    'count',
    '10',
    'How many percent of their rates come back at a time.',
    1,
    100,
  ),
  'guard.recovery.every': setting('duration', '5m', 'How long it is from one step to the next, at least.', 0),
  'guard.bytes_in_flight': setting(
    'bool',
    'true',
    'Whether the body bytes that the edge holds are a load: all of `push.max_bytes_in_flight` are 100 %.',
  ),
  'guard.upstream_failures': setting(
    'count',
    '50',
    'Percent of the pushes of the last seconds that fail at Mimir which are a load of 100 %; the tenant whose pushes fail most does ' +
      'not count while others send. 0: they are none.',
    0,
    100,
  ),
  'guard.upstream_latency': setting(
    'count',
    '5',
    'How many times as long as usual Mimir takes to answer at a load of 100 %, from 20 ms up. 0: that is no load.',
    0,
    1000,
  ),
  'guard.prometheus.url': setting(
    'string',
    '',
    'A Prometheus, or a Mimir, that knows how Mimir fares: `/api/v1/query` is below it. Empty: none is asked.',
  ),
  'guard.prometheus.cpu': setting(
    'string',
    '',
    "An expression for Mimir's CPU: 1 is as much as can be borne, and of several series the highest counts. [panic.md](panic.md) has " +
      'examples. Empty: it is no load.',
  ),
  'guard.prometheus.memory': setting('string', '', "The same for Mimir's memory."),
  'guard.prometheus.series': setting('string', '', "The same for the series in Mimir's memory."),
  'guard.prometheus.other': setting('string', '', 'The same for whatever else is scarce.'),
  'guard.prometheus.interval': setting('duration', '15s', 'How often they are asked for.', 100),
  'guard.prometheus.timeout': setting('duration', '5s', 'How long an answer may take.', 1),
  'guard.prometheus.keep': setting(
    'duration',
    '5m',
    'While an expression does not come to a number nothing is raised by it, and for so long nothing is eased. After that it is as if ' +
      'it were not there.',
  ),
  'guard.prometheus.tenant': setting(
    'string',
    '',
    'What `X-Scope-OrgID` says, where a Mimir is asked. Empty: no such header is sent.',
  ),
  'guard.prometheus.bearer_token_file': setting(
    'path',
    '',
    'A file with a token that is sent along (`Authorization: Bearer`). Read again for each question. Empty: none is sent.',
  ),
  'guard.prometheus.username_file': setting(
    'path',
    '',
    'A file with a user name for HTTP basic authentication. Read again for each question. Empty: none is sent.',
  ),
  'guard.prometheus.password_file': setting('path', '', 'A file with the password of that user.'),
  'guard.prometheus.tls.ca_file': setting(
    'path',
    '',
    'A PEM file with the CA that signed the certificate of an https Prometheus. Empty: the CAs of the system.',
  ),

  'shutdown.delay': setting(
    'duration',
    '0s',
    'How long the edge goes on serving after SIGTERM while it says that it is not ready. Set it to the ' +
      'time that load balancers take to notice.',
    0,
  ),
  'shutdown.timeout': setting(
    'duration',
    '30s',
    'How long requests under way may take after that. What is left is cut off.',
    0,
  ),

  'log.level': setting(
    ['debug', 'info', 'warn', 'error', 'silent'],
    'info',
    'The least severe messages that are logged: `warn` logs warnings and errors, `debug` everything, ' +
      '`silent` nothing.',
  ),
  'log.refusals_per_minute': setting(
    'count',
    '6',
    'How many refusals are logged for each tenant in a minute. All of them are counted in the metrics, ' +
      'whatever this is.',
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
