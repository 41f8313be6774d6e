/** Starts a server, and answers where it listens: port 0 gives a free one. */
import type { AddressInfo, Server } from 'node:net';

/** The process can not start as it is configured. The message names the setting. */
export class StartError extends Error {}

/** `setting` is what the address comes from. */
export function listen(server: Server, port: number, host: string, setting: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const why = error.code === 'EADDRINUSE' ? 'the address is in use' : error.message;
      reject(new StartError(`${setting}: can not listen on ${host}:${port}: ${why}`));
    };
    server.once('error', onError);
    server.listen(port, host, () => {
      server.off('error', onError);
      resolve(server.address() as AddressInfo);
    });
  });
}
