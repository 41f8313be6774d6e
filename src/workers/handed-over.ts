/**
 * Connections on their way to a worker. node:cluster keeps its own side of one open until the worker says that it has
 * it, and forgets about it when the worker dies before: the sender would wait for an answer that never comes. Here
 * it is closed with the worker, so that the sender comes again.
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
