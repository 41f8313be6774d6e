/** A caller's timeout in `grpc-timeout`: at most eight digits and a unit. */

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};
const TIMEOUT = /^(\d{1,8})([HMSmun])$/;

/** Undefined: anything else is not a timeout. */
export function readTimeoutMs(text: string | string[] | undefined): number | undefined {
  const [, digits, unit = ''] = TIMEOUT.exec(String(text)) ?? [];
  const unitMs = UNIT_MS[unit];
  return unitMs === undefined ? undefined : Number(digits) * unitMs;
}
