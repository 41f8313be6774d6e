/** What tenants of different kinds send, in items of each second; the same each time. */

export const DAY = 86_400;
const HOUR = 3600;

export interface TenantKind {
  readonly name: string;
  /** Seconds before which it does not exist. */
  readonly from: number;
  readonly seconds: (days: number) => Float64Array;
}

type Random = () => number;

/** Numerical Recipes' generator: good enough for noise, and the same everywhere. */
function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function kind(name: string, of: (random: Random) => (second: number) => number, from = 0): TenantKind {
  return {
    name,
    from,
    seconds(days) {
      let seed = 0;
      for (const letter of name) seed = Math.imul(seed, 31) + letter.charCodeAt(0);
      const random = randomOf(seed);
      const amount = of(random);
      const seconds = new Float64Array(days * DAY);
      for (let second = from; second < seconds.length; second++) {
        seconds[second] = Math.max(0, Math.round(amount(second) * (0.95 + 0.1 * random())));
      }
      return seconds;
    },
  };
}

const daily = (second: number): number => 1 + 0.6 * Math.sin((2 * Math.PI * second) / DAY);

/** Begins at random, on average so often, and lasts for a while. */
function nowAndThen(
  random: Random,
  every: number,
  [least, most]: [number, number],
): (second: number) => boolean {
  let until = -1;
  return (second) => {
    if (second >= until && random() < 1 / every) until = second + least + random() * (most - least);
    return second < until;
  };
}

export const TENANT_KINDS: readonly TenantKind[] = [
  kind('steady', () => () => 1000),
  kind('daily: more by day', () => (second) => 1000 * daily(second)),
  kind('weekly: little at weekends', () => (second) => {
    const weekend = Math.floor(second / DAY) % 7 >= 5;
    return (weekend ? 400 : 1200) * daily(second);
  }),
  kind('cron: a minute at 40 × each hour', () => (second) => (second % HOUR < 60 ? 20_000 : 500)),
  kind('growing 1 % a day', () => (second) => 1000 * 1.01 ** (second / DAY)),
  kind('new: three days old', () => (second) => 1000 * daily(second), 17 * DAY),
  kind('spiky: 30 to 150 s at 8 ×, at random', (random) => {
    const spikes = nowAndThen(random, 2400, [30, 150]);
    return (second) => (spikes(second) ? 8000 : 1000);
  }),
  kind(
    'flapping: on and off every 10 min',
    () => (second) => (Math.floor(second / 600) % 2 === 0 ? 2500 : 0),
  ),
  kind('dying: less each day', () => (second) => Math.max(50, 1500 * (1 - second / (30 * DAY)))),
  kind('HA pair: a batch each 15 s, 30 s of silence at a change', (random) => {
    const silent = nowAndThen(random, 2 * DAY, [30, 30]);
    return (second) => (silent(second) ? 0 : second % 15 === 0 ? 15_000 : 0);
  }),
  kind('a deploy every two days: 10 min at 4 ×', () => (second) => (second % (2 * DAY) < 600 ? 6000 : 1500)),
  kind('a scrape burst of 2 s each minute', () => (second) => (second % 60 < 2 ? 25_000 : 50)),
];
