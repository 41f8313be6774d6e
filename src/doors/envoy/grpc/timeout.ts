/** How long a caller waits, as gRPC writes it in `grpc-timeout`: at most eight digits and a unit. */

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};
const TIMEOUT = /^(\d{1,8})([HMSmun])$/;

/** Undefined: what is written otherwise is no timeout. */
export function readTimeoutMs(text: string | string[] | undefined): number | undefined {
  const [, digits, unit = ''] = TIMEOUT.exec(String(text)) ?? [];
  const unitMs = UNIT_MS[unit];
  return unitMs === undefined ? undefined : Number(digits) * unitMs;
}
