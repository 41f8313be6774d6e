/**
 * Script runs requested in the same turn of the event loop go in one pipeline; in a cluster they go one by one, each to its
 * node.
 */
import type { RedisConnection } from './connection.js';
import type { ScriptArguments } from './script.js';

type Run = (...args: ScriptArguments) => Promise<unknown[]>;

interface QueuedRun {
  readonly command: string;
  readonly args: ScriptArguments;
  readonly resolve: (reply: unknown[]) => void;
  readonly reject: (error: unknown) => void;
}

export class ScriptQueue {
  readonly #connection: RedisConnection;
  #queue: QueuedRun[] = [];

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  /** `command`: a script that is defined on the connection. */
  run(command: string, args: ScriptArguments): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      if (this.#queue.length === 0) setImmediate(() => this.#flush());
      this.#queue.push({ command, args, resolve, reject });
    });
  }

  #flush(): void {
    const runs = this.#queue;
    this.#queue = [];
    if (runs.length === 1 || this.#connection.isCluster) {
      for (const { command, args, resolve, reject } of runs) {
        methodOf(this.#connection, command)(...args).then(resolve, reject);
      }
      return;
    }
    const pipeline = this.#connection.pipeline();
    for (const { command, args } of runs) methodOf(pipeline, command)(...args);
    pipeline.exec().then(
      (results) => {
        for (const [index, { resolve, reject }] of runs.entries()) {
          const [error, reply] = results?.[index] ?? [new Error('the pipeline was aborted')];
          if (error) reject(error);
          else resolve(reply as unknown[]);
        }
      },
      (error: unknown) => {
        for (const { reject } of runs) reject(error);
      },
    );
  }
}

/** ioredis adds a method for each defined script. */
function methodOf(target: object, command: string): Run {
  return (target as Record<string, Run>)[command]?.bind(target) as Run;
}
