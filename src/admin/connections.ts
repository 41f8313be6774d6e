/**
 * Connections to the admin listener. There is always one for a probe: who has no request under way makes room, the longest idle
 * first, and requests that are no probes may hold a part of the connections only.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

const MAX_CONNECTIONS = 100;
/** Of them, for all but probes. */
const MAX_BUSY = 80;

export class AdminConnections {
  /** The one that has been idle for longest is the first of those that are. */
  readonly #sockets = new Set<Socket>();
  readonly #busy = new Map<Socket, number>();

  watch(server: Server): void {
    server.on('connection', (socket: Socket) => this.#take(socket));
    server.prependListener('request', (_req, res) => {
      const { socket } = res;
      if (socket === null) return;
      this.#busy.set(socket, (this.#busy.get(socket) ?? 0) + 1);
      res.once('close', () => this.#ended(socket));
    });
  }

  /** So many requests are under way that another has to wait for its turn, unless it is a probe. */
  get full(): boolean {
    return this.#busy.size > MAX_BUSY;
  }

  #take(socket: Socket): void {
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#busy.delete(socket);
    });
    this.#sockets.add(socket);
    if (this.#sockets.size > MAX_CONNECTIONS) (this.#longestIdle() ?? socket).destroy();
  }

  #longestIdle(): Socket | undefined {
    for (const socket of this.#sockets) if (!this.#busy.has(socket) && !socket.destroyed) return socket;
    return undefined;
  }

  #ended(socket: Socket): void {
    const left = (this.#busy.get(socket) ?? 1) - 1;
    if (left > 0) {
      this.#busy.set(socket, left);
      return;
    }
    this.#busy.delete(socket);
    if (this.#sockets.delete(socket)) this.#sockets.add(socket);
  }
}
