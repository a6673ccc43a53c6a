/**
 * Two filters in front of the point estimate. They protect the best time from samples that are true but useless; they are
 * no part of the promise, which takes every valid sample.
 */

import { predict } from './regression.js';
import type { Estimate } from './regression.js';
import type { Sample } from './sample.js';

/** Least round trip of the window. */
export function leastDelay(samples: readonly Sample[]): bigint {
  let least: bigint | null = null;
  for (const { delay } of samples) if (least === null || delay < least) least = delay;
  return least ?? 0n;
}

/** Median absolute deviation of the round trips from their least one, nanoseconds. */
function delaySpread(samples: readonly Sample[], least: bigint): bigint {
  const excess = samples.map(({ delay }) => delay - least).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return excess[excess.length >> 1] ?? 0n;
}

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);

/** How far a sample lies from what the estimate expects at its instant. */
export function innovation(estimate: Estimate, sample: Sample): bigint {
  return sample.theta - predict(estimate, sample.mid);
}

/**
 * Whether a sample lies where neither noise nor its own delay can have put it: something else moved. The delay can move a
 * sample by half of its excess over the least delay, or by half of what the earlier ones had in excess of it.
 *
 * @param driftNs what the oscillator may have drifted since the estimate was made
 */
export function isSuspicious(
  estimate: Estimate,
  window: readonly Sample[],
  sample: Sample,
  floorNs: bigint,
  driftNs: bigint,
): boolean {
  const off = magnitude(innovation(estimate, sample));
  const noise = BigInt(Math.ceil(6 * estimate.sigmaNs)) + driftNs;
  const explained = magnitude(sample.delay - leastDelay(window)) / 2n;
  return off > explained + (noise > floorNs ? noise : floorNs);
}

/** Whether a sample's round trip is so long that it would only add noise to the line. */
export function isTooSlow(estimate: Estimate, window: readonly Sample[], sample: Sample): boolean {
  const least = leastDelay(window);
  const spread = 3n * delaySpread(window, least);
  const noise = BigInt(Math.ceil(10 * estimate.sigmaNs));
  return sample.delay > least + (spread > noise ? spread : noise);
}
