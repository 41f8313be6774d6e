/** A call as a Lua script: what it takes, and what it answers. One file of each beside the other. */
import { readFileSync } from 'node:fs';
import type { Call, CallKind, Reply } from '../protocol.js';

/** All scripts have one key. */
export type ScriptArguments = readonly [key: string, ...args: string[]];

export interface Script<K extends CallKind> {
  readonly lua: string;
  /** Mostly one run of the script; of several, which are sent together, in this order. */
  encode(prefix: string, tenant: string, call: Call<K>): readonly ScriptArguments[];
  /** What the runs answered. */
  decode(replies: readonly (readonly unknown[])[]): Reply<K>;
}

/** The text of scripts in this folder, one after another. */
export function readLua(...names: readonly string[]): string {
  return names.map((name) => readFileSync(new URL(name, import.meta.url), 'utf8')).join('\n');
}
