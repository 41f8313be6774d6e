/** Three digits behind the point: more say nothing of a rate. */
export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
