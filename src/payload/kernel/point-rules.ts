/**
 * Mimir's rules for the samples and native histograms of a series: their distance from the current time, the form of
 * histograms, and that only the first of several with one timestamp is taken and charged. Used when the scan has met
 * anything that is not plain.
 */
import { judgeHistogram } from './histogram-rules';
import { checkPoint, HISTOGRAM, isVersion2, SAMPLE, timestamp } from './messages';
import { newest, oldest, TOO_FAR_IN_FUTURE, TOO_FAR_IN_PAST } from './rules';
import { addTimestamp, forgetTimestamps } from './timestamp-set';
import { cursor, fault, readLength, readTag, seek, skipField } from './wire';

const SERIES_SAMPLES: u32 = 2;

/** The results: the first broken rule (0: none), and how many points Mimir drops. */
export let pointFault: u32 = 0;
export let repeatedPoints: u32 = 0;

/** The points of a valid series whose content is from `at` to `end`. `free`: unused memory begins here. */
export function judgePoints(at: u32, end: u32, free: u32): void {
  pointFault = 0;
  repeatedPoints = 0;
  judgeField(SERIES_SAMPLES, SAMPLE, at, end, free);
  if (pointFault !== 0 || fault !== 0) return;
  judgeField(isVersion2 ? 3 : 4, HISTOGRAM, at, end, free);
}

function judgeField(field: u32, message: u32, at: u32, end: u32, free: u32): void {
  forgetTimestamps(free);
  seek(at);
  while (cursor < end) {
    const tag = readTag(end);
    if (tag >>> 3 !== field) {
      skipField(tag, end);
      continue;
    }
    const length = readLength(end);
    const start = cursor;
    checkPoint(message, start + length);
    if (!addTimestamp(timestamp)) repeatedPoints++;
    else pointFault = judgePoint(message, start, start + length);
    if (pointFault !== 0 || fault !== 0) return;
    seek(start + length);
  }
}

function judgePoint(message: u32, at: u32, end: u32): u32 {
  if (timestamp > newest) return TOO_FAR_IN_FUTURE;
  if (timestamp < oldest) return TOO_FAR_IN_PAST;
  return message === HISTOGRAM ? judgeHistogram(at, end) : 0;
}
