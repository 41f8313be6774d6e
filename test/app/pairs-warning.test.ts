import pino from 'pino';
import t from 'tap';
import { PairsWarning } from '#src/app/pairs-warning.js';
import { limits, snapshot } from '../enforce/fixtures.js';

const PAIRS = limits({ accept_ha_samples: true });

function given(hasTracker: boolean) {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { warning: new PairsWarning(log, hasTracker), lines };
}

t.test('tenants with accept_ha_samples are told of once, where Mimir has no HA tracker', async (t) => {
  const { warning, lines } = given(false);
  warning.look(snapshot({ a: limits() }));
  t.equal(lines.length, 0);
  warning.look(snapshot({ a: limits(), b: PAIRS, c: PAIRS }));
  warning.look(snapshot({ b: PAIRS, c: PAIRS, d: PAIRS }));
  t.match(lines, [
    { level: 40, byDefault: false, count: 2, tenants: ['b', 'c'], msg: /ha\.tracker_enabled/ },
  ]);
  t.equal(lines.length, 1);
  warning.look(snapshot());
  warning.look(snapshot({}, PAIRS));
  t.match(lines[1], { byDefault: true, count: 0, tenants: [] }, 'all have it, by default');
  warning.look(snapshot(Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`t${n}`, PAIRS]))));
  t.equal(lines.length, 2);
});

t.test('nothing is said of them where Mimir has one', async (t) => {
  const { warning, lines } = given(true);
  warning.look(snapshot({ a: PAIRS }, PAIRS));
  t.equal(lines.length, 0);
});

t.test('of many tenants a few are named', async (t) => {
  const { warning, lines } = given(false);
  warning.look(snapshot(Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`t${n}`, PAIRS]))));
  t.match(lines, [{ count: 9, tenants: ['t0', 't1', 't2', 't3', 't4'] }]);
});
