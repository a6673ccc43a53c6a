/** Durations of simulated time as numbers of nanoseconds, and the instant at which every world begins. */
export const US = 1_000;
export const MS = 1_000_000;
export const S = 1_000_000_000;

/** TAI of the world's beginning: 2026-01-01T00:00:37 TAI. */
export const WORLD_START_TAI = 1_767_225_637_000_000_000n;
