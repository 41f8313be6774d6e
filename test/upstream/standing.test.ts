/** States of an address, and what leads from one to the next. */
import t from 'tap';
import { Standing } from '#src/upstream/standing.js';

function out(refused = false, slowStartMs = 0): Standing {
  const standing = new Standing(slowStartMs, 0, false);
  standing.leave(refused, 0);
  return standing;
}

/** Its time out is over, and it is well: three requests, one at a time. */
function comeBack(standing: Standing, nowMs: number): void {
  standing.tick(nowMs);
  for (let i = 0; i < 3; i++) {
    standing.takeProbe(true);
    standing.succeeded(() => nowMs);
  }
}

t.test('an address that is out is tried when its time is over, one request at a time', async (t) => {
  const standing = out();
  standing.tick(9999);
  t.equal(standing.state, 'out');
  t.notOk(standing.takeProbe(true));
  standing.tick(10_000);
  t.equal(standing.state, 'probing');
  t.ok(standing.takeProbe(true));
  t.notOk(standing.takeProbe(true), 'one is under way');
  standing.giveBackProbe();
  t.ok(standing.takeProbe(true), 'of that one nothing was learned');
});

t.test('three that go well in a row bring it back', async (t) => {
  const standing = out();
  standing.tick(10_000);
  for (const isBack of [false, false, true]) {
    t.ok(standing.takeProbe(true));
    t.equal(
      standing.succeeded(() => 10_000),
      isBack,
    );
  }
  t.equal(standing.state, 'in');
  t.notOk(standing.takeProbe(true));
});

t.test('one that fails puts it out for twice as long, up to five minutes', async (t) => {
  const standing = out();
  let nowMs = 0;
  const waits: number[] = [];
  for (let i = 0; i < 8; i++) {
    waits.push((standing.untilMs - nowMs) / 1000);
    nowMs = standing.untilMs;
    standing.tick(nowMs);
    standing.takeProbe(true);
    t.equal(standing.failed(nowMs), true);
    t.equal(standing.state, 'out');
  }
  t.strictSame(waits, [10, 20, 40, 80, 160, 300, 300, 300]);
});

t.test('one that refuses connections is tried sooner, and never waits for long', async (t) => {
  const standing = out(true);
  let nowMs = 0;
  const waits: number[] = [];
  for (let i = 0; i < 6; i++) {
    waits.push((standing.untilMs - nowMs) / 1000);
    nowMs = standing.untilMs;
    standing.tick(nowMs);
    standing.takeProbe(true);
    standing.failed(nowMs);
  }
  t.strictSame(waits, [1, 2, 4, 8, 15, 15]);
});

t.test('three in a row are three after the last failure', async (t) => {
  const standing = out();
  standing.tick(10_000);
  for (let i = 0; i < 2; i++) {
    standing.takeProbe(true);
    standing.succeeded(() => 10_000);
  }
  standing.takeProbe(true);
  standing.failed(10_000);
  standing.tick(30_000);
  for (const isBack of [false, false, true]) {
    t.ok(standing.takeProbe(true), 'the one that failed is under way no more');
    t.equal(
      standing.succeeded(() => 30_000),
      isBack,
    );
  }
});

t.test('what is heard while nothing is tried moves it nowhere', async (t) => {
  const standing = out();
  t.equal(
    standing.succeeded(() => 5000),
    false,
  );
  t.equal(standing.failed(5000), false);
  t.equal(standing.state, 'out');
  t.equal(standing.untilMs, 10_000, 'nor does it stay out for longer');
  comeBack(standing, 10_000);
  t.equal(standing.failed(11_000), false);
  t.equal(
    standing.succeeded(() => 11_000),
    false,
  );
  standing.tick(1e9);
  t.equal(standing.state, 'in');
});

t.test('times out are forgotten when it has been well for five minutes', async (t) => {
  for (const [wellMs, waitMs] of [
    [300_000, 20_000],
    [300_001, 10_000],
  ] as const) {
    const standing = out();
    comeBack(standing, 10_000);
    const nowMs = 10_000 + wellMs;
    standing.leave(false, nowMs);
    t.equal(standing.untilMs - nowMs, waitMs, `${wellMs} ms`);
  }
});

t.test(
  'one that was left out for its answers is tried by pushes alone, one that takes no connections by all',
  async (t) => {
    for (const [refused, taken] of [
      [false, false],
      [true, true],
    ] as const) {
      const standing = out(refused);
      standing.tick(10_000);
      t.equal(standing.takeProbe(false), taken);
    }
  },
);

t.test('the share of one that is back grows from a tenth to all', async (t) => {
  const standing = out(false, 10_000);
  comeBack(standing, 20_000);
  for (const [nowMs, weight] of [
    [20_000, 0.1],
    [20_500, 0.1],
    [25_000, 0.5],
    [30_000, 1],
    [1e9, 1],
  ] as const) {
    t.equal(standing.weight(nowMs), weight, `at ${nowMs}`);
  }
});

t.test('the share of a new one grows where there are others, and is whole at the start', async (t) => {
  t.equal(new Standing(10_000, 0, true).weight(1000), 0.1);
  t.equal(new Standing(10_000, 0, false).weight(1000), 1);
  t.equal(new Standing(0, 0, true).weight(0), 1);
  t.equal(new Standing(10_000, 0, true).state, 'in');
});
