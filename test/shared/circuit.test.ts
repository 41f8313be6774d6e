/** The circuit's states and the transitions between them, on a clock that the test sets. */
import t from 'tap';
import { Circuit } from '#src/shared/circuit.js';

/** Without jitter: half of it either way. */
const MIDDLE = () => 0.5;

function open(nowMs = 0, random = MIDDLE): Circuit {
  const circuit = new Circuit(random);
  for (let i = 0; i < 3; i++) circuit.failed(nowMs);
  return circuit;
}

/** The first moment, in steps of a millisecond, at which it wants a probe. */
function nextProbeMs(circuit: Circuit, fromMs: number): number {
  for (let ms = fromMs; ms < fromMs + 10_000; ms++) if (circuit.mayProbe(ms)) return ms;
  throw new Error('no probe within ten seconds');
}

t.test('closed: three failures in a row open it, and not two', async (t) => {
  const circuit = new Circuit(MIDDLE);
  t.equal(circuit.isClosed, true);
  circuit.failed(0);
  circuit.failed(0);
  t.equal(circuit.isClosed, true);
  circuit.failed(0);
  t.equal(circuit.isClosed, false);
});

t.test('closed: a success in between begins the count anew', async (t) => {
  const circuit = new Circuit(MIDDLE);
  for (let i = 0; i < 5; i++) {
    circuit.failed(0);
    circuit.failed(0);
    circuit.succeeded();
  }
  t.equal(circuit.isClosed, true);
  for (let i = 0; i < 3; i++) circuit.failed(0);
  t.equal(circuit.isClosed, false);
});

t.test('closed: no probe is due, and a heartbeat that fails counts like any call', async (t) => {
  const circuit = new Circuit(MIDDLE);
  t.equal(circuit.mayProbe(1e9), false);
  circuit.probeFailed(0);
  circuit.failed(0);
  t.equal(circuit.isClosed, true);
  circuit.probeFailed(0);
  t.equal(circuit.isClosed, false);
});

t.test('open: what succeeds or fails late neither closes it nor puts off the probe', async (t) => {
  const circuit = open(1000);
  circuit.succeeded();
  t.equal(circuit.isClosed, false);
  circuit.failed(1200);
  circuit.open(1200);
  t.equal(nextProbeMs(circuit, 1000), 1250);
});

t.test('open: the first probe is due after a quarter of a second, give or take half of it', async (t) => {
  for (const [random, dueMs] of [
    [0, 125],
    [0.5, 250],
    [1, 375],
  ] as const) {
    t.equal(
      nextProbeMs(
        open(1000, () => random),
        1000,
      ),
      1000 + dueMs,
    );
  }
});

t.test('half-open: only one probe at a time, and no calls', async (t) => {
  const circuit = open();
  t.equal(circuit.mayProbe(249), false);
  t.equal(circuit.mayProbe(250), true);
  t.equal(circuit.isClosed, false);
  t.equal(circuit.mayProbe(1e9), false, 'while the first one is under way');
  circuit.failed(300);
  t.equal(circuit.isClosed, false);
  t.equal(circuit.mayProbe(1e9), false, 'a call that fails late is no end of it');
});

t.test('half-open: each probe that fails doubles the pause, up to a second', async (t) => {
  const circuit = open();
  const pauses: number[] = [];
  let lastMs = 0;
  for (let i = 0; i < 6; i++) {
    const ms = nextProbeMs(circuit, lastMs);
    pauses.push(ms - lastMs);
    lastMs = ms;
    circuit.probeFailed(ms + 20);
  }
  t.strictSame(pauses, [250, 500, 1000, 1000, 1000, 1000], 'counted from when the probe was sent');
});

t.test('half-open: a probe that takes long to fail is followed by the next one at once', async (t) => {
  const circuit = open();
  circuit.mayProbe(250);
  circuit.probeFailed(5000);
  t.equal(circuit.mayProbe(5000), true);
});

t.test('half-open: a probe that succeeds closes it, and all counts begin anew', async (t) => {
  const circuit = open();
  for (let i = 0; i < 4; i++) {
    const ms = nextProbeMs(circuit, i * 1000);
    if (i < 3) circuit.probeFailed(ms);
    else circuit.probeSucceeded();
  }
  t.equal(circuit.isClosed, true);
  circuit.failed(10_000);
  circuit.failed(10_000);
  t.equal(circuit.isClosed, true);
  circuit.failed(10_000);
  t.equal(circuit.isClosed, false);
  t.equal(nextProbeMs(circuit, 10_000), 10_250, 'with the shortest pause');
});

t.test('open: a heartbeat that was sent before it opened, and is answered, closes it', async (t) => {
  const circuit = open();
  circuit.probeSucceeded();
  t.equal(circuit.isClosed, true);
});

t.test('it can be opened without a failure', async (t) => {
  const circuit = new Circuit(MIDDLE);
  circuit.open(500);
  t.equal(circuit.isClosed, false);
  t.equal(nextProbeMs(circuit, 500), 750);
});

t.test('calls that were under way when one failed fail with it, and count once', async (t) => {
  const circuit = new Circuit(() => 0.5);
  for (const [nowMs, sentMs, isClosed] of [
    [50, 0, true],
    [51, 10, true],
    [52, 49, true],
    [90, 50, true],
    [91, 60, true],
    [140, 90, false],
  ] as const) {
    circuit.failed(nowMs, sentMs);
    t.equal(circuit.isClosed, isClosed, `${nowMs} ms`);
  }
});
