/** Shows the progress of a run: a bar with live rates on a terminal, an occasional line elsewhere. */
import type { Recorder } from './recorder.js';
import { amount, milliseconds } from './report-text.js';

const REDRAW_MS = 250;
const LINE_MS = 5000;
const BAR_LENGTH = 20;
/** Live rates cover the last two seconds: over less they flicker. */
const LIVE_POINTS = 8;

interface Screen {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Uses the current recorder. Returns a function that ends it. */
export function showProgress(screen: Screen, recorder: () => Recorder, durationMs: number): () => void {
  const live = screen.isTTY === true;
  const startMs = performance.now();
  const seen = [{ atMs: startMs, sent: 0, samples: 0 }];

  function line(): string {
    const nowMs = performance.now();
    const { totals, latency, inFlight } = recorder();
    // After the warm-up it counts from zero again.
    if (totals.sent < (seen.at(-1)?.sent ?? 0))
      seen.splice(0, seen.length, { atMs: nowMs, sent: 0, samples: 0 });
    const [before] = seen;
    const seconds = (nowMs - (before?.atMs ?? startMs)) / 1000;
    const pushes = (totals.sent - (before?.sent ?? 0)) / seconds;
    const samples = (totals.samplesAccepted - (before?.samples ?? 0)) / seconds;
    seen.push({ atMs: nowMs, sent: totals.sent, samples: totals.samplesAccepted });
    if (seen.length > (live ? LIVE_POINTS : 1)) seen.shift();
    const answered = totals.accepted + totals.refused + totals.failed;
    const accepted = answered === 0 ? '-' : `${((100 * totals.accepted) / answered).toFixed(1)} %`;
    const notSent = totals.notSent === 0 ? '' : `, ${totals.notSent} not sent`;
    return (
      `${((nowMs - startMs) / 1000).toFixed(0)}/${(durationMs / 1000).toFixed(0)} s  ` +
      `${amount(Math.round(pushes))} pushes/s, ${amount(Math.round(samples))} samples/s accepted, ` +
      `${accepted} accepted, p99 ${milliseconds(latency.quantileMs(0.99))} ms, ${inFlight} out${notSent}`
    );
  }
  function bar(): string {
    const part = Math.min(1, (performance.now() - startMs) / durationMs);
    const full = Math.round(part * BAR_LENGTH);
    return `\r\x1b[K[${'='.repeat(full)}${' '.repeat(BAR_LENGTH - full)}] ${line()}`;
  }

  const timer = setInterval(() => screen.write(live ? bar() : `${line()}\n`), live ? REDRAW_MS : LINE_MS);
  return () => {
    clearInterval(timer);
    if (live) screen.write('\r\x1b[K');
  };
}
