/**
 * Reads connections into one buffer that they share, in place of a new one for each read: those would be as large as
 * pushes are, and the collector would be called every few hundred pushes for them alone.
 *
 * net has this for connections that a client makes (`onread`), not for those that a server takes. They are sockets of the
 * same kind, though, so `readShared` sets what `onread` would have set. With a version of Node that keeps it elsewhere the
 * socket is read as ever: a test says so.
 */
import { type OnReadOpts, Socket } from 'node:net';

/** Most pushes come in one read, with their heads. */
export const SHARED_BYTES = 256 * 1024;

interface Handle {
  useUserBuffer?(buffer: Buffer): void;
}

/** What net.Socket has under symbols of its own. */
interface Places {
  readonly buffer: symbol;
  readonly callback: symbol;
}

const places = findPlaces();
const shared = Buffer.allocUnsafeSlow(SHARED_BYTES);

export const canShareReads = places !== undefined;

/** `onBytes` gets all that comes, to be used before it returns. `socket.pause()` holds at once. */
export function readShared(socket: Socket, onBytes: (bytes: Buffer) => void): void {
  const handle = handleOf(socket);
  if (places === undefined || handle?.useUserBuffer === undefined) {
    socket.on('data', onBytes);
    return;
  }
  const own = socket as unknown as Record<symbol, unknown>;
  own[places.buffer] = shared;
  own[places.callback] = (length: number) => onBytes(shared.subarray(0, length));
  handle.useUserBuffer(shared);
}

/** `onread` of a connection that is yet to be made. `onBytes` gets all that comes, as above. */
export function sharedReads(onBytes: (bytes: Buffer) => void): OnReadOpts {
  let last = shared.subarray(0, 0);
  return {
    buffer: shared,
    callback(length) {
      // Answers are mostly as long as the one before.
      if (last.length !== length) last = shared.subarray(0, length);
      onBytes(last);
      return true;
    },
  };
}

/** Bytes that stay: those in the shared buffer are copied. */
export function ownBytes(bytes: Buffer): Buffer {
  if (bytes.buffer !== shared.buffer) return bytes;
  // Buffer.from would fill it with zeros first.
  const copy = Buffer.allocUnsafe(bytes.length);
  bytes.copy(copy);
  return copy;
}

function findPlaces(): Places | undefined {
  const symbols = Object.getOwnPropertySymbols(new Socket());
  const named = (name: string) => symbols.find(({ description }) => description === name);
  const [buffer, callback] = [named('kBuffer'), named('kBufferCb')];
  return buffer === undefined || callback === undefined ? undefined : { buffer, callback };
}

function handleOf(socket: Socket): Handle | undefined {
  return (socket as unknown as { _handle?: Handle })._handle;
}
