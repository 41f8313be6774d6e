/** One load, as a rule measures it. */
export interface Load {
  readonly rule: string;
  /** 100: the limit. Undefined: unknown. */
  readonly percent: number | undefined;
  /** What it measures, in words. */
  readonly text: string;
  /** Unknown now, but known a moment ago. */
  readonly blind?: boolean;
  /** Why it is unknown. */
  readonly error?: string | undefined;
}
