/**
 * Two upstreams, of which one answers 503, hangs, is slow, is killed, or moves to another address. Each push has a number of its own,
 * so that what was lost or taken twice is known. With `--against=DIR` the same is asked of another build.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { type Peer, startEdge } from '../../bench/peers/processes.js';
import { printTable } from '../../bench/rounds.js';
import { type DnsServer, dnsServer } from '../../test/dns-server.js';
import { freePort } from '../../test/free-port.js';
import { type Check, check, type Lab, type Scenario, startMimir } from '../lab.js';
import { numberedPush } from '../numbered-push.js';
import { RemoteWrite } from '../remote-write.js';

const TENANTS = ['a', 'b', 'c', 'd', 'e'];
const PUSHES_PER_SECOND = 20;
const NAME = 'mimir.test';
/** Time that an upstream has for its answer: so long a push waits for one that hangs. */
const ANSWER_SECONDS = 2;

const FAULTS = ['answers 503', 'hangs', 'is slow', 'is killed', 'moves'] as const;
type Fault = (typeof FAULTS)[number];

interface Found {
  readonly fault: Fault;
  readonly build: 'now' | 'before';
  readonly pushes: number;
  /** Answers that were none, or not 200. */
  readonly failures: number;
  /** Until a push was accepted, with all that its sender had to do for it. */
  readonly p99Ms: number;
  readonly lost: number;
  readonly doubled: number;
}

export const scenario: Scenario = {
  summary: 'one of two upstreams fails, or moves: nothing is lost, nothing is taken twice, few notice',
  async run(lab) {
    const found: Found[] = [];
    for (const fault of FAULTS) {
      if (lab.against !== undefined) found.push(await runOne(lab, fault, 'before'));
      found.push(await runOne(lab, fault, 'now'));
    }
    printTable([
      ['one of two', 'build', 'pushes', 'failures', 'p99 until accepted', 'lost', 'doubled'],
      ...found.map(({ fault, build, pushes, failures, p99Ms, lost, doubled }) => [
        fault,
        build,
        ...[pushes, failures].map(String),
        `${p99Ms.toFixed(0)} ms`,
        ...[lost, doubled].map(String),
      ]),
    ]);
    return found.filter(({ build }) => build === 'now').flatMap(checksOf);
  },
};

function checksOf({ fault, lost, doubled }: Found): Check[] {
  return [
    check(`${fault}: pushes lost 0`, String(lost), lost === 0),
    check(`${fault}: pushes doubled 0`, String(doubled), doubled === 0),
  ];
}

async function runOne(lab: Lab, fault: Fault, build: Found['build']): Promise<Found> {
  const port = await freePort();
  const file = lab.file('taken');
  // The same port at each address, as behind a headless name.
  const hosts = ['127.0.0.2', '127.0.0.3', '127.0.0.4'] as const;
  const [well, failing] = [
    await mimirAt(lab, hosts[0], port, file),
    await mimirAt(lab, hosts[1], port, file),
  ];
  const dns = await dnsServer();
  dns.ttlSeconds = 1;
  dns.set('A', NAME, fault === 'moves' ? [hosts[1]] : [hosts[0], hosts[1]]);
  const edge = await lab.start(startBuild(lab, build, fault, dns, [hosts[0], hosts[1]], port));
  const senders = new RemoteWrite({
    target: edge.url,
    tenants: TENANTS,
    pushesPerSecond: PUSHES_PER_SECOND,
    shards: 20,
    bodyOf: numberedPush,
  });
  await delay(1000 * lab.seconds(2));
  const from = senders.pushes.length;
  await apply(fault, lab, failing, dns, hosts[0]);
  await delay(1000 * lab.seconds(10));
  await senders.finish(20_000);
  for (const peer of [edge, well, ...(isGone(fault) ? [] : [failing])]) await lab.stop(peer);
  await dns.close();
  return { fault, build, ...outcome(senders, from, file) };
}

function isGone(fault: Fault): boolean {
  return fault === 'is killed' || fault === 'moves';
}

function mimirAt(lab: Lab, host: string, port: number, file: string): Promise<Peer> {
  return lab.start(startMimir({ host, pushMs: 5, file }, port));
}

/** A build that can not ask DNS by itself has the system's look-ups answered by it; one that knows one address of a name has URLs. */
function startBuild(
  lab: Lab,
  build: Found['build'],
  fault: Fault,
  dns: DnsServer,
  hosts: readonly string[],
  port: number,
): Promise<Peer> {
  const flags = [`--upstream.headers_timeout=${ANSWER_SECONDS}s`];
  if (build === 'now') {
    return startEdge(`dns:http://${NAME}:${port}`, [...flags, `--upstream.dns_servers=${dns.address}`]);
  }
  const urls = fault === 'moves' ? [`http://${NAME}:${port}`] : hosts.map((host) => `http://${host}:${port}`);
  const lookups = new URL('../lookups.js', import.meta.url).href;
  return startEdge(urls.join(','), flags, {
    main: join(lab.against ?? '', 'dist/main.js'),
    env: { NODE_OPTIONS: `--import=${lookups}`, LOOKUP_SERVER: dns.address },
  });
}

async function apply(fault: Fault, lab: Lab, failing: Peer, dns: DnsServer, to: string): Promise<void> {
  switch (fault) {
    case 'answers 503':
    case 'hangs':
    case 'is slow': {
      const how = { 'answers 503': '503', hangs: 'hang', 'is slow': 'slow' }[fault];
      await (await request(`${failing.url}/behave/${how}`)).body.dump();
      return;
    }
    case 'is killed':
      await lab.kill(failing);
      return;
    case 'moves':
      dns.set('A', NAME, [to]);
      // As a pod that ends: what its name stands for changes a little before.
      await delay(2500);
      await lab.kill(failing);
  }
}

function outcome(
  { pushes, answers }: RemoteWrite,
  from: number,
  file: string,
): Pick<Found, 'pushes' | 'failures' | 'p99Ms' | 'lost' | 'doubled'> {
  const takes = new Map<number, number>();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line !== '') takes.set(Number(line), (takes.get(Number(line)) ?? 0) + 1);
  }
  const times = pushes
    .slice(from)
    .map(({ dueMs, acceptedMs = Number.POSITIVE_INFINITY }) => acceptedMs - dueMs)
    .sort((a, b) => a - b);
  return {
    pushes: pushes.length - from,
    failures: Object.entries(answers).reduce((sum, [status, n]) => sum + (status === '200' ? 0 : n), 0),
    p99Ms: times[Math.floor(times.length * 0.99)] ?? Number.NaN,
    lost: pushes.filter(({ number, acceptedMs }) => acceptedMs === undefined || !takes.has(number)).length,
    // More often than its sender sent it.
    doubled: pushes.filter(({ number, attempts }) => (takes.get(number) ?? 0) > attempts).length,
  };
}
