/** The public face of this room: what src/node and the commands may use. Nobody else knows of RocksDB or LevelDB. */

export {
  openDataDirectory,
  openForInspection,
  recordedEngine,
  type DataDirectory,
  type OpenDirectoryOptions,
} from './data-directory.js';
export { type DirectoryIdentity, type DirectoryLayout } from './directory-files.js';
export { chooseEngine, engineLoads, type DiskEngine, type EngineChoice } from './engine.js';
export {
  LedgerDamagedError,
  LogDamagedError,
  StorageClosedError,
  StorageFailedError,
  StoreError,
  WitnessError,
  type StoreErrorCode,
} from './errors.js';
export { inspectDirectory, type Inspection } from './inspection.js';
export { syncDirectory, writeFileAtomically } from './atomic-file.js';
export { endProcess } from './process-end.js';
