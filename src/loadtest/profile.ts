/** How a profile changes over the run. In profiles with a misbehaving tenant it is tenant 0. */
import type { LoadOptions, ProfileName } from './options.js';

export interface Profile {
  /** The multiple of its usual rate at which a tenant sends at this point of the run (0 to 1). */
  rate(tenant: number, part: number): number;
  /** True: every series of this push is new. */
  explodes(tenant: number, part: number): boolean;
  readonly brokenShare: number;
  readonly slowShare: number;
  readonly retry: boolean;
}

const RAMP_STARTS_AT = 0.1;

export function profileOf({
  profile,
  peak,
  share,
  retry,
}: Pick<LoadOptions, 'profile' | 'peak' | 'share' | 'retry'>): Profile {
  const steady: Profile = {
    rate: () => 1,
    explodes: () => false,
    brokenShare: 0,
    slowShare: 0,
    retry,
  };
  const changes: Record<ProfileName, Partial<Profile>> = {
    steady: {},
    ramp: { rate: (_, part) => RAMP_STARTS_AT + (peak - RAMP_STARTS_AT) * part },
    spike: { rate: (_, part) => (part >= 0.45 && part < 0.55 ? peak : 1) },
    'noisy-neighbour': { rate: (tenant, part) => (tenant === 0 && inTheMiddle(part) ? peak : 1) },
    'series-explosion': { explodes: (tenant, part) => tenant === 0 && inTheMiddle(part) },
    'broken-bodies': { brokenShare: share },
    'slow-senders': { slowShare: share },
    'retry-storm': { rate: (_, part) => (inTheMiddle(part) ? peak : 1), retry: true },
  };
  return { ...steady, ...changes[profile] };
}

function inTheMiddle(part: number): boolean {
  return part >= 1 / 3 && part < 2 / 3;
}

export const PROFILE_MEANINGS: Record<ProfileName, string> = {
  steady: 'the same rate all the time',
  ramp: `from a tenth of the rate up to --peak times it`,
  spike: '--peak times the rate for a tenth of the run, in its middle',
  'noisy-neighbour': 'the first tenant sends --peak times its rate in the middle third',
  'series-explosion': 'the first tenant sends nothing but new series in the middle third',
  'broken-bodies': '--share of the pushes are cut, garbled or no snappy at all',
  'slow-senders': '--share of the pushes trickle in over five seconds',
  'retry-storm':
    '--peak times the rate in the middle third, and what is refused comes again after Retry-After',
};
