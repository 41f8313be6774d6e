/** What another replica told of itself, read as told.ts reads. */
import { isObject } from '../shared/fleet-messages.js';
import { ADDRESS_STATES } from '../upstream/address-health.js';
import { readTimes, type TimesView } from './times-view.js';
import { limitedText, listOf, numberOr, textIn, timeIn } from './told.js';
import type { AddressView, UpstreamView } from './upstream-view.js';
import { LEVELS, type Level, type Problem } from './verdict.js';

const MAX_TEXT = 1000;
const MAX_ADDRESSES = 200;
const MAX_CLASSES = 20;
export const MAX_TROUBLES = 20;
const SENT_TO = ['in', 'out', 'probing'] as const;

export interface ReplicaView {
  readonly replica: string;
  readonly version: string;
  readonly started: string;
  readonly ready: boolean;
  readonly draining: boolean;
  readonly mode: string;
  readonly limitsHash: string;
  readonly level: Level;
  /** Of itself and of Mimir. */
  readonly problems: readonly Problem[];
  /** How long pushes were in the edge itself; null: none was, or its version does not tell. */
  readonly pushTimes: TimesView | null;
  readonly upstream: UpstreamView;
}

export function readReplicaView(one: Readonly<Record<string, unknown>>): ReplicaView | undefined {
  const started = timeIn(one['started']);
  const level = LEVELS.find((name) => name === one['level']);
  const problems = listOf(one['problems'], MAX_TROUBLES, readTrouble);
  const upstream = isObject(one['upstream']) ? readUpstream(one['upstream']) : undefined;
  if (started === undefined || level === undefined || problems === undefined || upstream === undefined)
    return undefined;
  return {
    replica: '',
    version: textIn(one['version'], MAX_TEXT),
    started,
    ready: one['ready'] === true,
    draining: one['draining'] === true,
    mode: textIn(one['mode'], MAX_TEXT),
    limitsHash: textIn(one['limitsHash'], MAX_TEXT),
    level,
    problems,
    pushTimes: readTimes(one['pushTimes']),
    upstream,
  };
}

function readTrouble({ of, level, text }: Readonly<Record<string, unknown>>): Problem | undefined {
  if ((of !== 'edge' && of !== 'mimir') || (level !== 'near' && level !== 'bad')) return undefined;
  return { of, level, text: textIn(text, MAX_TEXT) };
}

function readUpstream(one: Readonly<Record<string, unknown>>): UpstreamView | undefined {
  const addresses = listOf(one['addresses'], MAX_ADDRESSES, readAddress);
  const state = ADDRESS_STATES.find((name) => name === one['state']);
  if (addresses === undefined || state === undefined) return undefined;
  return {
    urls: textsIn(one['urls']),
    responses: numbersIn(one['responses']),
    failures: numberOr(one['failures'], 0),
    unresolved: textsIn(one['unresolved']),
    times: readTimes(one['times']),
    state,
    breaker: readBreaker(one['breaker']),
    admission: readAdmission(one['admission']),
    addresses,
  };
}

function readBreaker(value: unknown): UpstreamView['breaker'] {
  if (!isObject(value)) return null;
  const mode = (['off', 'observe', 'act'] as const).find((name) => name === value['mode']);
  const state = (['closed', 'open', 'half-open'] as const).find((name) => name === value['state']);
  if (mode === undefined || state === undefined) return null;
  return {
    mode,
    state,
    sinceSeconds: numberOr(value['sinceSeconds'], 0),
    cause: limitedText(value['cause'], MAX_TEXT) ?? null,
    refused: numberOr(value['refused'], 0),
  };
}

function readAdmission(value: unknown): UpstreamView['admission'] {
  if (!isObject(value)) return null;
  const mode = (['observe', 'act'] as const).find((name) => name === value['mode']);
  if (mode === undefined) return null;
  const number = (name: string): number => numberOr(value[name], 0);
  return {
    mode,
    limit: numberOr(value['limit'], null),
    inFlight: number('inFlight'),
    waiting: number('waiting'),
    waitingBytes: number('waitingBytes'),
    waited: number('waited'),
    turnedAway: number('turnedAway'),
  };
}

function readAddress(one: Readonly<Record<string, unknown>>): AddressView | undefined {
  const state = ADDRESS_STATES.find((name) => name === one['state']);
  const sentTo = SENT_TO.find((name) => name === one['sentTo']);
  if (state === undefined || sentTo === undefined) return undefined;
  const failure = one['lastFailure'];
  const number = (name: string): number => numberOr(one[name], 0);
  return {
    address: textIn(one['address'], MAX_TEXT),
    name: textIn(one['name'], MAX_TEXT),
    zone: textIn(one['zone'], MAX_TEXT),
    state,
    sentTo,
    sinceSeconds: number('sinceSeconds'),
    answered: number('answered'),
    failed: number('failed'),
    underWay: number('underWay'),
    limit: numberOr(one['limit'], null),
    gradient: numberOr(one['gradient'], null),
    backInSeconds: numberOr(one['backInSeconds'], null),
    lastFailure: isObject(failure)
      ? { message: textIn(failure['message'], MAX_TEXT), secondsAgo: numberOr(failure['secondsAgo'], 0) }
      : null,
  };
}

function textsIn(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, MAX_ADDRESSES).flatMap((one: unknown) => limitedText(one, MAX_TEXT) ?? []);
}

function numbersIn(value: unknown): Record<string, number> {
  if (!isObject(value)) return {};
  const entries = Object.entries(value).slice(0, MAX_CLASSES);
  return Object.fromEntries(entries.map(([name, count]) => [name, numberOr(count, 0)]));
}
