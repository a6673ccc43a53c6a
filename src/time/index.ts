/** Time as the whole house writes it: TAI inside, UTC labels outside, intervals throughout. */

export * from './types.js';
export * from './leap-table.js';
export * from './utc-label.js';
export * as intervals from './interval.js';
export type { DurInterval } from './interval.js';
