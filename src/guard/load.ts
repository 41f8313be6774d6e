/** One load, as a rule sees it. */
export interface Load {
  readonly rule: string;
  /** 100: as much as can be borne. Undefined: not known now. */
  readonly percent: number | undefined;
  /** What it is of, in words. */
  readonly text: string;
  /** It is not known now, and was a moment ago. */
  readonly blind?: boolean;
  /** Why it is not known. */
  readonly error?: string | undefined;
}
