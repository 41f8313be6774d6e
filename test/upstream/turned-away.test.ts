/** When those who were turned away should come again. The fair queue's tests have what becomes of it over many rounds. */
import t from 'tap';
import { TurnedAway } from '#src/upstream/turned-away.js';

const S = 1000;

t.test('whoever comes when it was told to, and is turned away, is told to wait twice as long', async (t) => {
  const turnedAway = new TurnedAway();
  t.equal(turnedAway.secondsFor('a', 0), 2);
  t.equal(turnedAway.secondsFor('a', 2 * S - 1), 2, 'all that are turned away at once are told the same');
  t.equal(turnedAway.secondsFor('a', 2 * S), 4);
  t.equal(turnedAway.secondsFor('b', 2 * S), 2, 'and each tenant what becomes of its own');
});

t.test('the wait follows what went meanwhile, for each that was turned away', async (t) => {
  for (const [went, seconds] of [
    [0, 8],
    [1, 8],
    [2, 4],
    [4, 4],
    [5, 2],
  ] as const) {
    const turnedAway = new TurnedAway();
    turnedAway.secondsFor('a', 0);
    for (let i = 0; i < 4; i++) turnedAway.secondsFor('a', 2 * S);
    for (let i = 0; i < went; i++) turnedAway.went('a');
    t.equal(turnedAway.secondsFor('a', 6 * S), seconds, `${went} went, 4 were turned away`);
  }
});

t.test('it is never told less than two seconds', async (t) => {
  const turnedAway = new TurnedAway();
  for (let nowMs = 0; nowMs < 20 * S; nowMs += 2 * S) {
    t.equal(turnedAway.secondsFor('a', nowMs), 2);
    for (let i = 0; i < 2; i++) turnedAway.went('a');
  }
});

t.test('who was not turned away for three minutes and a bit begins anew', async (t) => {
  for (const [passedMs, seconds] of [
    [192 * S, 8],
    [192 * S + 1, 2],
  ] as const) {
    const turnedAway = new TurnedAway();
    turnedAway.secondsFor('a', 0);
    turnedAway.secondsFor('a', 2 * S);
    t.equal(turnedAway.secondsFor('a', 2 * S + passedMs), seconds, `${passedMs} ms`);
  }
});

t.test('of ten thousand tenants it is kept in mind, and of the latest', async (t) => {
  const turnedAway = new TurnedAway();
  turnedAway.secondsFor('first', 0);
  turnedAway.secondsFor('second', 0);
  for (let i = 0; i < 9998; i++) turnedAway.secondsFor(String(i), 0);
  t.equal(turnedAway.secondsFor('first', 2 * S), 4, 'so many have room');
  turnedAway.secondsFor('one more', 2 * S);
  t.equal(turnedAway.secondsFor('second', 2 * S), 4);
  t.equal(turnedAway.secondsFor('first', 6 * S), 2, 'the one that has been there for longest went');
});
