/**
 * The labels that a resource and a scope add to the series of their data points: job and instance, promoted attributes, the
 * scope's identity. Computed once for each, and sorted.
 */
import { escapeNames, isPromoted, promoteScope } from './otlp-options';
import { made, madeLength, makeLabelName } from './otlp-names';
import { addEntry, emptyList, forgetList, keep, listAt, listBytes } from './otlp-out';
import { sort } from './otlp-sort';
import {
  INSTANCE,
  isSame,
  JOB,
  SCOPE_NAME,
  SCOPE_SCHEMA,
  SCOPE_VERSION,
  SERVICE_INSTANCE,
  SERVICE_NAME,
  SERVICE_NAMESPACE,
} from './otlp-texts';
import { key, keyLength, readAttribute, text, textLength } from './otlp-values';
import { fault } from './wire';

/** An attribute of a resource or scope: the key, and the text. */
export const PAIR: u32 = 16;
/** An added label: name, value, name again, and its kind. */
export const GIVEN: u32 = 32;
const KIND: usize = 24;
/** Used if a data point has no attribute of its name. */
const PROMOTED: u32 = 0;
/** Replaces a data point's, even without a value. */
const REPLACES: u32 = 1;
/** Replaces a data point's if it has a value. */
const FROM_SCOPE: u32 = 2;

/** The attributes of the resource and the scope, with keys and texts. */
export const RESOURCE: u32 = <u32>memory.data(12);
export const SCOPE: u32 = <u32>memory.data(12);
export const given = <u32>memory.data(12);

// The identity of resource and scope.
let job: u32 = 0;
let jobLength: u32 = 0;
let instance: u32 = 0;
let instanceLength: u32 = 0;

/** A body begins. */
export function forgetGiven(): void {
  forgetList(given);
  forgetList(RESOURCE);
  forgetList(SCOPE);
}

/** Used if a data point has no attribute of its name. */
// @ts-ignore: decorator
@inline
export function isOnlyPromoted(entry: u32): bool {
  return load<u32>(entry, KIND) === PROMOTED;
}

/** Reads an attribute of a resource or a scope. Check `fault` afterwards. */
export function addTo(list: u32, end: u32): void {
  readAttribute(end);
  if (fault !== 0) return;
  const entry = addEntry(list, PAIR);
  if (entry === 0) return;
  store<u32>(entry, key);
  store<u32>(entry, keyLength, 4);
  store<u32>(entry, text, 8);
  store<u32>(entry, textLength, 12);
}

/** The entry of a resource's attribute; 0: there is none. */
export function resourceAttribute(name: u32, length: u32): u32 {
  const at = listAt(RESOURCE);
  const end = at + listBytes(RESOURCE);
  for (let entry = at; entry < end; entry += PAIR) {
    if (isSame(load<u32>(entry), load<u32>(entry, 4), name, length)) return entry;
  }
  return 0;
}

/** Computes the identity of the resource. False: nothing is left of a promoted attribute's name, or `fault` is set. */
export function takeResource(): bool {
  jobLength = 0;
  instanceLength = 0;
  const service = resourceAttribute(SERVICE_NAME, 12);
  if (service !== 0) {
    job = load<u32>(service, 8);
    jobLength = load<u32>(service, 12);
    const namespace = resourceAttribute(SERVICE_NAMESPACE, 17);
    if (namespace !== 0 && !joinJob(load<u32>(namespace, 8), load<u32>(namespace, 12))) return false;
  }
  const id = resourceAttribute(SERVICE_INSTANCE, 19);
  if (id !== 0) {
    instance = load<u32>(id, 8);
    instanceLength = load<u32>(id, 12);
  }
  return giveLabels(false, false);
}

function joinJob(namespace: u32, length: u32): bool {
  const at = keep(length + 1 + jobLength);
  if (at === 0) return false;
  memory.copy(at, namespace, length);
  store<u8>(at + length, 0x2f);
  memory.copy(at + length + 1, job, jobLength);
  job = at;
  jobLength += length + 1;
  return true;
}

// Of the scope.
let scopeName: u32 = 0;
let scopeNameLength: u32 = 0;
let scopeVersion: u32 = 0;
let scopeVersionLength: u32 = 0;
let scopeSchema: u32 = 0;
let scopeSchemaLength: u32 = 0;

export function setScopeName(at: u32, length: u32): void {
  scopeName = at;
  scopeNameLength = length;
}

export function setScopeVersion(at: u32, length: u32): void {
  scopeVersion = at;
  scopeVersionLength = length;
}

export function setScopeSchema(at: u32, length: u32): void {
  scopeSchema = at;
  scopeSchemaLength = length;
}

export function forgetScope(): void {
  scopeNameLength = 0;
  scopeVersionLength = 0;
  scopeSchemaLength = 0;
  emptyList(SCOPE);
}

/** False: nothing is left of an attribute's name, or `fault` is set. */
export function takeScope(): bool {
  return giveLabels(promoteScope && scopeNameLength > 0, false);
}

/** The labels that are added to data points: of one name the last counts, and one without a value is none. */
export function giveLabels(withScope: bool, isTarget: bool): bool {
  emptyList(given);
  if (!isTarget) {
    const end = listAt(RESOURCE) + listBytes(RESOURCE);
    for (let entry = listAt(RESOURCE); entry < end; entry += PAIR) {
      if (!isPromoted(load<u32>(entry), load<u32>(entry, 4))) continue;
      if (!makeLabelName(load<u32>(entry), load<u32>(entry, 4))) return false;
      if (!give(made, madeLength, load<u32>(entry, 8), load<u32>(entry, 12), PROMOTED)) return false;
    }
  }
  if (jobLength > 0 && !give(JOB, 3, job, jobLength, REPLACES)) return false;
  if (instanceLength > 0 && !give(INSTANCE, 8, instance, instanceLength, REPLACES)) return false;
  if (withScope && !giveScope()) return false;
  return sortGiven();
}

function giveScope(): bool {
  const end = listAt(SCOPE) + listBytes(SCOPE);
  for (let entry = listAt(SCOPE); entry < end; entry += PAIR) {
    const length = load<u32>(entry, 4);
    const name = keep(11 + length);
    if (name === 0) return false;
    memory.copy(name, SCOPE_NAME, 11);
    memory.copy(name + 11, load<u32>(entry), length);
    if (!makeLabelName(name, 11 + length)) return false;
    if (!give(made, madeLength, load<u32>(entry, 8), load<u32>(entry, 12), FROM_SCOPE)) return false;
  }
  return (
    give(SCOPE_NAME, 15, scopeName, scopeNameLength, REPLACES) &&
    give(SCOPE_VERSION, 18, scopeVersion, scopeVersionLength, REPLACES) &&
    give(SCOPE_SCHEMA, 21, scopeSchema, scopeSchemaLength, REPLACES)
  );
}

function give(name: u32, nameLength: u32, value: u32, valueLength: u32, kind: u32): bool {
  const entry = addEntry(given, GIVEN);
  if (entry === 0) return false;
  store<u32>(entry, name);
  store<u32>(entry, nameLength, 4);
  store<u32>(entry, value, 8);
  store<u32>(entry, valueLength, 12);
  store<u32>(entry, name, 16);
  store<u32>(entry, nameLength, 20);
  store<u32>(entry, kind, KIND);
  return true;
}

/** Keeps one label of each name. */
function sortGiven(): bool {
  if (!sort(given)) return false;
  const list = listAt(given);
  const end = list + listBytes(given);
  let to = list;
  for (let entry = list; entry < end; ) {
    let next = entry + GIVEN;
    while (next < end && isSame(load<u32>(entry), load<u32>(entry, 4), load<u32>(next), load<u32>(next, 4))) next += GIVEN;
    const stays = lastThatCounts(entry, next);
    if (stays !== 0) {
      if (to !== stays) memory.copy(to, stays, GIVEN);
      to += GIVEN;
    }
    entry = next;
  }
  store<u32>(given, to - list, 8);
  return true;
}

/** 0: none does. */
function lastThatCounts(first: u32, end: u32): u32 {
  let metScope = false;
  for (let entry = end - GIVEN; entry >= first; entry -= GIVEN) {
    const kind = load<u32>(entry, KIND);
    const isEmpty = load<u32>(entry, 12) === 0;
    if (kind === PROMOTED) return isEmpty ? 0 : entry;
    if (kind === REPLACES) return entry;
    if (!metScope && !isEmpty) return entry;
    metScope = true;
  }
  return 0;
}


export function isIdentifying(entry: u32): bool {
  const at = load<u32>(entry);
  const length = load<u32>(entry, 4);
  return isSame(at, length, SERVICE_NAME, 12) || isSame(at, length, SERVICE_NAMESPACE, 17) || isSame(at, length, SERVICE_INSTANCE, 19);
}
