/** Pushes from a bench over a few connections, as fast as they are answered. */
import { type Dispatcher, Pool } from 'undici';

/** Few and long-lived is what senders and an NGINX with keep-alive have. */
export const CONNECTIONS = 8;

/** How long each push took, in milliseconds. Any answer other than 200 ends the bench. */
export async function sendMany(
  url: string,
  body: Uint8Array,
  pushes: number,
  tenant: (push: number) => string = () => 'bench',
): Promise<number[]> {
  const pool = new Pool(url, { connections: CONNECTIONS });
  const times: number[] = [];
  let left = pushes;
  const sender = async () => {
    while (left-- > 0) {
      const start = performance.now();
      const status = await sendOne(pool, { body, tenant: tenant(left) });
      if (status !== 200) throw new Error(`${url} answers ${status}`);
      times.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, sender));
  await pool.close();
  return times;
}

export interface Outgoing {
  readonly body: Uint8Array;
  readonly tenant: string;
  /** The connection ends with the answer. */
  readonly reset?: boolean;
}

/** Answers the status. */
export async function sendOne(over: Dispatcher, { body, tenant, reset = false }: Outgoing): Promise<number> {
  const response = await over.request({
    method: 'POST',
    path: '/api/v1/push',
    reset,
    headers: {
      'content-type': 'application/x-protobuf',
      'content-encoding': 'snappy',
      'x-prometheus-remote-write-version': '0.1.0',
      'x-scope-orgid': tenant,
    },
    body,
  });
  await response.body.dump();
  return response.statusCode;
}
