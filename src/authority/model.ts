/**
 * The replicated model: who is audited, under which policy, and what became of every audit. Everything here is a
 * function of the log; nothing is a node's own opinion or configuration.
 */

import type { ClockState, DurNs, LeapState, PeerVerdict, TaiNs } from '../time/types.js';
import type { LeafIndex } from '../audit/types.js';

/** Audit policy of a device. All lengths in nanoseconds. */
export interface AuditPolicy {
  /** The verdict passes only if the whole interval of TSA − UTC(NICT) lies inside (−limit, +limit). */
  readonly limit: DurNs;
  /** Planned time between two audits. */
  readonly interval: DurNs;
  /** A measurement whose best round trip is longer is inconclusive. */
  readonly maxDelay: DurNs;
  /** Evidence validity of a certificate. */
  readonly certificateLife: DurNs;
  /** How long a pass permits the device to issue: the SDK's lease, on the device's own monotonic clock. */
  readonly lease: DurNs;
  /** A measurement not issued by then (cluster time) is voided. */
  readonly voidAfter: DurNs;
}

/** The texts under which a certificate is issued. */
export interface PolicyTerms {
  /** Dotted OID printed in certificates; a laboratory's is a test OID. */
  readonly policyOid: string;
  /**
   * OID (empty if none is published) and name of the time source printed in certificates, e.g. UTC(NICT) or
   * "laboratory, not UTC(NICT)".
   */
  readonly sourceOid: string;
  readonly sourceName: string;
}

/**
 * What confirms a measurement: `peers`, two later rounds in which a majority of the clocks agrees (or a later sample of the
 * reference, whichever comes first); `reference`, a later sample of the reference alone.
 */
export type ConfirmBy = 'peers' | 'reference';

export interface ClusterPolicy extends PolicyTerms {
  /** Grows by one at every change. Named in each certificate. */
  readonly version: number;
  readonly audit: AuditPolicy;
  /** TAA − UTC(NICT) bound at which an alarm is recorded, and at which measuring stops. */
  readonly taaAlarm: DurNs;
  readonly taaStop: DurNs;
  readonly confirmBy: ConfirmBy;
}

/** A leap-seconds.list that an administrator approved. POSIX seconds. */
export interface ApprovedLeapTable {
  /** Its check word, 40 hexadecimal digits: nodes compare the list that they use by it. */
  readonly hash: string;
  readonly updated: bigint;
  /** From here on it says nothing about new leap seconds. */
  readonly expires: bigint;
  /** After its last line. */
  readonly taiMinusUtc: number;
  readonly source: string;
  readonly leaf: LeafIndex;
}

/** What an operator put on record about the end of one month. */
export interface LeapEntry {
  /** The 00:00:00 UTC that begins the next month, POSIX seconds. */
  readonly midnight: bigint;
  readonly change: -1 | 0 | 1;
  readonly reference: string;
  readonly leaf: LeafIndex;
}

export interface ApprovedLeap {
  /** Null before the first approval: then every node uses the table that it was built with. */
  readonly table: ApprovedLeapTable | null;
  /** Ascending, one for a midnight. */
  readonly entries: readonly LeapEntry[];
}

export type AuditVerdict = 'pass' | 'fail' | 'inconclusive';

/** Where an audit stands. `delivered` is not replicated: every retry gives the same bytes. */
export type AuditStage = 'measured' | 'confirmed' | 'issued';

/** What became of an audit, exactly one per sequence number. */
export type AuditOutcome =
  | { readonly kind: 'certified'; readonly leaf: LeafIndex }
  | { readonly kind: 'failed' }
  | { readonly kind: 'inconclusive'; readonly reason: string }
  | { readonly kind: 'voided'; readonly leaf: LeafIndex; readonly reason: string };

/** One exchange with the audited clock. t1, t4: TAA clock (best estimate); t2, t3: the audited clock's own reading. */
export interface AuditSample {
  readonly t1: TaiNs;
  readonly t2: TaiNs;
  readonly t3: TaiNs;
  readonly t4: TaiNs;
}

/** The facts of one measurement, as the measuring node testifies to them. Integers only. */
export interface MeasurementFacts {
  readonly device: string;
  /** 16 bytes chosen by the client at connect; with `request` it makes an audit exactly-once. */
  readonly session: Uint8Array;
  readonly request: number;
  readonly samples: readonly AuditSample[];
  /** Timescale in which the client says it answered; readings near a leap that are not TAI are inconclusive. */
  readonly timescale: 'tai' | 'utc';
  /** The node's clock while it measured: TAA − UTC(NICT) lies in [taaLow, taaHigh] for every t1 and t4. */
  readonly taaLow: DurNs;
  readonly taaHigh: DurNs;
  readonly clockState: ClockState;
  readonly clockEpoch: number;
  readonly clockSamples: number;
  readonly rhoPpb: number;
  /** TAI − UTC in force during the whole measurement, seconds. */
  readonly taiMinusUtc: number;
  readonly leap: LeapState;
  readonly unmonitored: boolean;
  /** Where the clock stood among its peers, and the rounds in which a majority had agreed with it so far. */
  readonly peers: PeerVerdict;
  readonly peerRounds: number;
  /** Names one run of the measuring process: a measurement can only be confirmed by the run that made it. */
  readonly run: Uint8Array;
  /** The client's signed readings (canonical bytes and signature), evidence that is checked again offline. */
  readonly clientStatement: Uint8Array;
  readonly clientSignature: Uint8Array;
}

/** What apply computes from the facts under the policy in force. */
export interface Judgement {
  readonly verdict: AuditVerdict;
  /** Why a verdict is inconclusive; empty otherwise. */
  readonly reason: string;
  /** TSA − TAA: [tsaLow, tsaHigh], from the sample with the shortest round trip. */
  readonly tsaLow: DurNs;
  readonly tsaHigh: DurNs;
  /** Round trip of that sample. */
  readonly delay: DurNs;
  /** TSA − UTC(NICT). */
  readonly low: DurNs;
  readonly high: DurNs;
}

export interface Audit {
  readonly device: string;
  /** 1…n per device without a gap. */
  readonly sequence: number;
  readonly node: string;
  /** Leaf of the measurement record: the certificate's serial number. */
  readonly leaf: LeafIndex;
  /** RFC 6962 leaf hash of that record, named in the certificate. */
  readonly leafHash: Uint8Array;
  readonly facts: MeasurementFacts;
  readonly judgement: Judgement;
  readonly policy: AuditPolicy;
  readonly policyVersion: number;
  /** In force when it was measured: what is certified later is certified under these. */
  readonly terms: PolicyTerms;
  /** Cluster time after which it is voided. */
  readonly deadline: TaiNs;
  readonly stage: AuditStage;
  readonly outcome: AuditOutcome | null;
  /** The committed CMS statement, once issued. */
  readonly certificate: Uint8Array | null;
}

export interface Stop {
  /** Leaf of the stop order. */
  readonly leaf: LeafIndex;
  readonly reason: string;
  readonly acknowledgedLeaf: LeafIndex | null;
}

export interface Credential {
  /** DER SubjectPublicKeyInfo of the key in the client's TLS certificate; it also signs readings. */
  readonly spki: Uint8Array;
  readonly suspended: boolean;
}

export interface Device {
  /** Opaque id that leaves use; the name stays in a detached body. */
  readonly id: string;
  readonly subscriber: string;
  /** Identity URI of its client certificate: taa://<cluster>/client/<name>. */
  readonly identity: string;
  readonly credentials: readonly Credential[];
  /** Overrides of the cluster's audit policy. */
  readonly policy: Partial<AuditPolicy>;
  readonly stop: Stop | null;
  readonly lastSequence: number;
}
