/** Whether the fleet's usage is kept, how old it is, and what was lost of it. */
import type { Metrics } from '../telemetry/metrics.js';
import type { Bookkeeper } from './bookkeeper.js';
import { STEP_MS } from './frame.js';
import type { FrameSender } from './frame-sender.js';

export interface MeasuredUsage {
  readonly sender: FrameSender;
  readonly bookkeeper: Bookkeeper;
  /** The last step that is in the book, as this process knows it; 0: it knows of none. */
  readonly step: () => number;
  readonly now: () => number;
}

export function exportUsage(metrics: Metrics, { sender, bookkeeper, step, now }: MeasuredUsage): void {
  const startedMs = now();
  metrics.gauge({
    name: 'mimir_edge_usage_bookkeeper',
    help: "1 while this replica keeps the fleet's usage.",
    read: () => (bookkeeper.status().keeping ? 1 : 0),
  });
  metrics.gauge({
    name: 'mimir_edge_usage_age_seconds',
    help: "Since the end of the last ten seconds that are in the fleet's usage, as this replica knows it.",
    read: () => Math.max(0, now() - Math.max(startedMs, (step() + 1) * STEP_MS)) / 1000,
  });
  metrics.gauge({
    name: 'mimir_edge_usage_frames_waiting',
    help: 'Frames of this machine that are not handed on yet.',
    read: () => sender.status().waiting,
  });
  metrics.counter({
    name: 'mimir_edge_usage_frames_sent_total',
    help: 'Frames of this machine that were handed on.',
    read: () => sender.status().sent,
  });
  metrics.counter({
    name: 'mimir_edge_usage_frames_lost_total',
    help: 'Frames of this machine that could not be handed on for five minutes.',
    read: () => sender.status().lost,
  });
  const ofBook = (name: string, help: string, read: (state: NonNullable<Bookkeeper['state']>) => number) => ({
    name,
    help: `${help} Told by the replica that keeps the fleet's usage.`,
    read: () => (bookkeeper.state === undefined ? 0 : read(bookkeeper.state)),
  });
  metrics.counter(
    ofBook(
      'mimir_edge_usage_frames_late_total',
      'Frames that came after their ten seconds were closed: curves are an upper bound there.',
      ({ late }) => late,
    ),
  );
  metrics.counter(
    ofBook('mimir_edge_usage_frames_missing_total', 'Frames that never came.', ({ missing }) => missing),
  );
  metrics.counter({
    name: 'mimir_edge_usage_damaged_total',
    help: 'Frames, records and steps that could not be read and were left out.',
    read: () => bookkeeper.status().damaged,
  });
  metrics.gauge(
    ofBook('mimir_edge_usage_records_bytes', 'Hours and days of all tenants.', ({ bytes }) => bytes),
  );
  metrics.gauge(
    ofBook(
      'mimir_edge_usage_records_without_room',
      'Records of tenants that are not kept for want of room, since the day began.',
      ({ withoutRoom }) => withoutRoom,
    ),
  );
  metrics.gauge(
    ofBook(
      'mimir_edge_usage_tenants_without_room',
      'Tenants of the last ten seconds that are counted together for want of room.',
      ({ tenantsOver }) => tenantsOver,
    ),
  );
}
