/** Which rows of a long table are near what the window shows: the others are not on the page, and cost nothing. */
import type { RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';

export interface Shown {
  readonly first: number;
  /** Not included. */
  readonly end: number;
}

/** Rows above and below what is seen, so that scrolling shows no gap. */
const MARGIN = 12;

/** `body` holds rows that are all `height` pixels high. */
export function useWindowed(body: RefObject<HTMLElement>, count: number, height: number): Shown {
  const [shown, set] = useState<Shown>({ first: 0, end: Math.min(count, 60) });
  useEffect(() => {
    const look = (): void => {
      const { current } = body;
      if (current === null) return;
      const top = -current.getBoundingClientRect().top;
      const first = Math.max(0, Math.floor(top / height) - MARGIN);
      const end = Math.min(count, Math.ceil((top + innerHeight) / height) + MARGIN);
      set((before) =>
        before.first === first && before.end === end ? before : { first, end: Math.max(first, end) },
      );
    };
    look();
    addEventListener('scroll', look, { passive: true });
    addEventListener('resize', look);
    return () => {
      removeEventListener('scroll', look);
      removeEventListener('resize', look);
    };
  }, [body, count, height]);
  return shown;
}

/** Brings a row into sight, below what sticks to the top. */
export function scrollToRow(body: HTMLElement | null, row: number, height: number, above: number): void {
  if (body === null) return;
  const top = body.getBoundingClientRect().top + row * height;
  if (top < above) scrollBy({ top: top - above });
  else if (top + height > innerHeight) scrollBy({ top: top + height - innerHeight + 8 });
}
