/** A command's input and output, so that tests can pass their own. */
import { messageOf } from '../base/message-of.js';
import { readAll } from '../base/read-all.js';

export interface Io {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The command was called incorrectly: the message goes to stderr, with exit code 2. */
export class UsageError extends Error {}

/** Errors in here are the caller's mistake: arguments are parsed, the caller's files are opened. */
export function asUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

/** Reads a file, or standard input for `-`, up to a size. */
export async function readInput(path: string, io: Io, maxBytes: number): Promise<Buffer> {
  const { createReadStream } = await import('node:fs');
  const stream = path === '-' ? io.stdin : createReadStream(path);
  const bytes = await readAll(stream as AsyncIterable<Buffer>, maxBytes).catch((error: unknown) => {
    throw new UsageError(messageOf(error));
  });
  if (bytes === undefined) throw new UsageError(`${path} is larger than ${maxBytes} bytes`);
  return bytes;
}

/** Rows in columns: the first column and those in `texts` are left-aligned, the others right-aligned. */
export function table(rows: readonly (readonly string[])[], texts: readonly number[] = []): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 0 || texts.includes(column)
          ? cell.padEnd(widths[column] ?? 0)
          : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return `${rows.map(line).join('\n')}\n`;
}
