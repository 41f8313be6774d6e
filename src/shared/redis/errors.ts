/** Classifies errors by the messages of Redis or ioredis. */
import { messageOf } from '../../base/message-of.js';
import { StoreError, type StoreErrorKind } from '../store.js';

/** The first word of a message from Redis is the kind of error; ioredis has messages of its own. */
const KINDS: readonly (readonly [RegExp, StoreErrorKind])[] = [
  [/^OOM|-OOM|'maxmemory'/, 'memory'],
  [/READONLY/, 'read_only'],
  [/NOAUTH|WRONGPASS|NOPERM|invalid password/, 'refused'],
  [/BUSY|LOADING|MASTERDOWN/, 'busy'],
  [/^MOVING|TRYAGAIN|Last error: ReplyError: (ASK|MOVED)/, 'moving'],
  [/CLUSTERDOWN|MOVED|ASK|redirections|Failed to refresh slots/, 'cluster'],
  [/timed? ?out/i, 'timeout'],
  [
    /onnection|Stream isn't writeable|ECONN|EPIPE|ENOTFOUND|max retries|Cluster isn't ready|aborted|ended/,
    'connection',
  ],
];

/** `connectionError`: why the last connection failed. */
export function storeErrorOf(error: unknown, connectionError: string): StoreError {
  const message = messageOf(error);
  const kind = kindOf(message);
  return new StoreError(kind, kind === 'connection' ? `${message} (${connectionError})` : message);
}

function kindOf(message: string): StoreErrorKind {
  for (const [pattern, kind] of KINDS) if (pattern.test(message)) return kind;
  return 'other';
}
