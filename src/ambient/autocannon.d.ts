/** As much of autocannon as the closed loop uses. */
declare module 'autocannon' {
  import type { EventEmitter } from 'node:events';

  interface Request {
    method?: string;
    headers?: Record<string, string>;
    body?: Buffer;
    setupRequest?(request: Request, context: object): Request;
    onResponse?(status: number, body: string, context: object): void;
  }

  interface Options {
    readonly url: string;
    readonly connections: number;
    /** Seconds. */
    readonly duration: number;
    readonly timeout: number;
    readonly requests: readonly Request[];
  }

  interface Instance extends EventEmitter {
    stop(): void;
  }

  export default function autocannon(options: Options, done: (error: Error | null) => void): Instance;
}
