/**
 * A panic set by people: which part of their rates tenants may use, for one or several priority classes. Without a class it
 * applies to `normal` and `low`; `critical` is only affected when it is named, or `all` is. A control for a single class
 * wins over the others.
 */
import { type AdmittedParts, ALL_ADMITTED, type Priority } from '../enforce/panic.js';

export type PanicClass = Priority | 'all';

export const PANIC_CLASSES: readonly PanicClass[] = ['all', 'critical', 'normal', 'low'];
const PRIORITIES: readonly Priority[] = ['critical', 'normal', 'low'];

const PANIC = 'panic';

/** The name of the control for a class; undefined: for all but critical. */
export function panicName(its: PanicClass | undefined): string {
  return its === undefined ? PANIC : `${PANIC}.${its}`;
}

/** The first is for all but critical. */
export const PANIC_NAMES: readonly string[] = [undefined, ...PANIC_CLASSES].map(panicName);

export function isPanicName(name: string): boolean {
  return PANIC_NAMES.includes(name);
}

export function isPart(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 1;
}

/** The fields of a control that matter here. */
interface OfPanic {
  readonly tenant: string;
  readonly name: string;
  readonly value: unknown;
}

/** What people have set. */
export function admittedByPeople(controls: Iterable<OfPanic>): AdmittedParts {
  const parts = new Map<string, number>();
  for (const { tenant, name, value } of controls) {
    if (tenant === '' && isPanicName(name) && isPart(value)) parts.set(name, value);
  }
  if (parts.size === 0) return ALL_ADMITTED;
  const [critical = 1, normal = 1, low = 1] = PRIORITIES.map((priority) => {
    const most = priority === 'critical' ? 1 : (parts.get(PANIC) ?? 1);
    return parts.get(panicName(priority)) ?? Math.min(most, parts.get(panicName('all')) ?? 1);
  });
  return { critical, normal, low };
}
