/** Who last changed a source's content, and when, as far as the source itself says so. */

export interface LastChange {
  /** A program or a person, as the source names it. */
  readonly by?: string | undefined;
  /** On the source's clock. */
  readonly atMs?: number | undefined;
}

/** For people: never empty. */
export function lastChangeText({ by, atMs }: LastChange): string {
  if (by === undefined && atMs === undefined) return 'the source does not say who changed it, nor when';
  if (atMs === undefined) return `changed by ${by}`;
  const when = new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');
  return by === undefined
    ? `written at ${when}; the source does not say by whom`
    : `changed by ${by} at ${when}`;
}
