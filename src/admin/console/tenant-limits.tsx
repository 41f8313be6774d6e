/** A tenant's limits: what they are, who says so, and the way to change one. */
import type { JSX } from 'preact';
import { breakable, valueText } from './format.js';
import { Choice, Panel } from './parts.js';
import { useApp } from './state.js';
import type { Tenant } from './types.js';

const SOURCES = {
  temporary: 'set for a time',
  overrides: 'overrides',
  settings: 'settings',
};

function sourceOf({ source, of }: Tenant['limitsInForce'][number]): string {
  if (source !== 'default') return SOURCES[source];
  return of === 'mimir' ? 'Mimir’s default' : 'the edge’s default';
}

export function TenantLimits({ tenant }: { tenant: Tenant }): JSX.Element {
  const { state, actions } = useApp();
  const hasOwn = tenant.limitsInForce.some(({ name, source }) => name !== 'mode' && source !== 'default');
  const shown = state.route.params.get('limits') === 'all' || !hasOwn ? 'all' : 'own';
  const limits = tenant.limitsInForce
    .filter(({ name }) => name !== 'mode')
    .filter(({ source }) => shown === 'all' || source !== 'default')
    .sort((a, b) => Number(a.source === 'default') - Number(b.source === 'default'));
  return (
    <Panel
      id="limits"
      title="Limits"
      beside={
        hasOwn ? (
          <Choice
            label="Which limits"
            value={shown}
            options={[
              ['own', 'Not the default'],
              ['all', 'All'],
            ]}
            onChoose={(chosen) => actions.params({ limits: chosen === 'all' ? 'all' : '' })}
          />
        ) : (
          <span class="quiet">all are defaults</span>
        )
      }
    >
      <table class="rows limits">
        <thead>
          <tr>
            <th scope="col">Limit</th>
            <th scope="col" class="num">
              Value
            </th>
            <th scope="col">From</th>
            <th scope="col">
              <span class="unseen">Change</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {limits.map((one) => (
            <tr key={one.name}>
              <th scope="row">
                <code>{breakable(one.name)}</code>
              </th>
              <td class="num">{valueText(one.value)}</td>
              <td class={one.source === 'default' ? 'quiet' : ''}>
                {sourceOf(one)}
                {one.detail === null ? null : <span class="quiet"> {one.detail}</span>}
              </td>
              <td class="num">
                {one.changeable ? (
                  <button
                    type="button"
                    aria-label={`Change ${one.name}`}
                    onClick={() =>
                      actions.change({
                        kind: 'limit',
                        tenant: tenant.id,
                        name: one.name,
                        before: valueText(one.value),
                      })
                    }
                  >
                    Change
                  </button>
                ) : null}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
