/**
 * How V8 is to run an edge. Once a few collections find most objects of a kind alive, V8 makes all of that kind among the old
 * ones, for good. Pushes that wait for a slow upstream are enough for that. docs/performance.md has what it costs.
 *
 * In each turn of each loop of WebAssembly V8 looks whether there is stack left, and whether somebody wants the thread to end:
 * a twentieth of what the kernel takes. It calls itself 64 levels deep at most, and ends with the body that it was given.
 */
import { setFlagsFromString } from 'node:v8';

export function setEngineFlags(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
  setFlagsFromString('--no-wasm-stack-checks');
}
