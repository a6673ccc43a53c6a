/** What a bench says to the person who started it: a sentence with the remedy, without a stack. */
export class BenchError extends Error {
  readonly code = 'BENCH_FAILED';
  /** 1 failed, 2 usage. */
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = 'BenchError';
    this.exitCode = exitCode;
  }
}
