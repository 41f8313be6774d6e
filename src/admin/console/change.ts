/** A change, in two steps: what, for how long and why; then what will happen, and yes or no. */
import { hasToken, Refused, useToken, write } from './client.js';
import { type Child, h, patch } from './dom.js';
import type { Change } from './state.js';
import type { Written } from './types.js';

interface Draft {
  readonly change: Change;
  readonly shared: boolean;
  step: 'ask' | 'confirm' | 'done';
  fields: Readonly<Record<string, string>>;
  /** What the API said. */
  said: string | undefined;
  failed: boolean;
}

const TTLS: readonly (readonly [string, string])[] = [
  ['15m', '15 minutes'],
  ['1h', '1 hour'],
  ['4h', '4 hours'],
  ['1d', '1 day'],
  ['7d', '7 days'],
];

/** `shared`: other replicas will obey, too. */
export function openChange(change: Change, shared: boolean): void {
  const draft: Draft = { change, shared, step: 'ask', fields: {}, said: undefined, failed: false };
  const root = document.getElementById('dialog');
  if (root === null) return;
  show(root, draft);
  const dialog = root.querySelector('dialog');
  dialog?.addEventListener('close', () => patch(root, []), { once: true });
  dialog?.showModal();
}

function show(root: HTMLElement, draft: Draft): void {
  const close = (): void => root.querySelector('dialog')?.close();
  const body = { ask: askStep, confirm: confirmStep, done: doneStep }[draft.step];
  patch(root, [
    h(
      'dialog',
      { 'aria-labelledby': 'change-title', open: root.querySelector('dialog')?.open ?? false },
      h('h2', { id: 'change-title' }, titleOf(draft.change)),
      ...body(draft, () => show(root, draft), close),
    ),
  ]);
}

function titleOf(change: Change): string {
  switch (change.kind) {
    case 'mode':
      return change.tenant === null ? 'Mode of all tenants' : `Mode of ${change.tenant}`;
    case 'limit':
      return `${change.name} of ${change.tenant}`;
    case 'take back':
      return `Take back ${change.name}${change.tenant === null ? '' : ` of ${change.tenant}`}`;
    default:
      return 'Read the overrides again';
  }
}

function askStep(draft: Draft, redraw: () => void, close: () => void): Child[] {
  const { change, fields: typed } = draft;
  const forTime = change.kind === 'mode' || change.kind === 'limit';
  const onsubmit = (event: Event): void => {
    event.preventDefault();
    const fields = new FormData(event.target as HTMLFormElement);
    draft.fields = Object.fromEntries([...fields].map(([name, text]) => [name, String(text)]));
    const { token } = draft.fields;
    if (token !== undefined && token !== '') useToken(token);
    draft.step = 'confirm';
    redraw();
  };
  return [
    h(
      'form',
      { key: 'ask', onsubmit },
      change.kind === 'mode' &&
        field(
          'mode',
          'Mode',
          h(
            'select',
            { id: 'change-mode', name: 'mode' },
            ...['enforce', 'shadow', 'off'].map((mode) =>
              h('option', { value: mode, selected: mode === (typed['mode'] ?? change.before) }, mode),
            ),
          ),
        ),
      change.kind === 'limit' &&
        field(
          'value',
          `Value (now ${change.before})`,
          h('input', {
            id: 'change-value',
            name: 'value',
            required: true,
            autocomplete: 'off',
            value: typed['value'],
          }),
        ),
      forTime &&
        field(
          'ttl',
          'For',
          h(
            'select',
            { id: 'change-ttl', name: 'ttl' },
            ...TTLS.map(([ttl, name]) =>
              h('option', { value: ttl, selected: ttl === (typed['ttl'] ?? '1h') }, name),
            ),
          ),
        ),
      field(
        'reason',
        'Why',
        h('input', {
          id: 'change-reason',
          name: 'reason',
          required: forTime,
          maxlength: '500',
          autocomplete: 'off',
          value: typed['reason'],
        }),
      ),
      !hasToken() &&
        field(
          'token',
          'Token (kept until this page is closed)',
          h('input', {
            id: 'change-token',
            name: 'token',
            type: 'password',
            required: true,
            autocomplete: 'off',
            value: typed['token'],
          }),
        ),
      h(
        'div',
        { class: 'buttons' },
        h('button', { type: 'button', onclick: close }, 'Cancel'),
        h('button', { type: 'submit', class: 'main' }, 'Go on'),
      ),
    ),
  ];
}

function field(name: string, label: string, input: HTMLElement): HTMLElement {
  return h('p', { key: name }, h('label', { for: `change-${name}` }, label), input);
}

/** With what was typed before. */
function askAgain(draft: Draft, redraw: () => void): () => void {
  return () => {
    draft.step = 'ask';
    redraw();
  };
}

function confirmStep(draft: Draft, redraw: () => void, close: () => void): Child[] {
  const again = askAgain(draft, redraw);
  const send = async (): Promise<void> => {
    try {
      const { note } = await request(draft);
      draft.said = `Done: ${note}.`;
      draft.failed = false;
    } catch (error) {
      draft.said = error instanceof Error ? error.message : String(error);
      draft.failed = true;
      if (error instanceof Refused && error.status === 401) useToken('');
    }
    draft.step = 'done';
    redraw();
  };
  return [
    h('p', { id: 'change-summary' }, consequence(draft)),
    h(
      'div',
      { class: 'buttons' },
      h('button', { type: 'button', onclick: close }, 'Cancel'),
      h('button', { type: 'button', onclick: again }, 'Back'),
      h(
        'button',
        { type: 'button', class: 'main', id: 'change-confirm', onclick: () => void send() },
        'Yes, do it',
      ),
    ),
  ];
}

function doneStep(draft: Draft, redraw: () => void, close: () => void): Child[] {
  const again = askAgain(draft, redraw);
  return [
    h(
      'p',
      { role: 'alert', id: 'change-said', class: draft.failed ? 'bad' : 'good' },
      draft.failed ? 'Nothing was changed: ' : '',
      draft.said ?? '',
    ),
    h(
      'div',
      { class: 'buttons' },
      draft.failed && h('button', { type: 'button', onclick: again }, 'Back'),
      h('button', { type: 'button', class: 'main', onclick: close }, 'Close'),
    ),
  ];
}

/** What will happen, for whom and for how long. */
function consequence({ change, shared, fields }: Draft): string {
  const where = shared ? 'on every replica' : 'on this replica alone (there is no Redis)';
  const time = TTLS.find(([ttl]) => ttl === fields['ttl'])?.[1] ?? '';
  switch (change.kind) {
    case 'mode': {
      const who =
        change.tenant === null ? 'all tenants without a mode of their own' : `tenant ${change.tenant}`;
      const all = change.tenant === null ? 'every tenant, whatever its own mode' : `tenant ${change.tenant}`;
      const what = {
        enforce: `Limits are enforced for ${who}`,
        shadow: `Pushes of ${who} all pass; what would be refused is only counted`,
        off: `Nothing is decoded or refused for ${all}: Mimir gets all of it`,
      }[fields['mode'] ?? 'enforce'];
      return `${what}, ${where}, for ${time}. Then it is ${change.before} again.`;
    }
    case 'limit':
      return `${change.name} of tenant ${change.tenant} becomes ${fields['value']} instead of ${change.before}, ${where}, for ${time}. Then it is ${change.before} again. What Mimir itself enforces does not change.`;
    case 'take back':
      return `${change.name} is no longer ${change.before}: the overrides and settings hold again, ${where}.`;
    default:
      return `The overrides are read again, ${where}. If they can not be used, the last good limits stay.`;
  }
}

function request({ change, fields }: Draft): Promise<Written> {
  const { mode, ttl, reason = '' } = fields;
  if (change.kind === 'reload') return write('POST', 'reload', { reason });
  const base = change.tenant === null ? '' : `tenants/${encodeURIComponent(change.tenant)}/`;
  switch (change.kind) {
    case 'mode':
      return write('PUT', `${base}mode`, { mode, ttl, reason });
    case 'limit':
      return write('PUT', `${base}limits/${change.name}`, { value: fields['value'], ttl, reason });
    default:
      return write('DELETE', change.name === 'mode' ? `${base}mode` : `${base}limits/${change.name}`, {
        reason,
      });
  }
}
