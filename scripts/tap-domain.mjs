/**
 * Stands for async-hook-domain, by which tap finds the test that an error belongs to that nobody caught. That one follows every
 * promise with async hooks, which is half of the CPU of tests that make many of them. Tests of a file run one after the other,
 * so such an error is told to the innermost test that has not ended.
 */
const running = [];

export class Domain {
  constructor(onerror) {
    this.onerror = onerror;
    running.push(this);
  }

  destroy() {
    const at = running.lastIndexOf(this);
    if (at >= 0) running.splice(at, 1);
  }
}

process.on('uncaughtExceptionMonitor', (error, origin) => {
  const [domain] = running.slice(-1);
  // Whoever listens for such errors means to have them.
  if (domain === undefined || process.listenerCount('uncaughtException') > 0) return;
  if (process.hasUncaughtExceptionCaptureCallback()) return;
  domain.onerror(error, origin);
  process.setUncaughtExceptionCaptureCallback(() => process.setUncaughtExceptionCaptureCallback(null));
});
