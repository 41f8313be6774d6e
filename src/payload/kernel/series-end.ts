/** The end of every series' scan: whether it is plain, what is wrong if it is not, and its record. */
import { isPairOfEach, isReplicaRemoved } from './ha-pair';
import { pairFlags } from './ha-pairs';
import {
  forgetLabels,
  hasOddLabel,
  isNamed,
  labelCount,
  labelHashes,
  longestName,
  longestValue,
  metricHash,
  nameFlags,
} from './last-labels';
import { judgeOddLabels, oddFault, oddFlags, oddHashes, oddLabels, oddMetricHash } from './odd-labels';
import { judgePoints, pointFault, repeatedPoints } from './point-rules';
import { endSeries, freeMemory, lastRow, notePoints, rewriteRecord } from './records';
import { exemplars, greatestTimestamp, hasOddPoint, histograms, leastTimestamp, samples } from './series-points';
import { isCountFine, maxNameLength, maxValueLength, newest, oldest } from './rules';

/**
 * The series' field begins at `at`, its content at `content`. What the scan found is in last-labels.ts and
 * series-points.ts. Check `fault` afterwards.
 */
// @ts-ignore: decorator
@inline
export function closeSeries(body: u32, at: u32, content: u32, end: u32): void {
  let pair: u32 = 0;
  let mistaken = false;
  if (isPairOfEach) {
    // The scan assumed that this series has a pair if, and only if, the one before had.
    const removed = isReplicaRemoved();
    pair = pairFlags(content, end);
    mistaken = removed !== (pair !== 0);
    if (mistaken) forgetLabels();
  }
  const named = isNamed();
  // No short-circuit operators: a plain series, as nearly all are, should take a single branch.
  const isOddInLabels =
    <u32>hasOddLabel |
    <u32>mistaken |
    <u32>!named |
    <u32>!isCountFine(labelCount) |
    <u32>(longestName > maxNameLength) |
    <u32>(longestValue > maxValueLength);
  const isOddInPoints = <u32>hasOddPoint | <u32>(leastTimestamp < oldest) | <u32>(greatestTimestamp > newest);
  endSeries(
    at - body,
    end - at,
    labelHashes,
    named ? metricHash : 0,
    labelCount,
    longestName,
    longestValue,
    samples,
    histograms,
    exemplars,
    (named ? nameFlags : 0) | pair,
    leastTimestamp,
    greatestTimestamp,
  );
  if ((isOddInLabels | isOddInPoints) === 0) return;
  judgeOdd(content, end, isOddInLabels !== 0, isOddInPoints !== 0, pair);
}

/** Writes the results of a closer look into the last record. */
function judgeOdd(
  content: u32,
  end: u32,
  inLabels: bool,
  inPoints: bool,
  pair: u32,
): void {
  const row = lastRow();
  if (inLabels) {
    judgeOddLabels(content, end, freeMemory());
    rewriteRecord(row, oddHashes, oddMetricHash, oddLabels, longestName, longestValue, oddFlags | pair, oddFault);
  }
  if (inPoints) {
    judgePoints(content, end, freeMemory());
    notePoints(row, repeatedPoints, pointFault);
  }
}
