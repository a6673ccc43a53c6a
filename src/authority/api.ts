/** The public face of the replicated state machine. Implemented by ./authority.ts; driven by src/node. */

import type { DetachedBody, LeafIndex } from '../audit/types.js';
import type { ClockRelease } from './acts.js';
import type { TaiNs } from '../time/types.js';
import type { CheckpointPolicy } from '../verify/checkpoint-policy.js';
import type { MembershipStep } from '../verify/membership-chain.js';
import type { FormerMember, Member, Membership } from '../verify/membership.js';
import type {
  ApprovedLeap,
  Audit,
  AuditPolicy,
  ClusterPolicy,
  Device,
  Judgement,
  MeasurementFacts,
} from './model.js';

export interface AppliedEntry {
  readonly index: number;
  /** Cluster time, TAI ns. */
  readonly time: TaiNs;
  readonly payload: Uint8Array;
  /** What a `config` entry of consensus says; absent for commands. */
  readonly configuration?: Configuration;
}

/** Who takes part in consensus after a `config` entry, as far as the members of the cluster are concerned. */
export interface Configuration {
  /** While the change is under way, those that it leads to. */
  readonly voters: readonly ConfiguredNode[];
  /** While the change is under way, those that it leads away from; null otherwise. */
  readonly outgoing: readonly string[] | null;
  readonly learners: readonly (ConfiguredNode & { readonly kind: 'staging' | 'standby' })[];
}

export interface ConfiguredNode {
  readonly id: string;
  /** Its data directory, 16 bytes; null while it is not known. */
  readonly incarnation: Uint8Array | null;
}

export interface MembershipView {
  /** In force. */
  readonly current: Membership;
  /** What is ordered; the same as `current` when nothing is. */
  readonly target: Membership;
  readonly pending: boolean;
  /** The last change is attested by a checkpoint, so that another one may be ordered. */
  readonly attested: boolean;
  /** The configuration that consensus applied last; null for the one of the genesis. */
  readonly configuration: {
    readonly index: number;
    readonly payload: Uint8Array;
    readonly incarnations: ReadonlyMap<string, Uint8Array | null>;
  } | null;
}

/** What one applied entry changed. A pure function of the state and the entry. */
export interface Applied {
  /** Encoded records, appended to the tree in this order. */
  readonly leaves: readonly Uint8Array[];
  readonly bodies: readonly DetachedBody[];
  /** The tree ends at a checkpoint boundary: every node cosigns the root reached here. */
  readonly boundary: boolean;
  /** The whole state as it was before this entry, when the entry recorded its digest. */
  readonly before?: Uint8Array;
  readonly events: readonly AuthorityEvent[];
}

/** What the node that applied it may want to act on. Every node sees the same events. */
export type AuthorityEvent =
  | { readonly kind: 'measured'; readonly audit: Audit }
  | { readonly kind: 'confirmed'; readonly audit: Audit }
  | { readonly kind: 'issued'; readonly audit: Audit; readonly leaf: LeafIndex }
  | { readonly kind: 'voided'; readonly audit: Audit }
  | {
      readonly kind: 'sessionOpened';
      readonly device: Device;
      readonly session: Uint8Array;
      readonly node: string;
    }
  | { readonly kind: 'stopOrdered'; readonly device: Device }
  /** `order` is the leaf of the stop order that was lifted. */
  | { readonly kind: 'stopReleased'; readonly device: Device; readonly order: LeafIndex }
  | { readonly kind: 'stopAcknowledged'; readonly device: Device }
  | { readonly kind: 'deviceChanged'; readonly device: Device }
  | { readonly kind: 'policyChanged'; readonly policy: ClusterPolicy }
  /** An operator released the clock of `node`; `leaf` is the record of it. */
  | {
      readonly kind: 'clockReleased';
      readonly node: string;
      readonly what: ClockRelease;
      readonly leaf: LeafIndex;
    }
  /** A leap-second table was approved, or an announcement entered. */
  | { readonly kind: 'leapChanged' }
  /** Members, orders about them, or what consensus made of them changed. */
  | { readonly kind: 'membershipChanged' }
  /** Consensus took a configuration that nobody ordered. */
  | { readonly kind: 'membershipAnomaly'; readonly detail: string }
  /** A command was refused; `nonce` is the command's own, so that the proposer can answer its caller. */
  | { readonly kind: 'refused'; readonly nonce: Uint8Array; readonly reason: string; readonly detail: string }
  /** A command took effect (or had done so before): answers the proposer's caller. */
  | { readonly kind: 'accepted'; readonly nonce: Uint8Array; readonly leaf: LeafIndex | null };

export interface Authority {
  /** `nextLeaf` is the index that the first leaf of this entry will get. Never throws on any payload. */
  apply(entry: AppliedEntry, nextLeaf: LeafIndex): Applied;
  /** Deterministic encoding of the whole state; equal states give equal bytes. */
  snapshot(): Uint8Array;

  policy(): ClusterPolicy;
  policyFor(device: Device): AuditPolicy;
  leap(): ApprovedLeap;
  devices(): readonly Device[];
  device(id: string): Device | undefined;
  deviceByIdentity(identity: string): Device | undefined;
  /** Audits of this node that still have a step to make, oldest first. */
  pending(node: string): readonly Audit[];
  /** When the first of all pending audits must have its outcome; null: none is pending. The next entry after it voids. */
  nextDeadline(): TaiNs | null;
  /** An audit that is pending or among the device's most recent ones. */
  audit(device: string, sequence: number): Audit | undefined;
  /** The audit that a client's (session, request) led to, if it is still remembered. */
  auditOfRequest(device: string, session: Uint8Array, request: number): Audit | undefined;
  /** Leaves that no checkpoint boundary covers yet. */
  uncovered(): number;

  /** The verdict that apply would reach on these facts now; null for an unknown device. */
  judge(facts: MeasurementFacts): Judgement | null;
  /** What the issuing key has to sign for this audit; null if its facts make no statement (it will be voided). */
  toBeSigned(audit: Audit): Uint8Array | null;
  /** The certificate with that signature in place, ready for the issue command. Only after `toBeSigned` gave bytes. */
  assemble(audit: Audit, signature: Uint8Array): Uint8Array;
  /** The committed certificate of an issued audit that is still remembered. */
  certificate(audit: Audit): Uint8Array | null;
  stateMachineVersion(): number;

  membership(): MembershipView;
  /** Whoever is, will be, or once was a member. */
  member(id: string): Member | FormerMember | undefined;
  /** Whose lines publish a checkpoint of this size. */
  checkpointPolicy(size: number): CheckpointPolicy;
  /** How the members changed until a checkpoint of this size: what a verifier follows from the genesis. */
  membershipSteps(size: number): readonly MembershipStep[];
}

/** The next step of an audit that only the measuring node can make. Derived from replicated state: resumable. */
export type IssuanceStep =
  | { readonly kind: 'confirm'; readonly audit: Audit }
  | { readonly kind: 'void'; readonly audit: Audit; readonly reason: string }
  /** Sign these bytes with the issuing key, then build and propose the issue command with the signature. */
  | { readonly kind: 'sign'; readonly audit: Audit; readonly toBeSigned: Uint8Array };
