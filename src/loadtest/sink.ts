/** Accepts every push with 200, like a Mimir without limits. */
import { createServer } from 'node:http';
import { listen } from '../base/listen.js';

interface Sink {
  readonly url: string;
  /** Pushes that arrived completely. */
  received(): number;
  close(): void;
}

export async function startSink(): Promise<Sink> {
  let pushes = 0;
  const server = createServer((req, res) => {
    req.resume().on('end', () => {
      pushes++;
      res.end();
    });
  });
  const { port } = await listen(server, 0, '127.0.0.1', 'the sink');
  return {
    url: `http://127.0.0.1:${port}`,
    received: () => pushes,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
