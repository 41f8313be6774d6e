/**
 * Runs of scripts that are asked for in the same turn of the event loop leave in one pipeline; to a cluster they leave one
 * by one, each to its own node.
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

  /** `command`: a script that the connection has defined. */
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

/** ioredis makes a method of each script that is defined. */
function methodOf(target: object, command: string): Run {
  return (target as Record<string, Run>)[command]?.bind(target) as Run;
}
