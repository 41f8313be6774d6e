/** Starts a server and resolves to its address: port 0 picks a free port. */
import type { AddressInfo, Server } from 'node:net';

/** The process can not start with its configuration. The message names the setting. */
export class StartError extends Error {}

/** `setting`: where the address comes from. */
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
