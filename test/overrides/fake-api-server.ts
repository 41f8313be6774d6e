/**
 * An API server for ConfigMaps, as Kubernetes documents its protocol: lists and watches with field selectors, resource
 * versions, bookmarks, timeouts, history that is compacted; tokens and verbs. Faults come when they are asked for.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';

export interface StoredConfigMap {
  readonly apiVersion: 'v1';
  readonly kind: 'ConfigMap';
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly creationTimestamp: string;
    readonly managedFields: readonly { manager: string; operation: string; time: string }[];
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

type Contents = Pick<StoredConfigMap, 'data' | 'binaryData'>;
type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'delete';

interface HistoryEvent {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: StoredConfigMap;
}

interface Watch {
  readonly response: ServerResponse;
  readonly matches: (object: StoredConfigMap) => boolean;
  readonly bookmarks: boolean;
}

/** What is done to a request in place of answering it. */
export type Fault =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly message?: string }
  | 'reset'
  /** Takes the request, and says nothing. */
  | 'hang'
  /** Of a watch: its headers come, and then nothing. */
  | 'mute'
  /** Of a watch: ends as soon as its headers are there. */
  | 'end'
  /** Of a watch: ends in the middle of its first event. */
  | 'cut'
  /** Of a watch: 410 as the event that the watch cache sends, in place of the status. */
  | 'gone-event';

export interface SeenRequest {
  readonly verb: Verb | 'other';
  readonly path: string;
  readonly query: URLSearchParams;
  readonly token: string | undefined;
}

export class FakeApiServer {
  /** How events are written: whole by default, else into pieces or glued together. */
  write: 'whole' | 'pieces' | 'glued' = 'whole';
  /** Undefined: any, or none. */
  token: string | undefined;
  readonly forbidden = new Set<Verb>();
  readonly seen: SeenRequest[] = [];
  readonly #server;
  readonly #sockets = new Set<Socket>();
  readonly #objects = new Map<string, StoredConfigMap>();
  readonly #watches = new Set<Watch>();
  readonly #faults: { readonly verb: Verb; readonly fault: Fault; left: number }[] = [];
  readonly #tls: boolean;
  #history: HistoryEvent[] = [];
  #version = 1000;
  /** Nothing before it is remembered. */
  #compacted = 1000;
  #port = 0;

  constructor(tls?: TlsOptions) {
    this.#tls = tls !== undefined;
    const handle = (req: IncomingMessage, res: ServerResponse): void => {
      this.#handle(req, res).catch(() => res.destroy());
    };
    this.#server = tls === undefined ? createServer(handle) : createTlsServer(tls, handle);
    this.#server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => undefined);
    });
  }

  get url(): string {
    return `${this.#tls ? 'https' : 'http'}://127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  get watches(): number {
    return this.#watches.size;
  }

  count(verb: Verb): number {
    return this.seen.filter((one) => one.verb === verb).length;
  }

  /** On the same port as before, if there was one. */
  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(this.#port, '127.0.0.1', () => {
        this.#port = (this.#server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  /** Nobody listens on the port any more, and every connection is reset. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.resetConnections();
    });
  }

  put(name: string, contents: Contents | string, namespace = 'mimir'): StoredConfigMap {
    const { data, binaryData } =
      typeof contents === 'string' ? { data: { 'overrides.yaml': contents } } : (contents as Contents);
    const key = `${namespace}/${name}`;
    const before = this.#objects.get(key);
    const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const object: StoredConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name,
        namespace,
        uid: before?.metadata.uid ?? `uid-${this.#version}`,
        resourceVersion: String(++this.#version),
        creationTimestamp: before?.metadata.creationTimestamp ?? now,
        managedFields: [{ manager: 'test', operation: 'Update', time: now }],
      },
      ...(data === undefined ? {} : { data }),
      ...(binaryData === undefined ? {} : { binaryData }),
    };
    this.#objects.set(key, object);
    this.#record({ version: this.#version, type: before === undefined ? 'ADDED' : 'MODIFIED', object });
    return object;
  }

  delete(name: string, namespace = 'mimir'): StoredConfigMap | undefined {
    const before = this.#objects.get(`${namespace}/${name}`);
    if (before === undefined) return undefined;
    this.#objects.delete(`${namespace}/${name}`);
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(++this.#version) } };
    this.#record({ version: this.#version, type: 'DELETED', object });
    return object;
  }

  /** Forgets all events so far: a watch from before them is too old. */
  compact(): void {
    this.#history = [];
    this.#compacted = ++this.#version;
  }

  /** Tells all watches how far they are. */
  bookmark(): void {
    for (const watch of this.#watches) {
      if (!watch.bookmarks) continue;
      const metadata = { resourceVersion: String(this.#version), creationTimestamp: null };
      const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata };
      watch.response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
    }
  }

  /** The next requests of this kind meet this. */
  fault(verb: Verb, fault: Fault, times = 1): void {
    this.#faults.push({ verb, fault, left: times });
  }

  healFaults(): void {
    this.#faults.length = 0;
  }

  /** As when their time is up. */
  endWatches(): void {
    for (const { response } of this.#takeWatches()) response.end();
  }

  /** Watches stay open, and bring nothing any more. */
  muteWatches(): void {
    this.#takeWatches();
  }

  /** An ERROR event to all watches, and their end. */
  errorToWatches(code: number, message: string): void {
    for (const { response } of this.#takeWatches()) response.end(errorEvent(code, message));
  }

  /** Half an event to all watches, and a reset. */
  cutWatches(): void {
    for (const { response } of this.#takeWatches()) {
      response.write('{"type":"MODIFIED","object":{"metadata":{"na');
      setTimeout(() => response.destroy(), 5);
    }
  }

  resetConnections(): void {
    for (const socket of this.#sockets) {
      if ('resetAndDestroy' in socket && !this.#tls) socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  #takeWatches(): Watch[] {
    const watches = [...this.#watches];
    this.#watches.clear();
    return watches;
  }

  #record(event: HistoryEvent): void {
    this.#history.push(event);
    if (this.#history.length > 1000) {
      this.#compacted = this.#history[0]!.version;
      this.#history.shift();
    }
    for (const watch of this.#watches) if (watch.matches(event.object)) this.#send(watch.response, [event]);
  }

  #send(response: ServerResponse, events: readonly Pick<HistoryEvent, 'type' | 'object'>[]): void {
    const lines = events.map(({ type, object }) => `${JSON.stringify({ type, object })}\n`);
    if (this.write === 'glued') response.write(lines.join(''));
    else if (this.write === 'whole') for (const line of lines) response.write(line);
    else {
      // One after the other, each in a packet of its own where the system lets it.
      const bytes = Buffer.from(lines.join(''));
      const size = Math.max(1, Math.ceil(bytes.length / 20));
      for (let at = 0; at < bytes.length; at += size) response.write(bytes.subarray(at, at + size));
    }
  }

  async #handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(req.url ?? '/', 'http://fake');
    const [, namespace, name] =
      /^\/api\/v1\/namespaces\/([^/]+)\/configmaps(?:\/([^/]+))?$/.exec(pathname) ?? [];
    const verb = namespace === undefined ? 'other' : verbOf(req.method ?? '', name, searchParams);
    const token = /^Bearer (.*)$/.exec(req.headers.authorization ?? '')?.[1];
    this.seen.push({ verb, path: pathname, query: searchParams, token });
    const body = await readAll(req);
    if (this.token !== undefined && token !== this.token) {
      sendStatus(res, 401, 'Unauthorized', 'Unauthorized');
      return;
    }
    if (namespace === undefined || verb === 'other') {
      discover(pathname, res);
      return;
    }
    const fault = this.#takeFault(verb);
    if (fault !== undefined && this.#suffer(fault, req, res)) return;
    if (this.forbidden.has(verb)) {
      const who = 'User "system:serviceaccount:mimir:mimir-edge"';
      sendStatus(
        res,
        403,
        'Forbidden',
        `configmaps is forbidden: ${who} cannot ${verb} resource "configmaps" in API group "" in the namespace "${namespace}"`,
      );
      return;
    }
    if (body !== '' && !/json/.test(req.headers['content-type'] ?? '')) {
      sendStatus(res, 415, 'UnsupportedMediaType', 'only JSON is understood here');
      return;
    }
    if (verb === 'watch') this.#watch(namespace, name, searchParams, fault, res);
    else if (verb === 'list') this.#list(namespace, searchParams, res);
    else this.#single(verb, namespace, name, body, res);
  }

  #takeFault(verb: Verb): Fault | undefined {
    const found = this.#faults.find((one) => one.verb === verb && one.left > 0);
    if (found !== undefined) found.left--;
    return found?.fault;
  }

  /** True: there is nothing more to do. */
  #suffer(fault: Fault, req: IncomingMessage, res: ServerResponse): boolean {
    if (fault === 'hang') return true;
    if (fault === 'reset') {
      req.socket.destroy();
      return true;
    }
    if (typeof fault === 'object') {
      sendStatus(res, fault.status, 'Failure', fault.message ?? 'a fault that was asked for', fault.headers);
      return true;
    }
    return false;
  }

  #list(namespace: string, query: URLSearchParams, res: ServerResponse): void {
    const matches = selector(namespace, undefined, query);
    sendJson(res, 200, {
      kind: 'ConfigMapList',
      apiVersion: 'v1',
      metadata: { resourceVersion: String(this.#version) },
      items: [...this.#objects.values()].filter(matches),
    });
  }

  #watch(
    namespace: string,
    name: string | undefined,
    query: URLSearchParams,
    fault: Fault | undefined,
    res: ServerResponse,
  ): void {
    const matches = selector(namespace, name, query);
    const asked = query.get('resourceVersion') ?? '';
    const from = asked === '' || asked === '0' ? undefined : Number(asked);
    const tooOld = `too old resource version: ${asked} (${this.#compacted})`;
    if (from !== undefined && from > this.#version) {
      sendStatus(res, 504, 'Timeout', `Too large resource version: ${asked}, current: ${this.#version}`);
      return;
    }
    if (from !== undefined && from < this.#compacted && fault !== 'gone-event') {
      sendStatus(res, 410, 'Expired', tooOld);
      return;
    }
    res.writeHead(200, { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' });
    res.flushHeaders();
    if (fault === 'end') {
      res.end();
      return;
    }
    if (fault === 'gone-event') {
      res.end(errorEvent(410, tooOld));
      return;
    }
    if (fault === 'mute') return;
    if (fault === 'cut') {
      res.write('{"type":"MODIFIED","object":{"metadata":{"na');
      setTimeout(() => res.destroy(), 5);
      return;
    }
    const missed =
      from === undefined
        ? [...this.#objects.values()].map((object) => ({ type: 'ADDED' as const, object }))
        : this.#history.filter(({ version }) => version > from);
    this.#send(
      res,
      missed.filter(({ object }) => matches(object)),
    );
    const watch = { response: res, matches, bookmarks: query.get('allowWatchBookmarks') === 'true' };
    this.#watches.add(watch);
    const seconds = Number(query.get('timeoutSeconds') ?? 3600);
    const timer = setTimeout(() => {
      this.#watches.delete(watch);
      res.end();
    }, seconds * 1000);
    res.on('close', () => {
      clearTimeout(timer);
      this.#watches.delete(watch);
    });
  }

  #single(verb: Verb, namespace: string, name: string | undefined, body: string, res: ServerResponse): void {
    const sent = body === '' ? undefined : (JSON.parse(body) as StoredConfigMap);
    const target = name ?? sent?.metadata.name ?? '';
    const stored = this.#objects.get(`${namespace}/${target}`);
    if (verb === 'create' && stored !== undefined) {
      sendStatus(res, 409, 'AlreadyExists', `configmaps "${target}" already exists`);
    } else if (verb !== 'create' && stored === undefined) {
      sendStatus(res, 404, 'NotFound', `configmaps "${target}" not found`);
    } else if (verb === 'get') {
      sendJson(res, 200, stored);
    } else if (verb === 'delete') {
      this.delete(target, namespace);
      sendJson(res, 200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' });
    } else {
      const asked = sent?.metadata.resourceVersion;
      if (verb === 'update' && asked !== undefined && asked !== stored?.metadata.resourceVersion) {
        sendStatus(res, 409, 'Conflict', 'the object has been modified');
        return;
      }
      sendJson(res, verb === 'create' ? 201 : 200, this.put(target, sent ?? {}, namespace));
    }
  }
}

function verbOf(method: string, name: string | undefined, query: URLSearchParams): Verb | 'other' {
  if (method === 'GET') {
    if (['true', '1'].includes(query.get('watch') ?? '')) return 'watch';
    return name === undefined ? 'list' : 'get';
  }
  return ({ POST: 'create', PUT: 'update', DELETE: 'delete' } as const)[method] ?? 'other';
}

function selector(namespace: string, name: string | undefined, query: URLSearchParams) {
  const wanted = name ?? /(?:^|,)metadata\.name=([^,]+)/.exec(query.get('fieldSelector') ?? '')?.[1];
  return ({ metadata }: StoredConfigMap): boolean =>
    metadata.namespace === namespace && (wanted === undefined || metadata.name === wanted);
}

/** What a client asks before it asks for anything: kubectl does. */
function discover(path: string, res: ServerResponse): void {
  const configmaps = {
    name: 'configmaps',
    singularName: 'configmap',
    namespaced: true,
    kind: 'ConfigMap',
    verbs: ['create', 'delete', 'get', 'list', 'update', 'watch'],
    shortNames: ['cm'],
  };
  const answers: Readonly<Record<string, unknown>> = {
    '/version': { major: '1', minor: '32', gitVersion: 'v1.32.0' },
    '/api': { kind: 'APIVersions', versions: ['v1'] },
    '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [] },
    '/api/v1': { kind: 'APIResourceList', groupVersion: 'v1', resources: [configmaps] },
  };
  if (Object.hasOwn(answers, path)) sendJson(res, 200, answers[path]);
  else sendStatus(res, 404, 'NotFound', 'the server could not find the requested resource');
}

function errorEvent(code: number, message: string): string {
  const reason = code === 410 ? 'Expired' : 'InternalError';
  const object = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
  return `${JSON.stringify({ type: 'ERROR', object })}\n`;
}

function sendStatus(
  res: ServerResponse,
  code: number,
  reason: string,
  message: string,
  headers: Record<string, string> = {},
): void {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
  sendJson(res, code, status, headers);
}

function sendJson(
  res: ServerResponse,
  code: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  res.writeHead(code, { 'Content-Type': 'application/json', ...headers }).end(`${JSON.stringify(value)}\n`);
}

async function readAll(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
