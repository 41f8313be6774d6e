/** What scenarios work with: processes that end with the scenario, and the load generator as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoadReport } from '#src/loadtest/report.js';
import { type Peer, startProcess } from '../bench/peers/processes.js';
import { freePort } from '../test/free-port.js';
import type { MimirModel } from './mimir.js';

/** One bound, and whether it was kept. */
export interface Check {
  readonly bound: string;
  readonly found: string;
  readonly kept: boolean;
}

export interface Scenario {
  readonly summary: string;
  /** Why it can not run here; undefined when it can. */
  readonly missing?: () => string | undefined;
  run(lab: Lab): Promise<readonly Check[]>;
}

/** Flags of `mimir-edge loadtest`, without the dashes. */
export type LoadFlags = Readonly<Record<string, string | number | true>>;

const MAIN = new URL('../../dist/main.js', import.meta.url).pathname;
const RSS_EVERY_MS = 500;

export interface LabOptions {
  /** Everything is short, to see that a scenario runs. Its bounds mean nothing then. */
  readonly smoke: boolean;
  readonly minutes: number;
  /** Samples a second that an upstream of limited capacity takes. */
  readonly rate: number;
  /** A folder with another build; undefined: there is none. */
  readonly against: string | undefined;
}

export class Lab {
  readonly smoke: boolean;
  readonly minutes: number;
  readonly rate: number;
  readonly against: string | undefined;
  readonly #peers = new Set<Peer>();
  readonly #loads = new Set<ChildProcess>();
  readonly #folder = mkdtempSync(join(tmpdir(), 'mimir-edge-scenario-'));
  #reports = 0;

  constructor({ smoke, minutes, rate, against }: LabOptions) {
    this.smoke = smoke;
    this.minutes = minutes;
    this.rate = rate;
    this.against = against;
  }

  seconds(full: number): number {
    return this.smoke ? Math.min(full, 3) : full;
  }

  say(text: string): void {
    console.log(text);
  }

  async start<T extends Peer>(starting: Promise<T>): Promise<T> {
    const peer = await starting;
    this.#peers.add(peer);
    return peer;
  }

  async stop(peer: Peer): Promise<void> {
    this.#peers.delete(peer);
    await peer.stop();
  }

  /** As a machine that fails: nothing of it ends in order. */
  async kill(peer: Peer): Promise<void> {
    this.#peers.delete(peer);
    await peer.stop('SIGKILL');
  }

  /** A file that goes with the scenario. */
  file(name: string): string {
    return join(this.#folder, `${name}-${this.#reports++}`);
  }

  load(target: string, flags: LoadFlags): Promise<LoadReport> {
    const file = join(this.#folder, `report-${this.#reports++}.json`);
    const all: LoadFlags = { target, json: file, ...flags };
    const args = Object.entries(all).flatMap(([name, value]) =>
      value === true ? [`--${name}`] : [`--${name}`, String(value)],
    );
    const child = spawn(process.execPath, [MAIN, 'loadtest', ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#loads.add(child);
    let errors = '';
    child.stderr?.on('data', (text: Buffer) => {
      errors = (errors + text.toString()).slice(-2000);
    });
    return new Promise((resolve, reject) => {
      child.once('exit', (code) => {
        this.#loads.delete(child);
        if (code === 0) resolve(JSON.parse(readFileSync(file, 'utf8')) as LoadReport);
        else reject(new Error(`the load generator ended with ${code}: ${errors}`));
      });
    });
  }

  /** Looks at a peer's memory until it is told to stop, and then gives what it saw. */
  watchMemory(peer: Peer): () => readonly number[] {
    const seen = [peer.rssBytes()];
    const timer = setInterval(() => seen.push(peer.rssBytes()), RSS_EVERY_MS);
    return () => {
      clearInterval(timer);
      return seen;
    };
  }

  async close(): Promise<void> {
    for (const child of this.#loads) child.kill('SIGKILL');
    for (const peer of this.#peers) await peer.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A Mimir of limited capacity. */
export async function startMimir(model: MimirModel = {}, port?: number): Promise<Peer> {
  const own = port ?? (await freePort());
  const script = new URL('./mimir.js', import.meta.url).pathname;
  const args = [script, String(own), JSON.stringify(model)];
  return startProcess('mimir', process.execPath, args, own, undefined, {}, model.host);
}

export function check(bound: string, found: string, kept: boolean): Check {
  return { bound, found, kept };
}

export function atMost(what: string, found: number, most: number, unit = ''): Check {
  return check(`${what} at most ${round(most)}${unit}`, `${round(found)}${unit}`, found <= most);
}

export function atLeast(what: string, found: number, least: number, unit = ''): Check {
  return check(`${what} at least ${round(least)}${unit}`, `${round(found)}${unit}`, found >= least);
}

export const megabytes = (bytes: number): number => bytes / 1e6;

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toFixed(2)));
}
