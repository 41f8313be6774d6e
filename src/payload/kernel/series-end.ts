/** What is the same for every series once it is scanned: whether it is plain, what is wrong with it if not, its record. */
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
 * The series' field begins at `at`, its content at `content`. The scan says where a label may break a rule by itself, and
 * where samples or histograms are not in the order of time, or a histogram is not plain. Look at `fault` afterwards.
 */
// @ts-ignore: decorator
@inline
export function closeSeries(body: u32, at: u32, content: u32, end: u32): void {
  let pair: u32 = 0;
  let mistaken = false;
  if (isPairOfEach) {
    // The scan took it for what the series before was: of a pair, or of none.
    const removed = isReplicaRemoved();
    pair = pairFlags(content, end);
    mistaken = removed !== (pair !== 0);
    if (mistaken) forgetLabels();
  }
  const named = isNamed();
  // Without short cuts: a plain series, as nearly all are, is to be one branch.
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

/** Writes into the last record what a closer look finds. */
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
