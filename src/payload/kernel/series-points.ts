/** The samples, histograms and exemplars of the current series: their numbers, time range and order. */
import { isOddHistogram } from './histogram-rules';

export let samples: u32 = 0;
export let histograms: u32 = 0;
export let exemplars: u32 = 0;
export let leastTimestamp: i64 = i64.MAX_VALUE;
export let greatestTimestamp: i64 = i64.MIN_VALUE;
/** Samples or histograms are not in the order of time, or a histogram is not plain. */
export let hasOddPoint: bool = false;
let lastSample: i64 = 0;
let lastHistogram: i64 = 0;

// @ts-ignore: decorator
@inline
export function beginPoints(): void {
  samples = 0;
  histograms = 0;
  exemplars = 0;
  leastTimestamp = i64.MAX_VALUE;
  greatestTimestamp = i64.MIN_VALUE;
  hasOddPoint = false;
}

/** In place of `beginPoints`, for a series that has this sample and no other point: nearly all series. */
// @ts-ignore: decorator
@inline
export function setOnlySample(timestamp: i64): void {
  samples = 1;
  histograms = 0;
  exemplars = 0;
  leastTimestamp = timestamp;
  greatestTimestamp = timestamp;
  hasOddPoint = false;
}

// @ts-ignore: decorator
@inline
export function addSample(timestamp: i64): void {
  // In a series of one sample nothing can be repeated, and nearly all series are of one.
  if (samples > 0 && timestamp <= lastSample) hasOddPoint = true;
  lastSample = timestamp;
  samples++;
  noteTimestamp(timestamp);
}

export function addHistogram(timestamp: i64): void {
  if (isOddHistogram() || (histograms > 0 && timestamp <= lastHistogram)) hasOddPoint = true;
  lastHistogram = timestamp;
  histograms++;
  noteTimestamp(timestamp);
}

export function addExemplar(): void {
  exemplars++;
}

// @ts-ignore: decorator
@inline
function noteTimestamp(timestamp: i64): void {
  leastTimestamp = min<i64>(leastTimestamp, timestamp);
  greatestTimestamp = max<i64>(greatestTimestamp, timestamp);
}
