// Tests run from compiled code, one process a file: the storage engines, signals and `process` state are per process.
export default {
  files: ['dist/test/**/*.test.js'],
  timeout: '120s',
  workerThreads: false,
  concurrency: 2,
};
