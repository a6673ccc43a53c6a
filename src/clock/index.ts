/** The clock room's door. */

export { startClock } from './service.js';
export type { ClockOptions, ClockService, ClockSourceOptions } from './service.js';
export { ClockReader } from './reader.js';
export type { ClockHandle } from './reader.js';
export { startReferenceServer } from './reference-server.js';
export type { ReferenceServer, ReferenceServerOptions } from './reference-server.js';
export { ClockError } from './errors.js';
export type { NtpKey } from './mac.js';
export type { ProfileName } from './core/profile.js';
export type { ReleaseWhat } from './core/inputs.js';
export type { SourceStatus } from './core/source.js';
export type {
  AnomalyEvent,
  ClockEvent,
  ComparisonEvent,
  KissEvent,
  PersistFailedEvent,
  SampleRejectedEvent,
  SourceRole,
  TransitionEvent,
} from './core/events.js';
export { nextPossibleLeap } from './core/leap-policy.js';
