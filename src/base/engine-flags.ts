/**
 * V8's flags for an edge. When a few collections find most objects of a kind alive, V8 allocates all objects of that kind
 * in the old generation, for good. Pushes that wait for a slow upstream are enough for that. docs/performance.md has the
 * cost.
 *
 * In each iteration of a WebAssembly loop V8 checks the stack and whether the thread is to be interrupted: a twentieth of
 * the kernel's time. The kernel recurses at most 64 levels deep, and ends with its input.
 */
import { setFlagsFromString } from 'node:v8';

export function setEngineFlags(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
  setFlagsFromString('--no-wasm-stack-checks');
}
