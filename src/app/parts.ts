/**
 * What a process is made of, in the order in which it is started. It is stopped in the reverse order; when one part can
 * not be started, those that were are stopped again, so that nothing is left that keeps the process alive.
 */
export interface Part {
  /** For whoever reads the order. */
  readonly name: string;
  readonly start?: () => unknown;
  readonly stop?: () => unknown;
}

/** Resolves with the way to stop them, to be called once. Rejects with what the part that can not be started threw. */
export async function startParts(parts: readonly Part[]): Promise<() => Promise<void>> {
  const started = await startInOrder(parts, stopInTurn);
  return () => stopInTurn(started);
}

/** One part made of several that need not wait for each other when they stop. */
export function together(name: string, parts: readonly Part[]): Part {
  return {
    name,
    start: () => startInOrder(parts, stopAtOnce),
    stop: () => stopAtOnce(parts),
  };
}

async function startInOrder(
  parts: readonly Part[],
  stop: (started: readonly Part[]) => Promise<void>,
): Promise<readonly Part[]> {
  const started: Part[] = [];
  try {
    for (const part of parts) {
      await part.start?.();
      started.push(part);
    }
    return started;
  } catch (error) {
    // It is the first failure that says what is wrong.
    await stop(started).catch(() => {});
    throw error;
  }
}

/** A part that can not be stopped holds up none of the others; the first failure is thrown when all are through. */
async function stopInTurn(started: readonly Part[]): Promise<void> {
  const failures: unknown[] = [];
  for (const part of [...started].reverse()) {
    await stopOne(part).catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}

async function stopAtOnce(started: readonly Part[]): Promise<void> {
  const outcomes = await Promise.allSettled(started.map(stopOne));
  const failed = outcomes.find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

async function stopOne(part: Part): Promise<void> {
  await part.stop?.();
}
