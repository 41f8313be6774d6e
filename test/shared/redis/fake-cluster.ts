/** Nodes of a Redis Cluster as far as a driver can tell, each of whose answers the test decides. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Test } from 'tap';

/** Undefined: the test answers later, or never. */
type Answer = string | undefined;

export interface FakeNode {
  readonly port: number;
  /** Names of commands, in their order. */
  readonly asked: string[];
  readonly sockets: Set<Socket>;
}

/** `answer` is asked for all but the greetings. All slots are the first node's, whichever of them says so. */
export async function fakeNode(
  t: Test,
  answer: (command: readonly string[], socket: Socket) => Answer,
  slotsOf?: FakeNode,
): Promise<FakeNode> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      for (let next = readCommand(text); next !== undefined; next = readCommand(text)) {
        text = text.slice(next.length);
        const name = String(next.command[0]).toLowerCase();
        asked.push(name);
        const reply =
          greeting(name, next.command, slotsOf?.port ?? portOf(server)) ?? answer(next.command, socket);
        if (reply !== undefined && socket.writable) socket.write(reply);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: portOf(server), asked, sockets };
}

function greeting(name: string, [, what]: readonly string[], owner: number): Answer {
  if (name === 'client' || name === 'asking') return '+OK\r\n';
  if (name === 'hello') return "-ERR unknown command 'HELLO'\r\n";
  if (name === 'info') return bulk('redis_version:7.0.0\r\nloading:0\r\n');
  if (name === 'cluster' && what === 'INFO') return bulk('cluster_state:ok\r\n');
  if (name === 'cluster')
    return `*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n${bulk('127.0.0.1')}:${owner}\r\n${bulk('id')}`;
  return undefined;
}

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function readCommand(text: string): { readonly command: string[]; readonly length: number } | undefined {
  const head = /^\*(\d+)\r\n/.exec(text);
  if (head === null) return undefined;
  const command: string[] = [];
  let at = head[0].length;
  for (let i = 0; i < Number(head[1]); i++) {
    const size = /^\$(\d+)\r\n/.exec(text.slice(at, at + 20));
    if (size === null) return undefined;
    const from = at + size[0].length;
    at = from + Number(size[1]) + 2;
    if (at > text.length) return undefined;
    command.push(text.slice(from, at - 2));
  }
  return { command, length: at };
}
