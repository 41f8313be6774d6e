/**
 * Connections on their way to a worker. node:cluster keeps its side of one open until the worker confirms it, and forgets
 * it if the worker dies first: the sender would wait for ever. Here it is closed with the worker, so that the sender
 * reconnects.
 */
import type { Worker } from 'node:cluster';

interface ClusterMessage {
  readonly act?: string;
  readonly seq?: number;
  readonly ack?: number;
}

export function closeWithWorker(worker: Worker): void {
  const onTheirWay = new Map<number, { close(): void }>();
  const { process } = worker;
  const send = process.send.bind(process) as (...args: unknown[]) => boolean;
  process.send = (message: ClusterMessage, ...more: unknown[]): boolean => {
    const [connection] = more;
    if (message.act === 'newconn' && message.seq !== undefined && connection) {
      onTheirWay.set(message.seq, connection as { close(): void });
    }
    return send(message, ...more);
  };
  process.on('internalMessage' as 'message', (message) => {
    const { ack } = message as ClusterMessage;
    if (ack !== undefined) onTheirWay.delete(ack);
  });
  worker.once('exit', () => {
    for (const connection of onTheirWay.values()) connection.close();
  });
}
