/** The clock room's door. */

export { startClock } from './service.js';
export type {
  ChronydSourceOptions,
  ClockOptions,
  ClockService,
  ClockSourceOptions,
  ClockStatus,
  NtpSourceOptions,
  NtsSourceOptions,
} from './service.js';
export { ClockReader } from './reader.js';
export type { ClockHandle } from './reader.js';
export { startReferenceServer } from './reference-server.js';
export type { ReferenceServer, ReferenceServerOptions } from './reference-server.js';
export { ClockError } from './errors.js';
export type { NtpKey } from './mac.js';
export { PeerKeyAgreement } from './peer-keys.js';
export type { PeerKey } from './peer-keys.js';
export type { PeerStatus } from './core/peers.js';
export type { ProfileName } from './core/profile.js';
export type { ReleaseWhat } from './core/inputs.js';
export type { SourceStatus } from './core/source.js';
export type {
  AnomalyEvent,
  ClockEvent,
  ComparisonEvent,
  KissEvent,
  LeapEvent,
  PersistFailedEvent,
  SampleRejectedEvent,
  SourceRole,
  TroubleCode,
  TransitionEvent,
} from './core/events.js';
export { checkHostClock } from './chronyd/host-check.js';
export type { HostClockFinding, HostClockOptions } from './chronyd/host-check.js';
export { wallMinusMonoSharply } from './monotonic.js';
export type { PossibleLeap } from './core/leap-keeper.js';
export { effectiveTable, nextPossibleLeap } from './core/leap-policy.js';
export type { LeapKnowledge, OperatorLeap } from './core/leap-policy.js';
