/** The place of trials of limits. None can be begun yet, and nothing is shown in their stead. */
import type { JSX } from 'preact';
import { Empty, Panel } from './parts.js';
import { hashOf } from './route.js';

export function TrialsView(): JSX.Element {
  return (
    <Panel id="trials" title="Trials" isView>
      <Empty title="No trial is under way.">
        A trial will lay other limits over what tenants send, refuse nothing, and count what these limits
        would have refused. This version can not begin one. Until then <a href={hashOf('advice')}>advice</a>{' '}
        says what a limit would have refused in the past, and a tenant in{' '}
        <a href={hashOf('tenants', { show: 'shadow' })}>shadow mode</a> counts what its limits would refuse
        now.
      </Empty>
    </Panel>
  );
}
