/** Errors of the clock room. Each says what to do. */

export type ClockErrorCode = 'CLOCK_CONFIG_INVALID' | 'CLOCK_WORKER_FAILED' | 'CLOCK_REFERENCE_UNAVAILABLE';

export class ClockError extends Error {
  readonly code: ClockErrorCode;
  constructor(code: ClockErrorCode, message: string, options?: { cause?: unknown }) {
    super(`${code}: ${message}`, options);
    this.name = 'ClockError';
    this.code = code;
  }
}
