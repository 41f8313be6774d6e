/** Headers of one message, and those that concern only one connection. */

/** RFC 9110, 7.6.1: for one connection only. */
export const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The prefix of the edge's own headers: those of others with it are dropped in both directions. */
export const EDGE_PREFIX = 'x-mimir-edge-';

/** Never dropped, even if a client names them in Connection: the upstream depends on them. */
const NEVER_DROPPED = new Set(['content-length', 'content-type', 'content-encoding']);

/** The headers of a message. Their text is made once and shared by all messages with the same headers. */
export class MessageHeaders {
  /** Names and values, alternating. */
  readonly list: readonly string[];
  #text: string | undefined;

  constructor(list: readonly string[]) {
    this.list = list;
  }

  /** As written to the connection. */
  get text(): string {
    this.#text ??= textOf(this.list);
    return this.#text;
  }

  /** Whether there is a header with this name, in lower case. */
  has(wanted: string): boolean {
    const { list } = this;
    for (let i = 0; i < list.length; i += 2) {
      const name = list[i] as string;
      if (name.length === wanted.length && name.toLowerCase() === wanted) return true;
    }
    return false;
  }
}

/** Uses join: a concatenated string would stay a tree of pieces that each write has to walk. */
function textOf(list: readonly string[]): string {
  const lines: string[] = [];
  for (let i = 0; i < list.length; i += 2) lines.push(`${list[i]}: ${list[i + 1]}\r\n`);
  return lines.join('');
}

/** The upstream's response headers that are forwarded to the client. */
export function downstreamHeaders(raw: readonly string[]): MessageHeaders {
  const headers: string[] = [];
  let connection: string | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const lower = name.toLowerCase();
    if (lower === 'connection') connection = raw[i + 1];
    if (!HOP_BY_HOP.has(lower) && !lower.startsWith(EDGE_PREFIX)) headers.push(name, raw[i + 1] ?? '');
  }
  const dropped = namedInConnection(connection, '');
  return new MessageHeaders(dropped === undefined ? headers : withoutNames(headers, dropped));
}

/** Lower-case names listed in a Connection header, without the usual `keep-alive` and `close`. */
export function namedInConnection(
  connection: string | undefined,
  tenantHeader: string,
): Set<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  const names = connection.split(',').map((name) => name.trim().toLowerCase());
  const dropped = names.filter((name) => name !== '' && name !== tenantHeader && !NEVER_DROPPED.has(name));
  return dropped.length === 0 ? undefined : new Set(dropped);
}

function withoutNames(headers: string[], names: Set<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? '';
    if (!names.has(name.toLowerCase())) kept.push(name, headers[i + 1] ?? '');
  }
  return kept;
}
