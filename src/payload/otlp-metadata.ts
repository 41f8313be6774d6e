/** How much metadata an OTLP push has without some of its data points. */
import { Origins } from './otlp-points.js';
import { METRIC_FAMILY, METRIC_ROW, METRIC_SAID, METRIC_WORDS, type Push } from './push.js';
import { hasRow, type Rows } from './rows.js';

/**
 * The entries that Mimir makes of the rest and accepts. Metadata goes with the last series of its metric, and is repeated
 * when it differs from the one before in its family.
 */
export function metadataWithout(push: Push, leftOut: Rows): number {
  const { metrics = NO_METRICS } = push;
  const said = new Map<number, string>();
  const stays = rowsThatStay(push, leftOut);
  let entries = 0;
  for (let at = 0; at < metrics.length; at += METRIC_WORDS) {
    const end = metrics[at + METRIC_WORDS + METRIC_ROW] ?? push.series;
    if (!hasAny(stays, metrics[at + METRIC_ROW] ?? 0, end)) continue;
    const word = metrics[at + METRIC_FAMILY] ?? 0;
    const says = `${metrics[at + METRIC_SAID]} ${metrics[at + METRIC_SAID + 1]}`;
    if (said.get(word >>> 1) === says) continue;
    said.set(word >>> 1, says);
    if ((word & 1) === 0) entries++;
  }
  return entries;
}

const NO_METRICS = new Uint32Array();

/** 1 for each. A target_info stays while its resource has a data point, even if it is invalid itself. */
function rowsThatStay(push: Push, leftOut: Rows): Uint8Array {
  const origins = new Origins(push);
  const stays = new Uint8Array(push.series);
  let lastKept = push.otlp?.skippedPoints === 0 ? -1 : Number.POSITIVE_INFINITY;
  for (let row = 0; row < push.series; row++) {
    const point = origins.point(row);
    const isKept = point === undefined ? lastKept >= origins.resource(row) : !hasRow(leftOut, row);
    if (isKept && point !== undefined) lastKept = Math.max(lastKept, point);
    stays[row] = Number(isKept);
  }
  return stays;
}

function hasAny(stays: Uint8Array, from: number, end: number): boolean {
  const at = stays.indexOf(1, from);
  return at >= 0 && at < end;
}
