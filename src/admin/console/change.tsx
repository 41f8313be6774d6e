/** A change, in two steps: what, for how long and why; then what will happen, and yes or no. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Refused, write } from './client.js';
import { type Change, useApp } from './state.js';
import type { Written } from './types.js';

type Fields = Readonly<Record<string, string>>;

interface Said {
  readonly text: string;
  readonly failed: boolean;
}

type Option = readonly (readonly [value: string, text: string])[];

const TTLS: Option = [
  ['15m', '15 minutes'],
  ['1h', '1 hour'],
  ['4h', '4 hours'],
  ['1d', '1 day'],
  ['7d', '7 days'],
];

const MODES: Option = [
  ['enforce', 'enforce'],
  ['shadow', 'shadow'],
  ['off', 'off'],
];
const FACTORS: Option = [
  ['0.5', 'half'],
  ['0.2', 'a fifth'],
  ['0.1', 'a tenth'],
  ['0.02', 'a fiftieth'],
  ['0', 'nothing'],
];
const CLASSES: Option = [
  ['', 'all but critical tenants'],
  ['low', 'tenants of low priority'],
  ['normal', 'tenants of normal priority'],
  ['critical', 'critical tenants'],
  ['all', 'all tenants, critical ones too'],
];

/** Other replicas will obey, too, where changes are shared. */
export function ChangeDialog({ change }: { change: Change }): JSX.Element {
  const { state, actions } = useApp();
  const dialog = useRef<HTMLDialogElement>(null);
  const [fields, setFields] = useState<Fields>({});
  const [step, setStep] = useState<'ask' | 'confirm' | 'done'>('ask');
  const [said, setSaid] = useState<Said>({ text: '', failed: false });
  const shared = state.status?.sharing.shared ?? false;
  useEffect(() => dialog.current?.showModal(), []);
  const send = async (): Promise<void> => {
    try {
      const { note } = await request(change, fields);
      setSaid({ text: `Done: ${note}.`, failed: false });
    } catch (error) {
      setSaid({
        text: `Nothing was changed: ${error instanceof Error ? error.message : String(error)}`,
        failed: true,
      });
      if (error instanceof Refused && error.status === 401) actions.token('');
    }
    setStep('done');
  };
  return (
    <dialog ref={dialog} aria-labelledby="change-title" onClose={actions.closeDialog}>
      <h2 id="change-title">{titleOf(change)}</h2>
      {step === 'ask' ? (
        <Ask
          change={change}
          typed={fields}
          onGoOn={(typed) => {
            setFields(typed);
            if (typed['token']) actions.token(typed['token']);
            setStep('confirm');
          }}
          onCancel={() => dialog.current?.close()}
        />
      ) : null}
      {step === 'confirm' ? (
        <>
          <p id="change-summary">{consequence(change, shared, fields)}</p>
          <div class="buttons">
            <button type="button" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
            <button type="button" onClick={() => setStep('ask')}>
              Back
            </button>
            <button type="button" class="main" id="change-confirm" onClick={() => void send()}>
              Yes, do it
            </button>
          </div>
        </>
      ) : null}
      {step === 'done' ? (
        <>
          <p role="alert" id="change-said" class={said.failed ? 'said bad' : 'said good'}>
            {said.text}
          </p>
          <div class="buttons">
            {said.failed ? (
              <button type="button" onClick={() => setStep('ask')}>
                Back
              </button>
            ) : null}
            <button type="button" class="main" onClick={() => dialog.current?.close()}>
              Close
            </button>
          </div>
        </>
      ) : null}
    </dialog>
  );
}

function titleOf(change: Change): string {
  switch (change.kind) {
    case 'mode':
      return change.tenant === null ? 'Mode of all tenants' : `Mode of ${change.tenant}`;
    case 'limit':
      return `${change.name} of ${change.tenant}`;
    case 'take back':
      return `Take back ${change.name}${change.tenant === null ? '' : ` of ${change.tenant}`}`;
    case 'panic':
      return 'Panic: tenants may use a part of their rates';
    case 'guards':
      return change.mode === 'act' ? 'Have guards act' : 'Have guards only observe';
    default:
      return 'Read the overrides again';
  }
}

interface AskProps {
  readonly change: Change;
  readonly typed: Fields;
  readonly onGoOn: (fields: Fields) => void;
  readonly onCancel: () => void;
}

function Ask({ change, typed, onGoOn, onCancel }: AskProps): JSX.Element {
  const { state } = useApp();
  const forTime = change.kind !== 'take back' && change.kind !== 'reload';
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const fields = [...new FormData(event.currentTarget as HTMLFormElement)];
    onGoOn(Object.fromEntries(fields.map(([name, text]) => [name, String(text)])));
  };
  return (
    <form onSubmit={submit}>
      {change.kind === 'mode' ? (
        <Field name="mode" label="Mode">
          <Options name="mode" options={MODES} chosen={typed['mode'] ?? change.before} />
        </Field>
      ) : null}
      {change.kind === 'panic' ? (
        <>
          <Field name="factor" label="What they may use of their rates">
            <Options name="factor" options={FACTORS} chosen={typed['factor'] ?? '0.5'} />
          </Field>
          <Field name="class" label="Who">
            <Options name="class" options={CLASSES} chosen={typed['class'] ?? ''} />
          </Field>
        </>
      ) : null}
      {change.kind === 'limit' ? (
        <Field name="value" label={`Value (now ${change.before})`}>
          <input
            id="change-value"
            name="value"
            required
            autocomplete="off"
            defaultValue={typed['value'] ?? ''}
          />
        </Field>
      ) : null}
      {forTime ? (
        <Field name="ttl" label="For">
          <Options
            name="ttl"
            options={TTLS}
            chosen={typed['ttl'] ?? (change.kind === 'panic' ? '15m' : '1h')}
          />
        </Field>
      ) : null}
      <Field name="reason" label="Why">
        <input
          id="change-reason"
          name="reason"
          required={forTime}
          maxLength={500}
          autocomplete="off"
          defaultValue={typed['reason'] ?? ''}
        />
      </Field>
      {state.hasToken ? null : (
        <Field name="token" label="Token (kept until this page is closed)">
          <input
            id="change-token"
            name="token"
            type="password"
            required
            autocomplete="off"
            defaultValue={typed['token'] ?? ''}
          />
        </Field>
      )}
      <div class="buttons">
        <button type="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" class="main">
          Go on
        </button>
      </div>
    </form>
  );
}

function Options({ name, options, chosen }: { name: string; options: Option; chosen: string }): JSX.Element {
  return (
    <select id={`change-${name}`} name={name}>
      {options.map(([value, text]) => (
        <option key={value} value={value} selected={value === chosen}>
          {text}
        </option>
      ))}
    </select>
  );
}

function Field({
  name,
  label,
  children,
}: {
  name: string;
  label: string;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <p class="field">
      <label for={`change-${name}`}>{label}</label>
      {children}
    </p>
  );
}

/** What will happen, for whom and for how long. */
function consequence(change: Change, shared: boolean, fields: Fields): string {
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
    case 'guards':
      return change.mode === 'act'
        ? `For ${time}, ${where}, guards admit less while a load is too high: tenants get 503 for what is over a part of their rates.`
        : `For ${time}, ${where}, nothing is done by guards, and what they did is not in force; they say what they would do.`;
    case 'panic': {
      const who = CLASSES.find(([its]) => its === fields['class'])?.[1] ?? '';
      const part = FACTORS.find(([factor]) => factor === fields['factor'])?.[1] ?? '';
      return `For ${time}, ${where}, ${who} may use ${part} of their rates and bursts. What is over it gets 503 with Retry-After: senders keep it and come again.`;
    }
    case 'take back':
      return `${change.name} is no longer ${change.before}: the overrides and settings hold again, ${where}.`;
    default:
      return `The overrides are read again, ${where}. If they can not be used, the last good limits stay.`;
  }
}

function request(change: Change, fields: Fields): Promise<Written> {
  const { mode, ttl, reason = '' } = fields;
  if (change.kind === 'reload') return write('POST', 'reload', { reason });
  if (change.kind === 'panic') {
    const its = fields['class'] === '' ? {} : { class: fields['class'] };
    return write('PUT', 'panic', { factor: Number(fields['factor']), ttl, reason, ...its });
  }
  if (change.kind === 'guards') return write('PUT', 'guard', { mode: change.mode, ttl, reason });
  const base = change.tenant === null ? '' : `tenants/${encodeURIComponent(change.tenant)}/`;
  switch (change.kind) {
    case 'mode':
      return write('PUT', `${base}mode`, { mode, ttl, reason });
    case 'limit':
      return write('PUT', `${base}limits/${change.name}`, { value: fields['value'], ttl, reason });
    default:
      if (change.name === 'guard.mode') return write('DELETE', 'guard', { reason });
      if (change.name.startsWith('panic')) {
        const its = change.name.split('.')[1];
        return write('DELETE', 'panic', { reason, ...(its === undefined ? {} : { class: its }) });
      }
      return write('DELETE', change.name === 'mode' ? `${base}mode` : `${base}limits/${change.name}`, {
        reason,
      });
  }
}
