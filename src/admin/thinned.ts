/** Curves that are drawn small: the mean of each bunch of points. */

export function thinned(points: readonly number[], most: number): number[] {
  const bunch = Math.ceil(points.length / most);
  if (bunch <= 1) return [...points];
  const thin: number[] = [];
  for (
    let at = points.length % bunch === 0 ? 0 : (points.length % bunch) - bunch;
    at < points.length;
    at += bunch
  ) {
    const its = points.slice(Math.max(0, at), at + bunch);
    thin.push(its.reduce((sum, count) => sum + count, 0) / its.length);
  }
  return thin;
}
