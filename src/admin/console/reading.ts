/** What a view reads of the API by itself, again with each word from the edge; what was read last stays while it does. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { read } from './client.js';
import { useApp } from './state.js';

export interface Reading<T> {
  readonly data: T | undefined;
  /** Why the last reading failed. */
  readonly problem: Error | undefined;
  /** The data are of this path. */
  readonly path: string | undefined;
}

/** Undefined: nothing is read. `every`: with each so many words from the edge. */
export function useReading<T>(path: string | undefined, every = 1): Reading<T> {
  const { state, actions } = useApp();
  const [reading, set] = useState<Reading<T>>({ data: undefined, problem: undefined, path: undefined });
  const underWay = useRef<string | undefined>(undefined);
  const wanted = useRef(path);
  const readAt = useRef<Date | undefined>(undefined);
  wanted.current = path;
  const turn = Math.floor(state.tick / every);
  useEffect(() => {
    if (path === undefined || underWay.current === path || state.needsToken) return;
    underWay.current = path;
    read<T>(path)
      .then(
        (data) => ({ data, problem: undefined }),
        (error: unknown) => ({
          data: undefined,
          problem: error instanceof Error ? error : new Error(String(error)),
        }),
      )
      .then(({ data, problem }) => {
        if (underWay.current === path) underWay.current = undefined;
        if (wanted.current !== path) return;
        if (problem === undefined) readAt.current = new Date();
        actions.stale(path, problem, readAt.current);
        set((before) => ({ path, problem, data: data ?? (before.path === path ? before.data : undefined) }));
      });
  }, [path, turn, state.needsToken]);
  useEffect(
    () => () => {
      readAt.current = undefined;
      if (path !== undefined) actions.stale(path, undefined, undefined);
    },
    [path],
  );
  return reading;
}
