/** What is advised of each limit, and what that rests on; a rate and its burst rest on the same, which is told once. */
import type { JSX } from 'preact';
import { plain } from '../../base/amounts.js';
import type { LimitAdvice } from './types.js';

const SIGNS: Readonly<Record<LimitAdvice['direction'], string>> = {
  raise: '↑ raise',
  lower: '↓ lower',
  set: '+ set',
  keep: 'keep',
  none: '–',
};

export function AdvisedLimits({ limits }: { limits: readonly LimitAdvice[] }): JSX.Element {
  // What needs nothing is counted, not listed.
  const told = limits.filter(({ direction }) => direction !== 'keep' && direction !== 'none');
  const [none] = limits.filter(({ direction }) => direction === 'none');
  if (told.length === 0) {
    return <p class="quiet">{none === undefined ? 'All limits fit.' : none.why}</p>;
  }
  const together = (why: string): number => told.filter((one) => one.why === why).length;
  return (
    <table class="rows advice">
      <thead class="unseen">
        <tr>
          <th scope="col">Limit</th>
          <th scope="col">Advice</th>
          <th scope="col">Now and then</th>
          <th scope="col">Why</th>
        </tr>
      </thead>
      <tbody>
        {told.map(({ limit, current, recommended, direction, why }, row) => (
          <tr key={limit}>
            <th scope="row">
              <code>{limit}</code>
            </th>
            <td>
              <span class={`pill ${direction === 'raise' ? 'near' : ''}`}>{SIGNS[direction]}</span>
            </td>
            <td class="num">
              {current === null ? 'none' : plain(current)} →{' '}
              <strong>{recommended === null ? '–' : plain(recommended)}</strong>
            </td>
            {told[row - 1]?.why === why ? null : (
              <td class="why note" rowSpan={together(why)}>
                {why}
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
