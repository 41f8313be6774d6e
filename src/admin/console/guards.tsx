/** Guards: what they see, where they stand, and what they do or would do. */
import type { JSX } from 'preact';
import { percent, Time } from './format.js';
import { Cell, Dot, Heads, Panel } from './parts.js';
import { useApp } from './state.js';
import type { Guard, Level, Status } from './types.js';

const LEVELS: Readonly<Record<Guard['level'], Level>> = {
  calm: 'good',
  recovering: 'near',
  warn: 'near',
  emergency: 'bad',
  panic: 'bad',
};

export function Guards({ panic }: { panic: Status['panic'] }): JSX.Element {
  const { mode, modeSource, guards } = panic.guard;
  const { actions } = useApp();
  const other = mode === 'act' ? 'observe' : 'act';
  const how = modeSource === 'temporary' ? ', for a time' : '';
  return (
    <Panel
      id="guards"
      title="Guards"
      beside={
        <span class="beside">
          <span class="quiet">
            {mode === 'act' ? `they act${how}` : `they only observe${how}: what they would do is not done`}
          </span>{' '}
          <button type="button" onClick={() => actions.change({ kind: 'guards', mode: other })}>
            {other === 'act' ? 'Have them act …' : 'Have them observe …'}
          </button>
        </span>
      }
    >
      <table class="rows addresses guards">
        <Heads
          columns={[
            'By what',
            'Level',
            mode === 'act' ? 'Tenants may use' : 'Tenants might use',
            'Loads',
            'Why',
          ]}
        />
        <tbody>
          {guards.map((one) => (
            <GuardRow key={one.guard} one={one} />
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

function GuardRow({ one }: { one: Guard }): JSX.Element {
  const { normal, critical } = one.admitted;
  return (
    <tr>
      <th scope="row">{one.guard === 'edge' ? 'what this edge measures' : 'a Prometheus'}</th>
      <td>
        <Dot level={LEVELS[one.level]} />
        {one.level}
        {one.since === null ? null : (
          <span class="quiet">
            {' '}
            since <Time iso={one.since} />
          </span>
        )}
      </td>
      <Cell label="tenants use">
        {percent(normal)} of their rates
        {critical === normal ? '' : `, critical ones ${percent(critical)}`}
      </Cell>
      <td class="why">
        {one.rules.length === 0
          ? 'none yet'
          : one.rules.map(({ rule, load, error }) => (
              <div key={rule}>
                {rule}:{' '}
                {load === null ? <span class="quiet">{error ?? 'too little to tell'}</span> : percent(load)}
              </div>
            ))}
      </td>
      <td class="why">{one.cause ?? <span class="quiet wide-only">–</span>}</td>
    </tr>
  );
}
