/** A command, run within this process: what it would write, and its exit code. */
import { Readable, Writable } from 'node:stream';
import { run as runCommand } from '#src/cli/commands.js';

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function run(
  args: string[],
  input: Buffer | string = '',
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const [stdout, stderr] = [new Written(), new Written()];
  const stdin = Readable.from([Buffer.from(input)]);
  const status = await runCommand(args, { stdin, stdout, stderr, env });
  return { status, stdout: stdout.text, stderr: stderr.text };
}

class Written extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
