/**
 * The guards' part of the controls: the standing of the fleet's guard, the standing of each machine's own, and a temporary
 * mode of guards that somebody set.
 */
import type { AdmittedParts } from '../enforce/panic.js';

export const GUARD = 'guard';
export const GUARD_MODE = 'guard.mode';
const OWN = 'guard.edge';

/** The name of a machine's own guard. */
export function ownGuard(machine: string): string {
  return `${OWN}.${machine}`;
}

export function isOwnGuard(name: string): boolean {
  return name.startsWith(`${OWN}.`);
}

export function isGuard(name: string): boolean {
  return name === GUARD || isOwnGuard(name);
}

/** Its name in audit and log. */
export function guardTitle(name: string): string {
  return name === GUARD ? `${GUARD}.prometheus` : OWN;
}

export const ALARMS = ['warn', 'emergency', 'panic'] as const;

export type Alarm = (typeof ALARMS)[number];
export type Level = 'calm' | 'recovering' | Alarm;

/** From best to worst. */
export const LEVELS: readonly Level[] = ['calm', 'recovering', ...ALARMS];

export type GuardMode = 'observe' | 'act';

export const GUARD_MODES: readonly GuardMode[] = ['observe', 'act'];

/** Where a guard stands. */
export interface Standing {
  readonly level: Level;
  /** In percent of rates, for all but critical tenants, and for critical ones. */
  readonly admitted: number;
  readonly critical: number;
  /** When and why the last step was taken. */
  readonly steppedMs: number;
  readonly cause: string;
}

export const CALM: Standing = { level: 'calm', admitted: 100, critical: 100, steppedMs: 0, cause: '' };

export interface SharedStanding extends Standing {
  /** When a replica last knew every load. */
  readonly seenMs: number;
}

const MAX_CAUSE = 300;

export function writeStanding({
  level,
  admitted,
  critical,
  steppedMs,
  cause,
  seenMs,
}: SharedStanding): string {
  return JSON.stringify({ level, admitted, critical, steppedMs, seenMs, cause: cause.slice(0, MAX_CAUSE) });
}

/** Undefined: it is invalid. */
export function readStanding(text: unknown): SharedStanding | undefined {
  if (typeof text !== 'string') return undefined;
  let raw: Partial<Record<keyof SharedStanding, unknown>>;
  try {
    raw = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { level, admitted, critical, steppedMs, seenMs, cause } = raw ?? {};
  const isStanding =
    LEVELS.includes(level as Level) &&
    [admitted, critical].every((part) => typeof part === 'number' && part >= 0 && part <= 100) &&
    [steppedMs, seenMs].every(Number.isSafeInteger) &&
    typeof cause === 'string';
  return isStanding ? (raw as SharedStanding) : undefined;
}

export function admittedBy({ admitted, critical }: Standing): AdmittedParts {
  return { critical: critical / 100, normal: admitted / 100, low: admitted / 100 };
}

/** For people: "panic, admits 50 % and 80 % of critical tenants". */
export function standingText({ level, admitted, critical }: Standing): string {
  if (level === 'calm') return level;
  return `${level}, admits ${admitted} %${critical === admitted ? '' : ` and ${critical} % of critical tenants`}`;
}
