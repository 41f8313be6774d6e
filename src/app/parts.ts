/**
 * The parts of a process, in the order in which they start. They stop in reverse order; if one can not start, those that
 * did are stopped, so that nothing keeps the process alive.
 */
export interface Part {
  /** For readers of the list. */
  readonly name: string;
  readonly start?: () => unknown;
  readonly stop?: () => unknown;
}

/** Resolves to a function that stops them, to be called once. Rejects with the error of the part that could not start. */
export async function startParts(parts: readonly Part[]): Promise<() => Promise<void>> {
  const started = await startInOrder(parts, stopInTurn);
  return () => stopInTurn(started);
}

/** Several parts as one, which stop at the same time. */
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
    // The first failure is the one that matters.
    await stop(started).catch(() => {});
    throw error;
  }
}

/** A part that fails to stop does not block the others; the first failure is thrown at the end. */
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
