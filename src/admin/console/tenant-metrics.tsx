/** Which metrics a tenant's series are of, and which of them grow. */
import type { JSX } from 'preact';
import { counted } from '../../base/amounts.js';
import { breakable, Num } from './format.js';
import { Heads, Panel } from './parts.js';
import type { Tenant, TopMetric } from './types.js';

/** Those with the most series first, with how many came lately; then those that grow and are not among them. */
export function TenantMetrics({ tenant }: { tenant: Tenant }): JSX.Element | null {
  const { active, new: growing } = tenant.topMetrics;
  const grown = new Map(growing.map((metric) => [metric.name, metric.newSeries]));
  const all: TopMetric[] = [
    ...active.map((metric) => ({
      ...metric,
      newSeries: Math.max(metric.newSeries, grown.get(metric.name) ?? 0),
    })),
    ...growing.filter(({ name }) => !active.some((one) => one.name === name)),
  ];
  if (all.length === 0) return null;
  const rows = all.filter(({ name }) => name !== null);
  const unnamed = all.filter(({ name }) => name === null);
  const most = Math.max(...rows.map(({ series }) => series), 1);
  return (
    <Panel
      id="metrics"
      title="Series by metric"
      beside={<span class="quiet">new ones are of the last minutes</span>}
    >
      <table class="rows facts">
        <Heads columns={['Metric', 'Active series', 'New']} numbers={['Active series', 'New']} />
        <tbody>
          {rows.map((metric) => (
            <tr key={metric.name}>
              <th scope="row">
                <code>{breakable(metric.name ?? '')}</code>
              </th>
              <td class="num share">
                <span class="bar" aria-hidden="true">
                  <i style={{ width: `${(metric.series / most) * 100}%` }} />
                </span>
                <Num value={metric.series} />
              </td>
              <td class="num">
                {metric.newSeries > 0 ? '+' : ''}
                <Num value={metric.newSeries} />
              </td>
            </tr>
          ))}
          {unnamed.length === 0 ? null : (
            <tr class="quiet">
              <th scope="row">{counted(unnamed.length, 'metric', 'metrics')} whose name is not known yet</th>
              <td class="num">
                <Num value={sum(unnamed, ({ series }) => series)} />
              </td>
              <td class="num">
                <Num value={sum(unnamed, ({ newSeries }) => newSeries)} />
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </Panel>
  );
}

function sum(metrics: readonly TopMetric[], of: (metric: TopMetric) => number): number {
  return metrics.reduce((total, metric) => total + of(metric), 0);
}
