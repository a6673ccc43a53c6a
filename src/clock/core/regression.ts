/**
 * The best time: a weighted straight line through the recent samples (chrony's method, sourcestats.c and regress.c).
 * Its window adapts itself: while the signs of the residuals run too long for chance, the line does not fit and the oldest
 * sample is dropped. This estimate may be clever because nothing is promised on it; the promise is `bound.ts`.
 *
 * Floats are used on differences only: offsets relative to the newest sample, ages in seconds.
 */

import { tuning } from './profile.js';
import { sampleDistance } from './sample.js';
import type { Sample } from './sample.js';

export interface Estimate {
  /** Instant of the newest sample used. */
  readonly mono: bigint;
  /** TAI − mono there, nanoseconds. */
  readonly offset: bigint;
  /** Rate of TAI against mono minus one, parts per billion; 0 while `samples` is too small. */
  readonly ratePpb: number;
  /** One standard deviation of the offset, nanoseconds. */
  readonly sigmaNs: number;
  /** Bound of the rate's error as the regression sees it, parts per billion. It knows nothing of wander. */
  readonly skewPpb: number;
  /** Samples in the window after the runs test; fewer than `minRegressionSamples` means that no line was fitted. */
  readonly samples: number;
}

/** 5 % critical number of sign runs for n = 0 … 64 points: fewer mean that the line does not fit (chrony regress.c). */
export const criticalRuns: readonly number[] = [
  0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 3, 3, 4, 4, 5, 5, 5, 6, 6, 7, 7, 7, 8, 8, 9, 9, 9, 10, 10, 11, 11, 11, 12, 12,
  13, 13, 14, 14, 14, 15, 15, 16, 16, 17, 17, 18, 18, 18, 19, 19, 20, 20, 21, 21, 21, 22, 22, 23, 23, 24, 24,
  25, 25, 26, 26,
];

/** Student's t, two-sided 99.9 %, for 1 … 40 degrees of freedom. */
const tTable: readonly number[] = [
  636.6, 31.6, 12.92, 8.61, 6.869, 5.959, 5.408, 5.041, 4.781, 4.587, 4.437, 4.318, 4.221, 4.14, 4.073, 4.015,
  3.965, 3.922, 3.883, 3.85, 3.819, 3.792, 3.768, 3.745, 3.725, 3.707, 3.69, 3.674, 3.659, 3.646, 3.633,
  3.622, 3.611, 3.601, 3.591, 3.582, 3.574, 3.566, 3.558, 3.551,
];

export function tQuantile(degreesOfFreedom: number): number {
  const index = Math.min(Math.max(Math.floor(degreesOfFreedom), 1), tTable.length) - 1;
  return tTable[index] ?? 636.6;
}

export interface Point {
  /** Seconds, 0 for the newest, negative before. */
  readonly t: number;
  /** Nanoseconds relative to the newest sample. */
  readonly y: number;
  /** Variance factor: 1 for the best samples, larger for worse. */
  readonly w: number;
}

export interface Line {
  /** Value at t = 0. */
  readonly intercept: number;
  /** Nanoseconds per second. */
  readonly slope: number;
  readonly sigmaIntercept: number;
  readonly sigmaSlope: number;
  readonly residuals: readonly number[];
}

/** Weighted least squares with the mean time removed, so that slope and mean are uncorrelated. At least 3 points. */
export function fitLine(points: readonly Point[]): Line {
  let [sw, st, sy] = [0, 0, 0];
  for (const { t, y, w } of points) {
    sw += 1 / w;
    st += t / w;
    sy += y / w;
  }
  const u = st / sw;
  let [stt, sty] = [0, 0];
  for (const { t, y, w } of points) {
    stt += (t - u) ** 2 / w;
    sty += (y * (t - u)) / w;
  }
  const slope = stt > 0 ? sty / stt : 0;
  const intercept = sy / sw - slope * u;
  const residuals = points.map(({ t, y }) => y - intercept - slope * t);
  let sum = 0;
  points.forEach(({ w }, i) => (sum += (residuals[i] ?? 0) ** 2 / w));
  const variance = sum / Math.max(points.length - 2, 1);
  const sigmaSlope = stt > 0 ? Math.sqrt(variance / stt) : Infinity;
  return {
    intercept,
    slope,
    sigmaSlope,
    sigmaIntercept: Math.sqrt(variance / sw + (u * sigmaSlope) ** 2),
    residuals,
  };
}

/** Number of runs of equal sign. */
export function countRuns(residuals: readonly number[]): number {
  let runs = 0;
  let last = 0;
  for (const residual of residuals) {
    const sign = residual < 0 ? -1 : 1;
    if (sign !== last) runs++;
    last = sign;
  }
  return runs;
}

function median(sorted: readonly number[]): number {
  return sorted[sorted.length >> 1] ?? 0;
}

/** Points with weights from each sample's distance: twice as uncertain beyond the usual spread counts a quarter. */
function toPoints(samples: readonly Sample[], newest: Sample): Point[] {
  const distances = samples.map((sample) => Number(sampleDistance(sample)));
  const sorted = [...distances].sort((a, b) => a - b);
  const least = sorted[0] ?? 0;
  const spread = Math.min(Math.max((median(sorted) - least) / 0.7, 1000), Math.max(least, 1000));
  return samples.map((sample, i) => ({
    t: Number(sample.mid - newest.mid) / 1e9,
    y: Number(sample.theta - newest.theta),
    w: (1 + ((distances[i] ?? 0) - least) / spread) ** 2,
  }));
}

/** Before a line can be fitted: the sample that is certain to the least interval, moved at the assumed rate. */
function fromBestSample(samples: readonly Sample[], newest: Sample, assumedRatePpb: number): Estimate {
  let best = newest;
  for (const sample of samples) if (sampleDistance(sample) <= sampleDistance(best)) best = sample;
  const drift = BigInt(Math.round((Number(newest.mid - best.mid) * assumedRatePpb) / 1e9));
  return {
    mono: newest.mid,
    offset: best.theta + drift,
    ratePpb: assumedRatePpb,
    sigmaNs: Number(sampleDistance(best)),
    skewPpb: Infinity,
    samples: Math.min(samples.length, tuning.minRegressionSamples - 1),
  };
}

/**
 * @param samples ascending in time, at most `tuning.maxSamples`, not empty
 * @param assumedRatePpb used until the samples say something about rate
 * @param usableSkewPpb a fitted rate less certain than this is not used
 */
export function estimate(
  samples: readonly Sample[],
  assumedRatePpb: number,
  usableSkewPpb: number,
): Estimate {
  const newest = samples.at(-1);
  if (newest === undefined) throw new RangeError('an estimate needs a sample');
  let window = samples;
  let line: Line | null = null;
  while (window.length >= tuning.minRegressionSamples) {
    line = fitLine(toPoints(window, newest));
    if (countRuns(line.residuals) > (criticalRuns[window.length] ?? 0)) break;
    if (window.length === tuning.minRegressionSamples) break;
    window = window.slice(1);
  }
  if (line === null) return fromBestSample(samples, newest, assumedRatePpb);
  // A nanosecond a second is a part per billion. A clock read in whole microseconds cannot have no error at all.
  const skewPpb = Math.max(line.sigmaSlope * tQuantile(window.length - 2), 1);
  if (!(skewPpb <= usableSkewPpb)) return fromBestSample(window, newest, assumedRatePpb);
  return {
    mono: newest.mid,
    offset: newest.theta + BigInt(Math.round(line.intercept)),
    ratePpb: line.slope,
    sigmaNs: line.sigmaIntercept,
    skewPpb,
    samples: window.length,
  };
}

/** TAI − mono that the estimate expects at `mono`. */
export function predict(from: Estimate, mono: bigint): bigint {
  return from.offset + BigInt(Math.round((Number(mono - from.mono) * from.ratePpb) / 1e9));
}
