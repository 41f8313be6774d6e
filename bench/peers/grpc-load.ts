/** Unary gRPC calls over one HTTP/2 connection, so many at a time, without the cost of a gRPC client. */
import { connect } from 'node:http2';

export interface Load {
  readonly url: string;
  readonly path: string;
  readonly message: Uint8Array;
  readonly calls: number;
  readonly atOnce: number;
}

/** How long each call took, in milliseconds. */
export async function loadGrpc({ url, path, message, calls, atOnce }: Load): Promise<number[]> {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  const session = connect(url);
  const times: number[] = [];
  let left = calls;
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const start = performance.now();
      let status: unknown;
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      const note = (headers: Record<string, unknown>): void => {
        status = headers['grpc-status'] ?? status;
      };
      stream.on('response', note).on('trailers', note).on('error', reject).resume();
      stream.on('close', () => {
        times.push(performance.now() - start);
        if (status === '0') resolve();
        else reject(new Error(`${url} answers ${status}`));
      });
      stream.end(frame);
    });
  const caller = async (): Promise<void> => {
    while (left-- > 0) await one();
  };
  await Promise.all(Array.from({ length: atOnce }, caller));
  session.close();
  return times;
}
