/** A DNS server on loopback whose records a test changes: A, AAAA and SRV, over UDP. It counts what it was asked. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

const TYPES = { A: 1, AAAA: 28, SRV: 33 } as const;
type Type = keyof typeof TYPES;
type Srv = readonly [priority: number, weight: number, port: number, target: string];

export interface DnsServer {
  /** As `dns.setServers` takes it. */
  readonly address: string;
  /** Questions so far, such as `A mimir.test`. */
  readonly asked: string[];
  ttlSeconds: number;
  set(type: 'A' | 'AAAA', name: string, addresses: readonly string[]): void;
  set(type: 'SRV', name: string, records: readonly Srv[]): void;
  /** From now on every question is answered with SERVFAIL, or as it should be. */
  fail(failing: boolean): void;
  /** From now on no question is answered, or each is. */
  hang(hanging: boolean): void;
  close(): Promise<void>;
}

export async function dnsServer(): Promise<DnsServer> {
  const records = new Map<string, readonly Buffer[]>();
  const socket = createSocket('udp4');
  let failing = false;
  let hanging = false;
  const server: DnsServer = {
    address: '',
    asked: [],
    ttlSeconds: 1,
    set(type: Type, name: string, values: readonly (string | Srv)[]) {
      records.set(`${type} ${name}`, values.map(dataOf));
    },
    fail(now) {
      failing = now;
    },
    hang(now) {
      hanging = now;
    },
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
  socket.on('message', (message, from) => {
    const { name, type, end } = readQuestion(message);
    const typeName = (Object.keys(TYPES) as Type[]).find((one) => TYPES[one] === type);
    server.asked.push(`${typeName} ${name}`);
    if (hanging) return;
    const found = failing ? [] : (records.get(`${typeName} ${name}`) ?? []);
    const header = Buffer.alloc(12);
    message.copy(header, 0, 0, 2);
    header.writeUInt16BE(failing ? 0x8182 : 0x8180, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(found.length, 6);
    const answers = found.map((data) => {
      const head = Buffer.alloc(12);
      // The name is that of the question, which stands at byte 12.
      head.writeUInt16BE(0xc00c, 0);
      head.writeUInt16BE(type, 2);
      head.writeUInt16BE(1, 4);
      head.writeUInt32BE(server.ttlSeconds, 6);
      head.writeUInt16BE(data.length, 10);
      return Buffer.concat([head, data]);
    });
    socket.send(Buffer.concat([header, message.subarray(12, end), ...answers]), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return Object.assign(server, { address: `127.0.0.1:${(socket.address() as AddressInfo).port}` });
}

function dataOf(value: string | Srv): Buffer {
  if (typeof value !== 'string') {
    const [priority, weight, port, target] = value;
    const numbers = Buffer.alloc(6);
    numbers.writeUInt16BE(priority, 0);
    numbers.writeUInt16BE(weight, 2);
    numbers.writeUInt16BE(port, 4);
    return Buffer.concat([numbers, nameBytes(target)]);
  }
  if (value.includes('.')) return Buffer.from(value.split('.').map(Number));
  const [left = '', right = ''] = value.split('::');
  const words = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const missing = 8 - words(left).length - words(right).length;
  const all = [...words(left), ...Array<string>(missing).fill('0'), ...words(right)];
  return Buffer.concat(all.map((word) => Buffer.from(word.padStart(4, '0'), 'hex')));
}

function nameBytes(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.of(0)]);
}

function readQuestion(message: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), type: message.readUInt16BE(at + 1), end: at + 5 };
}
