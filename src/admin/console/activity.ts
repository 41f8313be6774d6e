/** What happened: refusals in plain words, what is set for a time, and who changed what. */
import { type Child, h } from './dom.js';
import { number, time, value } from './format.js';
import type { Actions, State } from './state.js';
import { tenantLink } from './tenants.js';
import type { AuditEntry, Control, Denial, Reason } from './types.js';

export function refusals(
  denials: readonly Denial[],
  reasons: ReadonlyMap<string, Reason>,
  withTenant: boolean,
): HTMLElement {
  return h(
    'section',
    { 'aria-labelledby': 'refusals-title', class: 'card' },
    h('h2', { id: 'refusals-title' }, 'Last refusals'),
    denials.length === 0
      ? h('p', { class: 'empty' }, 'None since this process started.')
      : h('ul', { class: 'list' }, ...byKind(denials).map((one) => refusal(one, reasons, withTenant))),
  );
}

/** One of each kind, as the last of it was: a list that moves with each second can not be read. */
function byKind(denials: readonly Denial[]): Denial[] {
  const kinds = new Map<string, Denial>();
  for (const one of denials) {
    const last = kinds.get(kindOf(one));
    kinds.set(kindOf(one), last === undefined ? one : { ...last, count: last.count + one.count });
  }
  return [...kinds.values()].slice(0, 20);
}

function kindOf({ tenant, reason, shadow }: Denial): string {
  return `${tenant} ${reason} ${shadow}`;
}

function refusal(one: Denial, reasons: ReadonlyMap<string, Reason>, withTenant: boolean): HTMLElement {
  const { observed, allowed } = one;
  const facts = reasons.get(one.reason);
  const who: Child[] = withTenant
    ? [one.tenant === null ? 'a push without tenant' : tenantLink(one.tenant), ' ']
    : [];
  const numbers: Child[] =
    observed === null || allowed === null ? [] : [': had ', number(observed), ', allowed ', number(allowed)];
  return h(
    'li',
    { key: kindOf(one) },
    h(
      'p',
      {},
      time(one.at),
      ' ',
      ...who,
      h('strong', {}, one.reason),
      one.count > 1 ? ` × ${one.count}` : '',
      ...numbers,
      one.shadow && h('span', { class: 'tag' }, 'let pass: shadow'),
    ),
    h(
      'details',
      {},
      h('summary', {}, 'What it means'),
      facts !== undefined && h('p', {}, facts.meaning, ' ', h('em', {}, plain(facts.remedy))),
      h('p', { class: 'message' }, `The sender was told: ${one.message}`),
    ),
  );
}

/** The remedies are written with marks around the names of settings. */
export function plain(text: string): string {
  return text.replaceAll('`', '');
}

export function changes(controls: readonly Control[], actions: Actions): HTMLElement | false {
  return (
    controls.length > 0 &&
    h(
      'section',
      { 'aria-labelledby': 'controls-title', class: 'card' },
      h('h2', { id: 'controls-title' }, 'Set for a time'),
      h('ul', { class: 'list' }, ...controls.map((control) => change(control, actions))),
    )
  );
}

function change(control: Control, actions: Actions): HTMLElement {
  const { tenant, name, by, reason, until } = control;
  return h(
    'li',
    { key: `${tenant} ${name}` },
    h(
      'p',
      {},
      tenant === null ? 'all tenants' : tenantLink(tenant),
      ' ',
      h('strong', {}, `${name}: ${value(control.value)}`),
      ' until ',
      time(until),
      `, by ${by}: ${reason} `,
      h(
        'button',
        {
          type: 'button',
          onclick: () => actions.change({ kind: 'take back', tenant, name, before: value(control.value) }),
        },
        `Take back ${name}`,
      ),
    ),
  );
}

export function audit({ audit: entries }: State): HTMLElement {
  return h(
    'section',
    { 'aria-labelledby': 'audit-title', class: 'card' },
    h('h2', { id: 'audit-title' }, 'What was changed'),
    entries.length === 0
      ? h('p', { class: 'empty' }, 'Nothing since this process started.')
      : h('ul', { class: 'list' }, ...entries.slice(0, 20).map(auditEntry)),
  );
}

function auditEntry(entry: AuditEntry): HTMLElement {
  const { at, who, from, action, tenant, name, reason, until } = entry;
  return h(
    'li',
    { key: `${at} ${tenant} ${name} ${action}` },
    h(
      'p',
      {},
      time(at),
      ' ',
      h('strong', {}, from === 'time' ? 'its time was over: ' : `${who} `),
      whatWasDone(entry),
      action === 'reload' ? '' : ' for ',
      action === 'reload' ? '' : tenant === null ? 'all tenants' : tenantLink(tenant),
      until !== null && action === 'set' ? h('span', {}, ' until ', time(until)) : '',
      from === 'fleet' ? ' (on another replica)' : '',
      reason === '' ? '' : `: ${reason}`,
    ),
  );
}

function whatWasDone({ from, action, name, before, after }: AuditEntry): string {
  const set = `set ${name} to ${value(after)} (was ${value(before)})`;
  if (from === 'overrides') {
    if (name !== 'overrides') return set;
    return after === null ? 'has no limits any more' : 'has limits';
  }
  switch (action) {
    case 'reload':
      return 'read the overrides again';
    case 'set':
      return set;
    case 'end':
      return `${name}: ${value(before)} ended`;
    default:
      return `took back ${name}: ${value(before)}`;
  }
}
