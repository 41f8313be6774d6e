/**
 * Whom an answer speaks for: the fleet as it is known, or one replica. What is kept of the fleet is read where it is kept; for
 * the rest the other replicas are asked, each for its own part, and what they told is put together by whoever asked.
 */
import { messageOf } from '../base/message-of.js';
import { rounded } from '../base/rounded.js';
import { type Answer, isObject } from '../shared/fleet-messages.js';
import type { FleetMember } from '../shared/fleet-store.js';
import type { PlaneState } from '../usage/book-state.js';
import type { Edge } from './edge.js';
import { Problem } from './problem.js';
import type { Query } from './query.js';

export interface Scope {
  /** `machine`: of this one alone, because nothing is shared, the others are not seen now, or it was asked for. */
  readonly of: 'fleet' | 'machine';
  /** That are in the answer. */
  readonly replicas: number;
  /** That are alive, as far as it is known. */
  readonly known: number;
  /** Names of those that were asked and did not answer in time. */
  readonly silent: readonly string[];
  /** What came later is not in it yet; null: it is of now. */
  readonly until: string | null;
  readonly ageSeconds: number;
  /** Why it does not speak for the whole fleet; null: it does. */
  readonly note: string | null;
}

/** What one replica told of itself. */
export interface Told<T> {
  /** As people know it. */
  readonly replica: string;
  readonly body: T;
  /** It had more to tell than there was room for. */
  readonly isCut: boolean;
}

interface Gathered<T> {
  readonly scope: Scope;
  /** This replica first, where it is asked for. */
  readonly each: readonly Told<T>[];
}

const MOST_NAME = 100;
/** Of those that there are, when one is asked for that is not. */
const MOST_NAMED = 20;
/** A data plane that was not heard of for so long is not counted as one. */
const ALIVE_MS = 60_000;
const NOT_FOUND = 404;
/** What is asked of this replica alone. */
export const THIS = 'this';

export function readReplica(query: Query): string | undefined {
  return query.text('replica', MOST_NAME);
}

/** Undefined: this one. Throws a Problem where none is called so. */
export function otherReplica({ usage }: Edge, name: string): FleetMember | undefined {
  if (name === THIS || name === usage.name || name === usage.machine) return undefined;
  const found = usage.replicas?.named(name);
  if (found !== undefined) return found;
  const names = [usage.name, ...(usage.replicas?.others() ?? []).map((one) => one.name)].sort();
  throw new Problem(404, `there is no replica ${name.slice(0, MOST_NAME)}; known are ${named(names)}`);
}

/** What another replica answers to the same read; where it had more to tell, `scope` says so. Throws a Problem as it does. */
export async function readOf(edge: Edge, replica: FleetMember, path: string): Promise<object> {
  const { body, isCut } = await askOne(edge, replica, path);
  if (!isCut) return body;
  const scope = isObject(body['scope']) ? body['scope'] : ofOne(edge, `of replica ${replica.name} alone`);
  const note = typeof scope['note'] === 'string' ? `${scope['note']}; ` : '';
  return { ...body, scope: { ...scope, note: `${note}${cutNote([replica.name])}` } };
}

async function askOne(edge: Edge, replica: FleetMember, path: string): Promise<Answer> {
  const heard = await edge.usage.replicas?.ask(path, replica).catch((error: unknown) => {
    throw new Problem(503, `replica ${replica.name} can not be asked: ${messageOf(error)}`, RETRY);
  });
  const answer = heard?.told[0]?.answer;
  if (answer === undefined) throw new Problem(503, `replica ${replica.name} does not answer`, RETRY);
  const { status, body } = answer;
  if (status === 200) return answer;
  const detail = typeof body['detail'] === 'string' ? body['detail'] : 'it can not answer this';
  throw new Problem(status >= 400 && status < 500 ? status : 503, `replica ${replica.name}: ${detail}`);
}

const RETRY = { 'Retry-After': '5' };

interface Gathering<T> {
  /** A read of the API that answers for one replica. */
  readonly path: string;
  readonly own: () => T | Promise<T>;
  /** For how long what others answer is good enough; undefined: a second. */
  readonly keptMs?: number | undefined;
  /** Undefined: it is no such thing. What comes is from a store that others may write to. */
  readonly read: (body: Readonly<Record<string, unknown>>) => T | undefined;
}

/** `replica` undefined: of all. */
export async function gather<T>(
  edge: Edge,
  replica: string | undefined,
  { path, own, read, keptMs }: Gathering<T>,
): Promise<Gathered<T>> {
  const { usage } = edge;
  if (replica !== undefined) {
    const other = otherReplica(edge, replica);
    const name = other?.name ?? usage.name;
    const answer = other === undefined ? undefined : await askOne(edge, other, path);
    const body = answer === undefined ? await own() : read(answer.body);
    if (body === undefined) throw new Problem(503, `what replica ${name} answers can not be read`, RETRY);
    const isCut = answer?.isCut === true;
    const note = `of replica ${name} alone, as asked${isCut ? `; ${cutNote([name])}` : ''}`;
    return { scope: ofOne(edge, note), each: [{ replica: name, body, isCut }] };
  }
  const mine = async (): Promise<Told<T>> => ({ replica: usage.name, body: await own(), isCut: false });
  if (usage.replicas === undefined) return { scope: unshared(edge), each: [await mine()] };
  const asked = usage.replicas.ask(path, undefined, keptMs).catch((error: unknown) => messageOf(error));
  const each = [await mine()];
  const heard = await asked;
  if (typeof heard === 'string') return { scope: ofOne(edge, notAsked(heard)), each };
  const silent = heard.silent.map(({ name }) => name);
  for (const { replica, answer } of heard.told) {
    // It has nothing of what is asked for.
    if (answer.status === NOT_FOUND) continue;
    const body = answer.status === 200 ? read(answer.body) : undefined;
    if (body === undefined) silent.push(replica.name);
    else each.push({ replica: replica.name, body, isCut: answer.isCut });
  }
  const known = 1 + heard.told.length + heard.silent.length;
  const { lastError } = usage.replicas.status();
  const scope: Scope = {
    of: known > 1 && silent.length === known - 1 ? 'machine' : 'fleet',
    replicas: known - silent.length,
    known,
    silent: silent.sort(),
    until: null,
    ageSeconds: rounded(Math.max(0, Date.now() - heard.atMs) / 1000),
    note: lastError === undefined ? noteOf(silent, known, each) : notAsked(lastError),
  };
  return { scope: lastError === undefined ? scope : { ...scope, of: 'machine' }, each };
}

function noteOf(silent: readonly string[], known: number, each: readonly Told<unknown>[]): string | null {
  const cut = each.filter(({ isCut }) => isCut).map(({ replica }) => replica);
  const notes = [
    ...(silent.length === 0
      ? []
      : [`${silent.length} of ${known} replicas did not answer: ${named(silent)}`]),
    ...(cut.length === 0 ? [] : [cutNote(cut)]),
  ];
  return notes.length === 0 ? null : notes.join('; ');
}

export function noted(scope: Scope, note: string): Scope {
  return { ...scope, note: scope.note === null ? note : `${scope.note}; ${note}` };
}

/** Some of them, where there are very many. */
export function named(names: readonly string[]): string {
  return names.slice(0, MOST_NAMED).join(', ') + (names.length > MOST_NAMED ? ', …' : '');
}

function cutNote(names: readonly string[]): string {
  return `replica ${names.join(', ')} has more than there is room for in an answer`;
}

function notAsked(why: string): string {
  return `of this replica alone: the others can not be asked (${why})`;
}

function unshared(edge: Edge): Scope {
  return ofOne(edge, 'of this machine: nothing is shared with others');
}

export function ofOne({ usage }: Edge, note: string): Scope {
  const known = usage.replicas?.status().known ?? 1;
  return { of: 'machine', replicas: 1, known, silent: [], until: null, ageSeconds: 0, note };
}

/** Of the replica that answers. `differs`: why another may answer otherwise. */
export function ofAnswering(edge: Edge, replica: string | undefined, differs: string): Scope {
  const { name, replicas } = edge.usage;
  if (replica !== undefined) return ofOne(edge, `of replica ${name} alone, as asked`);
  if (replicas === undefined) return unshared(edge);
  return ofOne(edge, `of replica ${name}, which was asked: ${differs}`);
}

/**
 * The edge as reads are to see it: the fleet's tenants, as far as they are known, or this replica's where it is named. Throws
 * a Problem where there is no such replica; another one is to be asked itself.
 */
export function scopedEdge(
  edge: Edge,
  replica: string | undefined,
): { readonly edge: Edge; readonly scope: Scope } {
  const { usage } = edge;
  if (replica !== undefined) return { edge, scope: ofOne(edge, `of replica ${usage.name} alone, as asked`) };
  const { fleet } = usage;
  if (fleet === undefined) return { edge, scope: unshared(edge) };
  if (!fleet.counts.isFresh) {
    const why = fleet.counts.error ?? 'nobody has closed a step of it lately';
    const note = `of this machine alone: the fleet's usage can not be seen (${why})`;
    return { edge, scope: ofOne(edge, note) };
  }
  const nowMs = Date.now();
  const until = fleet.counts.now();
  const replicas = machinesOf(Object.values(fleet.counts.state.planes), nowMs);
  return {
    edge: fleet.edge,
    scope: {
      of: 'fleet',
      replicas,
      known: replicas,
      silent: [],
      until: new Date(until).toISOString(),
      ageSeconds: rounded((nowMs - until) / 1000),
      note: null,
    },
  };
}

export function machinesOf(planes: readonly PlaneState[], nowMs: number): number {
  return new Set(planes.filter(({ heardMs }) => isAlive(heardMs, nowMs)).map(({ info }) => info.machine))
    .size;
}

export function isAlive(heardMs: number, nowMs: number): boolean {
  return nowMs - heardMs < ALIVE_MS;
}
