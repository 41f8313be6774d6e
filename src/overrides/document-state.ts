/**
 * The life of one document, as states and transitions. What the source holds and what is in force are separate: only a text
 * that was parsed and is valid comes into force, and it stays until the next one does.
 */

export interface DocumentState {
  readonly held: Held;
  /** The text that is being parsed. The source may have another one by now. */
  readonly parsing: Candidate | undefined;
  /** A copy from before the process started that is still to be parsed. */
  readonly kept: string | undefined;
  readonly inForce: InForce | undefined;
}

/** What the source holds now, as far as is known. */
export type Held =
  /** The source has not reported yet. */
  | { readonly is: 'unread' }
  /** A text that is to be parsed, or is being parsed. */
  | ({ readonly is: 'waiting' } & Reading)
  /** The text that is in force. */
  | { readonly is: 'good' }
  /** A text that was parsed and can not be used. */
  | { readonly is: 'broken'; readonly text: string; readonly error: string }
  /** No document, or an empty one, which nobody can have intended. */
  | { readonly is: 'missing'; readonly error: string };

export interface Reading {
  readonly text: string;
  /** For messages. */
  readonly name: string;
  readonly changedAtMs: number;
}

export interface Candidate {
  readonly text: string;
  /** The text is a kept copy, not the source's. */
  readonly fromCopy: boolean;
}

export interface InForce extends Candidate {
  /** How many tenants it names. */
  readonly tenants: number;
}

export type Parsed = { readonly tenants: number } | { readonly error: string };

export const NEW_DOCUMENT: DocumentState = Object.freeze({
  held: Object.freeze({ is: 'unread' }),
  parsing: undefined,
  kept: undefined,
  inForce: undefined,
});

/** The source holds this text. While another one is being parsed, this one waits. */
export function textRead(state: DocumentState, reading: Reading): DocumentState {
  const { held, parsing, inForce } = state;
  const { text, name } = reading;
  if (held.is === 'waiting' && text === held.text) return state;
  if (parsing !== undefined) return { ...state, held: { is: 'waiting', ...reading } };
  if (text === inForce?.text)
    return { ...state, held: { is: 'good' }, inForce: { ...inForce, fromCopy: false } };
  if (held.is === 'broken' && text === held.text) return { ...state, held: { ...held } };
  if (text.trim() === '' && inForce !== undefined && inForce.tenants > 0) {
    // Some editors and tools truncate a file before they write it; taking an empty file at face value would lift every
    // limit.
    return missingRead(state, `${name} is empty; write "overrides: {}" to remove all overrides`);
  }
  return { ...state, held: { is: 'waiting', ...reading } };
}

/** The source has no such document. */
export function missingRead(state: DocumentState, error: string): DocumentState {
  return { ...state, held: { is: 'missing', error } };
}

/** There is a copy that was valid before the process started. It is only used when there is nothing else. */
export function copyFound(state: DocumentState, text: string): DocumentState {
  return state.inForce === undefined ? { ...state, kept: text } : state;
}

/** What to parse next: the source's text, then the kept copy. */
export function candidate({ held, parsing, kept, inForce }: DocumentState): Candidate | undefined {
  if (parsing !== undefined) return undefined;
  if (held.is === 'waiting') return { text: held.text, fromCopy: false };
  if (kept !== undefined && inForce === undefined) return { text: kept, fromCopy: true };
  return undefined;
}

/** Only one text is parsed at a time; a waiting one is looked at afterwards. */
export function parseBegun(state: DocumentState): DocumentState {
  if (state.parsing !== undefined) return state;
  const parsing = candidate(state);
  return { ...state, parsing, kept: parsing?.fromCopy ? undefined : state.kept };
}

export function parseEnded(state: DocumentState, parsed: Parsed): DocumentState {
  const { held, parsing } = state;
  if (parsing === undefined) return state;
  const { text, fromCopy } = parsing;
  const isHeld = held.is === 'waiting' && held.text === text;
  const ended: DocumentState =
    'error' in parsed
      ? { ...state, parsing: undefined, held: isHeld ? { is: 'broken', text, error: parsed.error } : held }
      : {
          ...state,
          parsing: undefined,
          held: isHeld ? { is: 'good' } : held,
          inForce: { text, fromCopy: fromCopy && !isHeld, tenants: parsed.tenants },
        };
  // A text that was read meanwhile is compared again: it may be the one in force now.
  return ended.held.is === 'waiting' ? textRead({ ...ended, held: { is: 'unread' } }, ended.held) : ended;
}

/** Why what the source holds can not be used. */
export function errorOf({ held }: DocumentState): string | undefined {
  return held.is === 'broken' || held.is === 'missing' ? held.error : undefined;
}
