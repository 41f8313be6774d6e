/**
 * Reads connections into one shared buffer rather than a new one for each read, which would be as large as pushes are and
 * cause a garbage collection every few hundred pushes.
 *
 * net supports this for outgoing connections (`onread`), but not for accepted ones. They are sockets of the same kind, so
 * `readShared` sets the fields that `onread` would have set. If a version of Node names them differently, sockets are read
 * as usual, and a test fails.
 */
import { type OnReadOpts, Socket } from 'node:net';

/** Most pushes fit into one read, including their heads. */
export const SHARED_BYTES = 256 * 1024;

interface Handle {
  useUserBuffer?(buffer: Buffer): void;
}

/** The symbols of net.Socket's internal fields. */
interface Places {
  readonly buffer: symbol;
  readonly callback: symbol;
}

const places = findPlaces();
const shared = Buffer.allocUnsafeSlow(SHARED_BYTES);

export const canShareReads = places !== undefined;

/** `onBytes` gets all data, and must use it before it returns. `socket.pause()` takes effect at once. */
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

/** The `onread` option for a new connection; `onBytes` as above. */
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

/** Bytes that may be kept: those in the shared buffer are copied. */
export function ownBytes(bytes: Buffer): Buffer {
  if (bytes.buffer !== shared.buffer) return bytes;
  // Buffer.from would zero-fill it first.
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
