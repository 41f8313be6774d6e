/** The log: JSON lines on standard output. */
import { type Logger, pino } from 'pino';

/** `base` is part of every line. */
export function openLog(
  level: string,
  stdout: NodeJS.WritableStream,
  base: Record<string, unknown> | null,
): Logger {
  return pino({ level, base, timestamp: pino.stdTimeFunctions.isoTime }, stdout);
}
