/** The current value of an expression: the highest of its series. Anything but a number is an error with a sentence. */
import type { PrometheusClient, PrometheusData } from '../base/prometheus.js';

export async function highestNow(client: PrometheusClient, expression: string): Promise<number> {
  return highestOf(await client.ask('query', { query: expression }));
}

/** Values are [seconds, text]. */
function highestOf({ resultType, result }: PrometheusData): number {
  if (resultType !== 'vector' && resultType !== 'scalar') {
    throw new Error(
      `answers with a ${String(resultType).slice(0, 20)}: an expression that comes to numbers is needed`,
    );
  }
  const values =
    resultType === 'scalar'
      ? [result]
      : (result as readonly unknown[]).map((series) => (series as { value?: unknown } | null)?.value);
  if (values.length === 0) throw new Error('answers with no series: nothing is known');
  const numbers = values.map((value) => Number(Array.isArray(value) ? value[1] : Number.NaN));
  if (!numbers.every(Number.isFinite)) throw new Error('answers with what is no number');
  return Math.max(...numbers);
}
