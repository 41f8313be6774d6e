/**
 * Once a few collections find most objects of a kind alive, V8 makes all of that kind among the old ones, for good. Pushes
 * that wait for a slow upstream are enough for that. docs/performance.md has what it costs.
 */
import { setFlagsFromString } from 'node:v8';

export function setHeapFlags(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}
