/** A TCP proxy that is slow, cuts answers in half or resets, as it is told. */
import { connect, createServer, type Server, type Socket } from 'node:net';

export class TcpProxy {
  delayMs = 0;
  /** The next answer from the server is cut in half and the connection reset. */
  cutNextAnswer = false;
  readonly #targetPort: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((client) => this.#relay(client));
  }

  static async start(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return `redis://127.0.0.1:${address.port}`;
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #relay(client: Socket): void {
    const server = connect(this.#targetPort, '127.0.0.1');
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
    }
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
    client.on('data', (bytes) => {
      setTimeout(() => server.write(bytes), this.delayMs / 2);
    });
    server.on('data', (bytes) => {
      setTimeout(() => {
        if (!this.cutNextAnswer) {
          client.write(bytes);
          return;
        }
        this.cutNextAnswer = false;
        client.write(bytes.subarray(0, bytes.length / 2), () => client.resetAndDestroy());
      }, this.delayMs / 2);
    });
  }
}
