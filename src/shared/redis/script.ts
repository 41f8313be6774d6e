/** A call as a Lua script: its arguments and its reply. Each script has a file beside its .lua. */
import { readFileSync } from 'node:fs';
import type { Call, CallKind, Reply } from '../protocol.js';

/** Every script has one key. */
export type ScriptArguments = readonly [key: string, ...args: string[]];

export interface Script<K extends CallKind> {
  readonly lua: string;
  /** Mostly one run of the script; several runs are sent together, in this order. */
  encode(prefix: string, tenant: string, call: Call<K>): readonly ScriptArguments[];
  /** The replies of the runs. */
  decode(replies: readonly (readonly unknown[])[]): Reply<K>;
}

/** The concatenated text of scripts in this folder. */
export function readLua(...names: readonly string[]): string {
  return names.map((name) => readFileSync(new URL(name, import.meta.url), 'utf8')).join('\n');
}
