/** Views whose figures this edge does not have: what is missing, and how to get it. */
import type { JSX } from 'preact';
import { Empty, Panel } from './parts.js';

export function SendersView(): JSX.Element {
  return (
    <Panel id="senders" isView title="Senders">
      <Empty title="This edge does not tell who sends.">
        It counts what each tenant sends, not yet by which program. Until it does, the access log of the proxy
        in front has the User-Agent of each push.
      </Empty>
    </Panel>
  );
}

export function AdviceView(): JSX.Element {
  return (
    <Panel id="advice" isView title="Advice">
      <Empty title="This edge gives no advice yet.">
        Which limits a tenant should have takes days of what it offered. The charts of a tenant show the last
        day beside its limits.
      </Empty>
    </Panel>
  );
}
