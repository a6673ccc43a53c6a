/** What the clock has to tell: every one of these can become an audit record. Sign convention: TAA − reference. */

import type { ClockState, DurNs, MonoNs, TaiInterval, TaiNs } from '../../time/types.js';
import type { LeapChange, LeapVotes } from './leap-policy.js';
import type { TransitionReason } from './machine.js';
import type { HostTest } from './host-report.js';
import type { PeerNoteCode } from './peers.js';
import type { PacketTest } from './verdict.js';

export type SourceRole = 'reference' | 'monitor';

/** Why a question gave no sample: a failed test of packet or host report, an improbable offset, or silence. */
export type RejectionTest = PacketTest | HostTest | 'innovation' | 'answered';

/** Why a source cannot be asked at all. */
export type TroubleCode = 'sourceUnresolved' | 'keysNotEstablished';

/** When it happened: on the monotonic clock, and in TAI as far as it was known. */
export interface EventTime {
  readonly mono: MonoNs;
  readonly tai: TaiInterval | null;
  readonly epoch: number;
}

export interface TransitionEvent extends EventTime {
  readonly kind: 'transition';
  readonly from: ClockState;
  readonly to: ClockState;
  readonly reason: TransitionReason;
  /** For a person: for an empty intersection both statements that exclude each other. */
  readonly detail: string;
}

/** TAA − UTC(reference), measured by one accepted sample; monitors are measured in the same way and steer nothing. */
export interface ComparisonEvent extends EventTime {
  readonly kind: 'comparison';
  readonly source: string;
  readonly address: string;
  readonly role: SourceRole;
  readonly authenticated: boolean;
  /** Served TAA time minus the source's time, nanoseconds. */
  readonly offset: DurNs;
  /** The true difference lies within offset ± uncertainty. */
  readonly uncertainty: DurNs;
  /** Round trip. */
  readonly delay: DurNs;
  readonly state: ClockState;
  /** Number of the accepted reference sample; 0 for a monitor. */
  readonly sample: number;
  /** TAI − UTC that was used to read the source's label. */
  readonly taiMinusUtc: number;
}

export type AnomalyCode =
  | 'suspectSample'
  | 'leapContradiction'
  | 'leapTableExpired'
  | 'leapTableExpiring'
  | 'smearSuspected'
  | 'referenceSuspected'
  | 'referenceConfirmed'
  | 'referenceCleared'
  | 'highWaterAhead'
  | 'wallClockStepped'
  | 'workerStalled'
  | 'workerStopped'
  | 'budgetExhausted'
  | 'memoryRejected'
  | 'sourceRoleChanged'
  | TroubleCode
  /** This node's threads stood still; the oscillator ran on. */
  | 'processPaused'
  | 'released'
  | 'peerSocketFailed'
  | PeerNoteCode;

export interface AnomalyEvent extends EventTime {
  readonly kind: 'anomaly';
  readonly code: AnomalyCode;
  readonly source: string | null;
  readonly detail: string;
}

export interface SampleRejectedEvent extends EventTime {
  readonly kind: 'sampleRejected';
  readonly source: string;
  readonly address: string;
  readonly test: RejectionTest;
}

export interface KissEvent extends EventTime {
  readonly kind: 'kod';
  readonly source: string;
  readonly address: string;
  /** Four letters. */
  readonly code: string;
  readonly authenticated: boolean;
}

/**
 * `dailyCheck`: once a UTC day, what the list says and how long it will; `preset`: a leap second is decided for the coming
 * midnight; `executed`: the clock has gone through it; `doubtful`: a midnight passed about which there was doubt.
 */
export type LeapPhase = 'dailyCheck' | 'preset' | 'executed' | 'doubtful';

export interface LeapEvent extends EventTime {
  readonly kind: 'leap';
  readonly phase: LeapPhase;
  /** 00:00:00 UTC after the leap second, or after the next possible one. */
  readonly midnight: TaiNs;
  readonly change: LeapChange;
  readonly votes: LeapVotes;
  /** Check word of the list that this node uses. */
  readonly tableHash: string;
  /** Whole days until that list expires; negative afterwards. */
  readonly daysLeft: number;
}

/** The state that must survive a restart could not be written; polling stops being accountable until it can. */
export interface PersistFailedEvent extends EventTime {
  readonly kind: 'persistFailed';
  readonly detail: string;
}

export type ClockEvent =
  | TransitionEvent
  | ComparisonEvent
  | AnomalyEvent
  | SampleRejectedEvent
  | KissEvent
  | LeapEvent
  | PersistFailedEvent;
