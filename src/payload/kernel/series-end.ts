/** What is the same for every series once it is scanned: whether it is plain, what is wrong with it if not, its record. */
import { isPairOfEachWanted, isReplicaRemoved } from './ha-pair';
import { pairFlags } from './ha-pairs';
import { forgetLabels } from './labels-v1';
import { isInfo, isNamed, freeMemory, endSeries } from './records';
import { judgeOddLabels, oddFault, oddFlags, oddHashes, oddLabels, oddMetricHash } from './odd-labels';
import { judgePoints, pointFault, repeatedPoints } from './point-rules';
import { isCountFine, maxNameLength, maxValueLength, newest, NO_FAULT, oldest } from './rules';

/**
 * The series' field begins at `at`, its content at `content`. The scan says where a label may break a rule by itself, and
 * where samples or histograms are not in the order of time, or a histogram is not plain. Look at `fault` afterwards.
 */
export function closeSeries(
  body: u32,
  at: u32,
  content: u32,
  end: u32,
  hashSum: u64,
  metricHash: u64,
  labels: u32,
  longestName: u32,
  longestValue: u32,
  samples: u32,
  histograms: u32,
  exemplars: u32,
  flags: u32,
  hasOddLabel: bool,
  leastTimestamp: i64,
  greatestTimestamp: i64,
  hasOddPoint: bool,
): void {
  let fault = NO_FAULT;
  let pair: u32 = 0;
  let mistaken = false;
  if (isPairOfEachWanted()) {
    // The scan took it for what the series before was: of a pair, or of none.
    const removed = isReplicaRemoved();
    pair = pairFlags(content, end);
    mistaken = removed !== (pair !== 0);
    if (mistaken) forgetLabels();
  }
  if (
    mistaken ||
    hasOddLabel ||
    !isNamed(flags) ||
    !isCountFine(labels) ||
    longestName > maxNameLength ||
    longestValue > maxValueLength
  ) {
    judgeOddLabels(content, end, freeMemory());
    fault = oddFault;
    labels = oddLabels;
    hashSum = oddHashes;
    metricHash = oddMetricHash;
    flags = oddFlags;
  }
  let broken = NO_FAULT;
  let uncharged: u32 = 0;
  if (hasOddPoint || leastTimestamp < oldest || greatestTimestamp > newest) {
    judgePoints(content, end, freeMemory());
    broken = pointFault;
    uncharged = repeatedPoints;
  }
  endSeries(
    at - body,
    end - at,
    hashSum,
    metricHash,
    labels,
    longestName,
    longestValue,
    samples,
    histograms,
    exemplars,
    flags | pair,
    fault,
    leastTimestamp,
    greatestTimestamp,
    uncharged,
    broken,
  );
}
